/** Parents, root, orphans, cycles and depths (docs/stitching.md, Shape). */
import { groupBy } from './group-by.js';
import {
  compareIdentities,
  compareSpans,
  durationNs,
  KIND_CLIENT,
  KIND_CONSUMER,
  KIND_SERVER,
  type OracleSpan,
} from './types.js';

export interface Shape {
  /** In the order that settles ties: start, span id, kind. */
  readonly spans: readonly OracleSpan[];
  readonly parent: ReadonlyMap<OracleSpan, OracleSpan>;
  readonly children: ReadonlyMap<OracleSpan, readonly OracleSpan[]>;
  /** Spans without a parent in the trace, in order. */
  readonly tops: readonly OracleSpan[];
  readonly root: OracleSpan | undefined;
  readonly rootCount: number;
  readonly orphanCount: number;
  readonly hasCycle: boolean;
  readonly depth: ReadonlyMap<OracleSpan, number>;
  /** The root, else the earliest top, else the earliest head of a cycle. */
  readonly entry: OracleSpan;
}

/** `spans`: distinct ones, at least one. */
export function shapeOf(unordered: readonly OracleSpan[]): Shape {
  const spans = [...unordered].sort(compareSpans);
  const parent = findParents(spans);
  const children = groupChildren(spans, parent);
  const tops = spans.filter(span => !parent.has(span));
  const roots = tops.filter(span => span.parentSpanId === '');
  const root = [...roots].sort(compareRoots)[0];
  const orphans = tops.filter(span => span.parentSpanId !== '');
  const heads = cycleHeads(spans, parent);
  return {
    spans,
    parent,
    children,
    tops,
    root,
    rootCount: roots.length,
    orphanCount: orphans.length,
    hasCycle: heads.length > 0 || orphans.some(span => span.parentSpanId === span.spanId),
    depth: depthsBelow([...tops, ...heads], root, children),
    entry: root ?? tops[0] ?? heads[0],
  };
}

function findParents(spans: readonly OracleSpan[]): Map<OracleSpan, OracleSpan> {
  const byId = groupBy(spans, span => span.spanId);
  const parent = new Map<OracleSpan, OracleSpan>();
  for (const span of spans) {
    const found = findParent(span, byId);
    if (found !== undefined) parent.set(span, found);
  }
  return parent;
}

function findParent(span: OracleSpan, byId: ReadonlyMap<string, OracleSpan[]>): OracleSpan | undefined {
  if (span.kind === KIND_SERVER) {
    const client = byId.get(span.spanId)!.find(other => other.kind === KIND_CLIENT);
    if (client !== undefined) return client;
  }
  if (span.parentSpanId === '' || span.parentSpanId === span.spanId) return undefined;
  const candidates = byId.get(span.parentSpanId) ?? [];
  return (
    candidates.find(other => other.kind === KIND_SERVER) ??
    candidates.find(other => other.kind === KIND_CONSUMER) ??
    [...candidates].sort(compareIdentities)[0]
  );
}

function groupChildren(
  spans: readonly OracleSpan[],
  parent: ReadonlyMap<OracleSpan, OracleSpan>,
): Map<OracleSpan, OracleSpan[]> {
  const children = new Map<OracleSpan, OracleSpan[]>(spans.map(span => [span, []]));
  for (const [child, of] of parent) children.get(of)!.push(child);
  return children;
}

/** Starts first, then lasts longest, then the lower id, then the lower kind. */
function compareRoots(a: OracleSpan, b: OracleSpan): number {
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? -1 : 1;
  if (durationNs(a) !== durationNs(b)) return durationNs(a) > durationNs(b) ? -1 : 1;
  return compareIdentities(a, b);
}

/** The earliest span on each cycle, in order. */
function cycleHeads(spans: readonly OracleSpan[], parent: ReadonlyMap<OracleSpan, OracleSpan>): OracleSpan[] {
  const settled = new Set<OracleSpan>();
  const heads: OracleSpan[] = [];
  for (const span of spans) {
    const way: OracleSpan[] = [];
    let at: OracleSpan | undefined = span;
    while (at !== undefined && !settled.has(at)) {
      settled.add(at);
      way.push(at);
      at = parent.get(at);
    }
    // The way up came back to itself: what lies from there on is a cycle.
    if (at !== undefined && way.includes(at)) heads.push(way.slice(way.indexOf(at)).sort(compareSpans)[0]);
  }
  return heads.sort(compareSpans);
}

/** 0 for the root, 1 for other tops and heads of cycles, one more per step down. */
function depthsBelow(
  starts: readonly OracleSpan[],
  root: OracleSpan | undefined,
  children: ReadonlyMap<OracleSpan, readonly OracleSpan[]>,
): Map<OracleSpan, number> {
  const depth = new Map<OracleSpan, number>();
  for (const span of starts) depth.set(span, span === root ? 0 : 1);
  const queue = [...starts];
  for (const span of queue) {
    for (const child of children.get(span)!) {
      // A head is the child of the last span of its cycle.
      if (depth.has(child)) continue;
      depth.set(child, depth.get(span)! + 1);
      queue.push(child);
    }
  }
  return depth;
}
