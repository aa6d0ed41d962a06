/**
 * Which spans came late (docs/stitching.md, Lateness): replays, over the append times alone, when the trace would have
 * closed. Most traces come without a pause long enough to close in and cost one comparison; for the others the orphans
 * and roots at every moment are counted in one sweep.
 */
import { sortByKeys } from './sort.js';
import { KIND_SERVER } from './span-codes.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';
import { findSharedIdClient } from './tree.js';

export interface LatenessRules {
  readonly completeAfterMs: number;
  readonly idleMs: number;
  readonly maxOpenMs: number;
  readonly latenessMs: number;
}

export class Lateness {
  capacity = 0;
  /** Infinity if nothing came after it. */
  firstCloseMs = 0;
  lateCount = 0;
  tooLateCount = 0;
  /** Spans received after this are too late. */
  acceptedUntilMs = 0;

  /** Spans in order of append time, and the number of each span's group of equal times. */
  #order = new Int32Array(0);
  #group = new Int32Array(0);
  /** By group, plus one: the change in the number of orphans and of roots when it comes. */
  #orphans = new Int32Array(0);
  #roots = new Int32Array(0);

  compute(spans: TraceSpans, rules: LatenessRules): void {
    this.firstCloseMs = this.#firstClose(spans, rules);
    this.acceptedUntilMs = this.firstCloseMs + rules.latenessMs;
    this.lateCount = 0;
    this.tooLateCount = 0;
    if (this.firstCloseMs === Number.POSITIVE_INFINITY) return;
    const receivedMs = spans.receivedMs;
    for (let span = 0; span < spans.count; span++) {
      if (receivedMs[span] > this.firstCloseMs) this.lateCount++;
      if (receivedMs[span] > this.acceptedUntilMs) this.tooLateCount++;
    }
  }

  #firstClose(spans: TraceSpans, rules: LatenessRules): number {
    const { completeAfterMs, idleMs, maxOpenMs } = rules;
    const shortestMs = Math.min(completeAfterMs, idleMs, maxOpenMs);
    if (spans.lastReceivedMs - spans.firstReceivedMs <= shortestMs) return Number.POSITIVE_INFINITY;
    this.#reserve(spans.count);
    this.#groupByTime(spans);
    this.#countChanges(spans);
    const receivedMs = spans.receivedMs;
    const order = this.#order;
    const group = this.#group;
    const deadline = spans.firstReceivedMs + maxOpenMs;
    let orphans = this.#orphans[0];
    let roots = this.#roots[0];
    for (let at = 1; at < spans.count; at++) {
      const next = group[order[at]];
      if (next === group[order[at - 1]]) continue;
      const quietMs = roots > 0 && orphans === 0 ? completeAfterMs : idleMs;
      const closeMs = Math.min(receivedMs[order[at - 1]] + quietMs, deadline);
      if (closeMs < receivedMs[order[at]]) return closeMs;
      orphans += this.#orphans[next];
      roots += this.#roots[next];
    }
    return Number.POSITIVE_INFINITY;
  }

  #groupByTime(spans: TraceSpans): void {
    const { receivedMs, count } = spans;
    const order = this.#order;
    for (let span = 0; span < count; span++) order[span] = span;
    sortByKeys(order, spans.sortScratch, 0, count, receivedMs, receivedMs, receivedMs);
    let group = 0;
    for (let at = 0; at < count; at++) {
      if (at > 0 && receivedMs[order[at]] !== receivedMs[order[at - 1]]) group++;
      this.#group[order[at]] = group;
    }
  }

  /** A span is an orphan from its own group on until its parent's, a root until its shared-id client's. */
  #countChanges(spans: TraceSpans): void {
    const { count } = spans;
    const group = this.#group;
    this.#orphans.fill(0, 0, count + 1);
    this.#roots.fill(0, 0, count + 1);
    for (let span = 0; span < count; span++) {
      const changes = spans.hasParentId(span) ? this.#orphans : this.#roots;
      const until = this.#groupOfParent(spans, span);
      if (until <= group[span]) continue;
      changes[group[span]]++;
      changes[until]--;
    }
  }

  /** The first group that holds a parent for the span; `count`, a group that never comes, without one. */
  #groupOfParent(spans: TraceSpans, span: number): number {
    const group = this.#group;
    let first = spans.count;
    if (spans.kind[span] === KIND_SERVER) {
      const client = findSharedIdClient(spans, span);
      if (client !== NO_SPAN) first = group[client];
    }
    if (!spans.hasParentId(span) || spans.isOwnParent(span)) return first;
    const { byId, parentHigh, parentLow, idHigh, idLow } = spans;
    const from = spans.findId(parentHigh[span], parentLow[span]);
    if (from === NO_SPAN) return first;
    const high = parentHigh[span];
    const low = parentLow[span];
    for (let at = from; at < spans.count; at++) {
      const candidate = byId[at];
      if (idHigh[candidate] !== high || idLow[candidate] !== low) break;
      if (group[candidate] < first) first = group[candidate];
    }
    return first;
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    this.#order = new Int32Array(capacity);
    this.#group = new Int32Array(capacity);
    this.#orphans = new Int32Array(capacity + 1);
    this.#roots = new Int32Array(capacity + 1);
  }
}
