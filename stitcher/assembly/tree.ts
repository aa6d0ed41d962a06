/**
 * The shape of a trace (docs/stitching.md, Shape): parents, children, root, orphans, cycles, depths. Linear but for the
 * look-up of parent ids, which is a binary search.
 */
import { KIND_CLIENT, KIND_CONSUMER, KIND_SERVER } from './span-codes.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';

/** Values of `depth` while walking. */
const UNVISITED = -1;

export class Tree {
  capacity = 0;
  /** NO_SPAN for tops. */
  parent = new Int32Array(0);
  /** Children of a span, in canonical order: `children[childOffset[span] .. childOffset[span + 1])`. */
  childOffset = new Int32Array(1);
  children = new Int32Array(0);
  depth = new Int32Array(0);
  /** Every span once, parents before children; those reachable from a top are [0, reachedCount), the rest sit on or below cycles. */
  order = new Int32Array(0);
  reachedCount = 0;
  /** Spans in `order` that head a cycle: the earliest span on each. */
  cycleHeads = new Int32Array(0);
  cycleHeadCount = 0;

  root = NO_SPAN;
  rootCount = 0;
  orphanCount = 0;
  hasCycle = false;
  /** The root, else the earliest top, else the earliest head of a cycle. */
  entry = NO_SPAN;

  /** Free between steps. */
  #mark = new Int32Array(0);

  build(spans: TraceSpans): void {
    this.#reserve(spans.count);
    this.#findParents(spans);
    this.#chooseRoot(spans);
    this.#groupChildren(spans.count);
    this.#walkFromTops(spans.count);
    if (this.reachedCount < spans.count) this.#walkCycles(spans.count);
    if (this.root !== NO_SPAN) this.entry = this.root;
    else this.entry = this.reachedCount > 0 ? this.order[0] : this.#earliestHead();
  }

  #findParents(spans: TraceSpans): void {
    const parent = this.parent;
    this.orphanCount = 0;
    this.hasCycle = false;
    for (let span = 0; span < spans.count; span++) {
      const found = findParent(spans, span);
      parent[span] = found;
      if (found !== NO_SPAN || !spans.hasParentId(span)) continue;
      this.orphanCount++;
      if (spans.isOwnParent(span)) this.hasCycle = true;
    }
  }

  /** Canonical order settles all but duration, which comes second after start. */
  #chooseRoot(spans: TraceSpans): void {
    let root = NO_SPAN;
    let rootCount = 0;
    for (let span = 0; span < spans.count; span++) {
      if (this.parent[span] !== NO_SPAN || spans.hasParentId(span)) continue;
      rootCount++;
      if (root === NO_SPAN || isLonger(spans, span, root)) root = span;
    }
    this.root = root;
    this.rootCount = rootCount;
  }

  #groupChildren(count: number): void {
    const { parent, childOffset, children } = this;
    const next = this.#mark;
    childOffset.fill(0, 0, count + 1);
    for (let span = 0; span < count; span++) {
      if (parent[span] !== NO_SPAN) childOffset[parent[span] + 1]++;
    }
    for (let span = 0; span < count; span++) {
      childOffset[span + 1] += childOffset[span];
      next[span] = childOffset[span];
    }
    for (let span = 0; span < count; span++) {
      if (parent[span] !== NO_SPAN) children[next[parent[span]]++] = span;
    }
  }

  #walkFromTops(count: number): void {
    const { parent, depth, order, root } = this;
    let length = 0;
    for (let span = 0; span < count; span++) {
      depth[span] = UNVISITED;
      if (parent[span] !== NO_SPAN) continue;
      depth[span] = span === root ? 0 : 1;
      order[length++] = span;
    }
    this.cycleHeadCount = 0;
    this.reachedCount = this.#walk(0, length);
  }

  /** Appends to `order` all that is below `order[from, length)`; returns the new length. */
  #walk(from: number, length: number): number {
    const { childOffset, children, depth, order } = this;
    for (let at = from; at < length; at++) {
      const span = order[at];
      const childDepth = depth[span] + 1;
      for (let child = childOffset[span]; child < childOffset[span + 1]; child++) {
        // Only the head of a cycle is visited already: it is the child of its last span.
        if (depth[children[child]] !== UNVISITED) continue;
        depth[children[child]] = childDepth;
        order[length++] = children[child];
      }
    }
    return length;
  }

  #walkCycles(count: number): void {
    const { depth, order, cycleHeads } = this;
    this.hasCycle = true;
    this.#mark.fill(0, 0, count);
    let length = this.reachedCount;
    for (let span = 0; span < count; span++) {
      if (depth[span] !== UNVISITED) continue;
      const head = this.#earliestOnCycleAbove(span);
      cycleHeads[this.cycleHeadCount++] = head;
      depth[head] = 1;
      order[length] = head;
      length = this.#walk(length, length + 1);
    }
  }

  /** Each component without a top has one cycle, which every span of it leads up to. */
  #earliestOnCycleAbove(span: number): number {
    const parent = this.parent;
    const mark = this.#mark;
    let on = span;
    while (mark[on] === 0) {
      mark[on] = 1;
      on = parent[on];
    }
    let earliest = on;
    for (let at = parent[on]; at !== on; at = parent[at]) {
      if (at < earliest) earliest = at;
    }
    return earliest;
  }

  #earliestHead(): number {
    let earliest = this.cycleHeads[0];
    for (let at = 1; at < this.cycleHeadCount; at++) earliest = Math.min(earliest, this.cycleHeads[at]);
    return earliest;
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    this.parent = new Int32Array(capacity);
    this.childOffset = new Int32Array(capacity + 1);
    this.children = new Int32Array(capacity);
    this.depth = new Int32Array(capacity);
    this.order = new Int32Array(capacity);
    this.cycleHeads = new Int32Array(capacity);
    this.#mark = new Int32Array(capacity);
  }
}

