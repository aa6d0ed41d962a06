/** The critical path (docs/stitching.md): recursive, on arrays of objects, as the words say it. */
import type { Shape } from './shape.js';
import {
  compareIdentities,
  durationNs,
  effectiveEndNs,
  KIND_CLIENT,
  KIND_CONSUMER,
  KIND_PRODUCER,
  KIND_SERVER,
  type OracleSpan,
} from './types.js';

export interface PathSection {
  readonly span: OracleSpan;
  /** The called span where the section is a link. */
  readonly callee: OracleSpan | undefined;
  /** On shifted times. */
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** A span's times as shifted, or the part of them that lies in a window. */
interface Part {
  readonly span: OracleSpan;
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** Sections in order of time; empty without a root. Recursion is as deep as the trace. */
export function criticalPath(shape: Shape, shiftNs: ReadonlyMap<OracleSpan, bigint>): PathSection[] {
  const { root } = shape;
  if (root === undefined) return [];
  const window: Part = { span: root, startNs: root.startNs, endNs: root.startNs + durationNs(root) };
  const backwards: PathSection[] = [];
  walk(window, shape, shiftNs, backwards);
  return backwards.reverse();
}

function walk(part: Part, shape: Shape, shiftNs: ReadonlyMap<OracleSpan, bigint>, backwards: PathSection[]): void {
  const children = synchronousChildren(part.span, shape)
    .map(child => cut(shifted(child, shiftNs), part))
    .filter(child => child.endNs > child.startNs)
    .sort(latestFirst);
  let cursor = part.endNs;
  const addOwn = (from: bigint) => {
    if (from === cursor) return;
    const callee = calleeBefore(part.span, cursor, shape, shiftNs);
    backwards.push({ span: part.span, callee, startNs: from, endNs: cursor });
  };
  for (const child of children) {
    // It overlaps a child that was already taken.
    if (child.endNs > cursor) continue;
    addOwn(child.endNs);
    walk(child, shape, shiftNs, backwards);
    cursor = child.startNs;
  }
  addOwn(part.startNs);
}

function synchronousChildren(span: OracleSpan, shape: Shape): OracleSpan[] {
  if (span.kind === KIND_PRODUCER) return [];
  return shape.children.get(span)!.filter(child => child.kind !== KIND_CONSUMER);
}

function shifted(span: OracleSpan, shiftNs: ReadonlyMap<OracleSpan, bigint>): Part {
  const shift = shiftNs.get(span)!;
  return { span, startNs: span.startNs + shift, endNs: effectiveEndNs(span) + shift };
}

function cut(part: Part, window: Part): Part {
  return {
    span: part.span,
    startNs: part.startNs > window.startNs ? part.startNs : window.startNs,
    endNs: part.endNs < window.endNs ? part.endNs : window.endNs,
  };
}

/** The last end, then the later start, then the lower span id and kind. */
function latestFirst(a: Part, b: Part): number {
  if (a.endNs !== b.endNs) return a.endNs > b.endNs ? -1 : 1;
  if (a.startNs !== b.startNs) return a.startNs > b.startNs ? -1 : 1;
  return compareIdentities(a.span, b.span);
}

/** Whom a section that ends at `endNs` waits for: the callee that ends last by then, else the one that starts first. */
function calleeBefore(
  caller: OracleSpan,
  endNs: bigint,
  shape: Shape,
  shiftNs: ReadonlyMap<OracleSpan, bigint>,
): OracleSpan | undefined {
  const remote = shape.children
    .get(caller)!
    .filter(child => child.kind === KIND_SERVER || child.kind === KIND_CONSUMER)
    .filter(child => child.service !== caller.service);
  if (!isCall(caller, remote, shape)) return undefined;
  const callees = remote.map(child => shifted(child, shiftNs));
  const before = callees.filter(callee => callee.endNs <= endNs).sort(latestFirst);
  return (before[0] ?? callees.sort(earliestFirst)[0])?.span;
}

function isCall(caller: OracleSpan, remote: readonly OracleSpan[], shape: Shape): boolean {
  if (caller.kind === KIND_CLIENT || caller.kind === KIND_PRODUCER) return true;
  const hasNoKind = caller.kind !== KIND_SERVER && caller.kind !== KIND_CONSUMER;
  return hasNoKind && caller !== shape.root && remote.length === 1 && shape.children.get(caller)!.length === 1;
}

function earliestFirst(a: Part, b: Part): number {
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? -1 : 1;
  return compareIdentities(a.span, b.span);
}
