/**
 * The critical path (docs/stitching.md): sections of spans that together cover the root's window, without gap or
 * overlap. Each span's children are sorted once, so a trace costs n log n at most; the walk keeps its own stack.
 */

import type { SkewedTimes } from './skew.js';
import { sortByKeys } from './sort.js';
import { KIND_CLIENT, KIND_CONSUMER, KIND_PRODUCER, KIND_SERVER } from './span-codes.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';
import type { Tree } from './tree.js';

export class CriticalPath {
  capacity = 0;
  /** The sections from the last to the first, as the walk finds them. */
  length = 0;
  span = new Int32Array(0);
  /** The called span where the section is a link, else NO_SPAN. */
  callee = new Int32Array(0);
  /** Keys of SkewedTimes. */
  startKey = new Float64Array(0);
  endKey = new Float64Array(0);

  readonly #callees = new Callees();
  /** A span's part of the path, and the moment down to which it is accounted for. */
  #windowStart = new Float64Array(0);
  #windowEnd = new Float64Array(0);
  #cursor = new Float64Array(0);
  /** Candidates of a span, in the same place as its children in the tree; the best ones are last. */
  #candidates = new Int32Array(0);
  #candidateCount = new Int32Array(0);
  #stack = new Int32Array(0);

  /** Walks the root's window, which no shift moves; without a root there is no path. */
  walk(spans: TraceSpans, tree: Tree, times: SkewedTimes): void {
    this.#reserve(spans.count);
    this.length = 0;
    if (tree.root === NO_SPAN) return;
    const stack = this.#stack;
    const windowStart = this.#windowStart;
    const windowEnd = this.#windowEnd;
    const cursor = this.#cursor;
    windowStart[tree.root] = times.startKey[tree.root];
    windowEnd[tree.root] = times.endKey[tree.root];
    this.#enter(spans, tree, times, tree.root);
    stack[0] = tree.root;
    let height = 1;
    while (height > 0) {
      const span = stack[height - 1];
      const child = this.#takeCandidate(tree, span);
      if (child === NO_SPAN) {
        this.#addSection(tree, times, span, windowStart[span], cursor[span]);
        height--;
        continue;
      }
      this.#addSection(tree, times, span, windowEnd[child], cursor[span]);
      cursor[span] = windowStart[child];
      this.#enter(spans, tree, times, child);
      stack[height++] = child;
    }
  }

  /** Sets the cursor to the window's end and sorts the children of which something lies inside the window. */
  #enter(spans: TraceSpans, tree: Tree, times: SkewedTimes, span: number): void {
    const { children, childOffset } = tree;
    const windowStart = this.#windowStart;
    const windowEnd = this.#windowEnd;
    const candidates = this.#candidates;
    const start = windowStart[span];
    const end = windowEnd[span];
    const from = childOffset[span];
    const to = spans.kind[span] === KIND_PRODUCER ? from : childOffset[span + 1];
    let count = 0;
    for (let at = from; at < to; at++) {
      const child = children[at];
      if (spans.kind[child] === KIND_CONSUMER) continue;
      const childStart = times.startKey[child] > start ? times.startKey[child] : start;
      const childEnd = times.endKey[child] < end ? times.endKey[child] : end;
      if (childEnd <= childStart) continue;
      windowStart[child] = childStart;
      windowEnd[child] = childEnd;
      candidates[from + count++] = child;
    }
    // Descending by end, start and ascending by id, read from the back.
    if (count > 1) {
      sortByKeys(candidates, spans.sortScratch, from, from + count, windowEnd, windowStart, spans.minusIdRank);
    }
    this.#candidateCount[span] = count;
    this.#cursor[span] = end;
    this.#callees.collect(spans, tree, times, span);
  }

  /** The next child on the path. What ends after the cursor overlaps one taken before; the cursor never moves up again. */
  #takeCandidate(tree: Tree, span: number): number {
    const candidates = this.#candidates;
    const windowEnd = this.#windowEnd;
    const from = tree.childOffset[span];
    const cursor = this.#cursor[span];
    let count = this.#candidateCount[span];
    while (count > 0) {
      const child = candidates[from + --count];
      if (windowEnd[child] <= cursor) {
        this.#candidateCount[span] = count;
        return child;
      }
    }
    this.#candidateCount[span] = 0;
    return NO_SPAN;
  }

  #addSection(tree: Tree, times: SkewedTimes, span: number, start: number, end: number): void {
    if (end <= start) return;
    const at = this.length++;
    this.span[at] = span;
    this.callee[at] = this.#callees.before(tree, times, span, end);
    this.startKey[at] = start;
    this.endKey[at] = end;
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    // At most one section after each child taken, and one before the first, per span: 2 n - 1.
    this.span = new Int32Array(capacity * 2);
    this.callee = new Int32Array(capacity * 2);
    this.startKey = new Float64Array(capacity * 2);
    this.endKey = new Float64Array(capacity * 2);
    this.#windowStart = new Float64Array(capacity);
    this.#windowEnd = new Float64Array(capacity);
    this.#cursor = new Float64Array(capacity);
    this.#candidates = new Int32Array(capacity);
    this.#candidateCount = new Int32Array(capacity);
    this.#stack = new Int32Array(capacity);
    this.#callees.reserve(capacity);
  }
}