/** Whether a span starts together with `other` and ends after it. */
function isLonger(spans: TraceSpans, span: number, other: number): boolean {
  if (spans.startNs[span] !== spans.startNs[other]) return false;
  if (spans.lengthNs <= Number.MAX_SAFE_INTEGER) return spans.endNs[span] > spans.endNs[other];
  return spans.exactStartNs(span) === spans.exactStartNs(other) && spans.exactEndNs(span) > spans.exactEndNs(other);
}

function findParent(spans: TraceSpans, span: number): number {
  if (spans.kind[span] === KIND_SERVER) {
    const client = findSharedIdClient(spans, span);
    if (client !== NO_SPAN) return client;
  }
  if (!spans.hasParentId(span) || spans.isOwnParent(span)) return NO_SPAN;
  return findPreferred(spans, spans.parentHigh[span], spans.parentLow[span]);
}

/** The CLIENT span of a SERVER span's own id. */
export function findSharedIdClient(spans: TraceSpans, server: number): number {
  const { byId, idHigh, idLow, kind } = spans;
  const high = idHigh[server];
  const low = idLow[server];
  // `minusIdRank` is the place in `byId`; spans of one id stand together and CLIENT comes right after SERVER.
  const at = 1 - spans.minusIdRank[server];
  if (at >= spans.count) return NO_SPAN;
  const next = byId[at];
  return idHigh[next] === high && idLow[next] === low && kind[next] === KIND_CLIENT ? next : NO_SPAN;
}

/** Of the spans with an id: SERVER, else CONSUMER, else the lowest kind. */
function findPreferred(spans: TraceSpans, high: number, low: number): number {
  const { byId, idHigh, idLow, kind, count } = spans;
  const from = spans.findId(high, low);
  if (from === NO_SPAN) return NO_SPAN;
  let preferred = byId[from];
  for (let at = from; at < count; at++) {
    const span = byId[at];
    if (idHigh[span] !== high || idLow[span] !== low) break;
    if (kind[span] === KIND_SERVER) return span;
    if (kind[span] === KIND_CONSUMER) preferred = span;
  }
  return preferred;
}
