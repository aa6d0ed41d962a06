/**
 * Skewed times of a trace too long for exact doubles (about 50 days; a span dated 1970 is enough): the rules of skew.ts in
 * BigInt. The critical path only compares moments, so it gets their ranks and need not know. Slow and not spared: it
 * allocates for every span, and every trace like that is a broken one.
 */
import { Relation, relationOf } from './relation.js';
import { TraceFlag } from './trace-flags.js';
import { NO_SPAN, type TraceSpans } from './trace-spans.js';
import type { Tree } from './tree.js';

export class FarTimes {
  flags = 0;
  readonly shiftedRow: number[] = [];
  readonly shiftedNs: bigint[] = [];
  /** Epoch nanoseconds of each key, once the keys are written. */
  readonly moments: bigint[] = [];

  readonly #startNs: bigint[] = [];
  readonly #endNs: bigint[] = [];

  constructor(spans: TraceSpans, tree: Tree, maxClockSkewNs: number) {
    for (let span = 0; span < spans.count; span++) {
      this.#startNs.push(spans.exactStartNs(span));
      this.#endNs.push(spans.exactEndNs(span));
    }
    const shifts = this.#shift(spans, tree, BigInt(Math.floor(maxClockSkewNs)));
    for (const [span, shift] of shifts.entries()) {
      if (shift === 0n) continue;
      this.shiftedRow.push(spans.row[span]);
      this.shiftedNs.push(shift);
    }
  }

  /** Keys of the shifted times: their ranks among all of them. */
  writeKeys(startKey: Float64Array, endKey: Float64Array): void {
    const count = this.#startNs.length;
    const all = [...this.#startNs, ...this.#endNs];
    const order = Array.from(all.keys()).sort((a, b) => compare(all[a], all[b]));
    for (const at of order) {
      if (all[at] !== this.moments.at(-1)) this.moments.push(all[at]);
      const key = this.moments.length - 1;
      if (at < count) startKey[at] = key;
      else endKey[at - count] = key;
    }
  }

  #shift(spans: TraceSpans, tree: Tree, maxShiftNs: bigint): bigint[] {
    const { order, parent, reachedCount } = tree;
    const startNs = this.#startNs;
    const endNs = this.#endNs;
    const shifts = new Array<bigint>(spans.count).fill(0n);
    for (let at = 0; at < reachedCount; at++) {
      const span = order[at];
      const above = parent[span];
      if (above === NO_SPAN) continue;
      const relation = relationOf(spans, span, above);
      if (relation === Relation.ASYNCHRONOUS) continue;
      const isInherited = relation === Relation.SAME_HOST;
      const shift = isInherited ? shifts[above] : shiftInto(startNs[above], endNs[above], startNs[span], endNs[span]);
      if (shift === 0n) continue;
      if (shift > maxShiftNs || shift < -maxShiftNs) {
        this.flags |= TraceFlag.SKEW_EXCEEDED;
        continue;
      }
      this.flags |= TraceFlag.SKEW_ADJUSTED;
      shifts[span] = shift;
      startNs[span] += shift;
      endNs[span] += shift;
    }
    return shifts;
  }
}

function shiftInto(parentStart: bigint, parentEnd: bigint, start: bigint, end: bigint): bigint {
  const slack = parentEnd - parentStart - (end - start);
  if (slack < 0n) return start < parentStart ? parentStart - start : 0n;
  if (start >= parentStart && end <= parentEnd) return 0n;
  return parentStart - start + slack / 2n;
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