/** A span without a kind may be one by its only child (docs/adr/020-calls-without-a-kind.md). */
function isCall(kind: number, children: number, isRoot: boolean): boolean {
  if (kind === KIND_CLIENT || kind === KIND_PRODUCER) return true;
  return kind !== KIND_SERVER && kind !== KIND_CONSUMER && children === 1 && !isRoot;
}

/** Whom a call waits for: its SERVER and CONSUMER children in other services. */
class Callees {
  /** In the same place as the children in the tree, ascending by (end, start, descending id). */
  #spans = new Int32Array(0);
  #count = new Int32Array(0);
  /** The one that starts first, NO_SPAN without any. */
  #first = new Int32Array(0);

  collect(spans: TraceSpans, tree: Tree, times: SkewedTimes, span: number): void {
    const { children, childOffset } = tree;
    const kind = spans.kind;
    const callees = this.#spans;
    let count = 0;
    let first = NO_SPAN;
    if (isCall(kind[span], childOffset[span + 1] - childOffset[span], span === tree.root)) {
      const from = childOffset[span];
      for (let at = from; at < childOffset[span + 1]; at++) {
        const child = children[at];
        if (kind[child] !== KIND_SERVER && kind[child] !== KIND_CONSUMER) continue;
        if (spans.service[child] === spans.service[span]) continue;
        callees[from + count++] = child;
        if (first === NO_SPAN || startsBefore(spans, times, child, first)) first = child;
      }
      if (count > 1) {
        sortByKeys(callees, spans.sortScratch, from, from + count, times.endKey, times.startKey, spans.minusIdRank);
      }
    }
    this.#count[span] = count;
    this.#first[span] = first;
  }

  /** Of one span, `endKey` must not grow from call to call. */
  before(tree: Tree, times: SkewedTimes, span: number, endKey: number): number {
    const callees = this.#spans;
    const from = tree.childOffset[span];
    let count = this.#count[span];
    while (count > 0 && times.endKey[callees[from + count - 1]] > endKey) count--;
    this.#count[span] = count;
    return count > 0 ? callees[from + count - 1] : this.#first[span];
  }

  reserve(capacity: number): void {
    this.#spans = new Int32Array(capacity);
    this.#count = new Int32Array(capacity);
    this.#first = new Int32Array(capacity);
  }
}

/** Ties: the lower id. */
function startsBefore(spans: TraceSpans, times: SkewedTimes, a: number, b: number): boolean {
  if (times.startKey[a] !== times.startKey[b]) return times.startKey[a] < times.startKey[b];
  return spans.minusIdRank[a] > spans.minusIdRank[b];
}
