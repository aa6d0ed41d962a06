/**
 * Estimated clock skew (docs/stitching.md, Times): by how much each span is shifted for the critical path, and its times
 * as shifted. In doubles where they are exact, which only broken traces are too long for; those go the slow way
 * (far-times.ts).
 */
import type { NanosecondColumn } from './assembled-trace.js';
import { FarTimes } from './far-times.js';
import { Relation, relationOf } from './relation.js';
import { TraceFlag } from './trace-flags.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';
import type { Tree } from './tree.js';

/** Up to here a double holds every whole number. */
const MAX_EXACT = 2 ** 53;

export class SkewedTimes {
  capacity = 0;
  /**
   * Shifted times as keys: ordered as the moments they stand for, equal where those are. Nanoseconds from the earliest
   * start, unless `far` says otherwise.
   */
  startKey = new Float64Array(0);
  endKey = new Float64Array(0);
  far: FarTimes | null = null;
  /** SKEW_ADJUSTED, SKEW_EXCEEDED. */
  flags = 0;

  /** The shifted spans' rows in canonical order, and by how much each is shifted. */
  shiftedCount = 0;
  shiftedRow = new Int32Array(0);
  shiftedNs: NanosecondColumn = new Float64Array(0);

  #shiftNs = new Float64Array(0);
  #nearShiftedNs = new Float64Array(0);

  compute(spans: TraceSpans, tree: Tree, maxClockSkewNs: number): void {
    this.#reserve(spans.count);
    // A shifted span lies at most one allowed shift outside the trace, and no shift tried for one below it is longer
    // than that and one and a half lengths of the trace.
    if (spans.lengthNs * 2 + maxClockSkewNs <= MAX_EXACT) this.#computeNear(spans, tree, maxClockSkewNs);
    else this.#computeFar(spans, tree, maxClockSkewNs);
  }

  #computeNear(spans: TraceSpans, tree: Tree, maxClockSkewNs: number): void {
    const { order, parent, reachedCount } = tree;
    const { startKey, endKey } = this;
    const shiftNs = this.#shiftNs;
    let flags = 0;
    for (let span = 0; span < spans.count; span++) {
      startKey[span] = spans.startNs[span];
      endKey[span] = spans.endNs[span];
      shiftNs[span] = 0;
    }
    // Spans on or below a cycle come after `reachedCount`: no top leads down to them and they stay where they are.
    for (let at = 0; at < reachedCount; at++) {
      const span = order[at];
      const above = parent[span];
      if (above === NO_SPAN) continue;
      const relation = relationOf(spans, span, above);
      if (relation === Relation.ASYNCHRONOUS) continue;
      const isInherited = relation === Relation.SAME_HOST;
      const shift = isInherited
        ? shiftNs[above]
        : shiftInto(startKey[above], endKey[above], startKey[span], endKey[span]);
      if (shift === 0) continue;
      if (Math.abs(shift) > maxClockSkewNs) {
        flags |= TraceFlag.SKEW_EXCEEDED;
        continue;
      }
      flags |= TraceFlag.SKEW_ADJUSTED;
      shiftNs[span] = shift;
      startKey[span] += shift;
      endKey[span] += shift;
    }
    this.far = null;
    this.flags = flags;
    this.shiftedCount = 0;
    this.shiftedNs = this.#nearShiftedNs;
    if (flags & TraceFlag.SKEW_ADJUSTED) this.#listShifted(spans);
  }

  #listShifted(spans: TraceSpans): void {
    for (let span = 0; span < spans.count; span++) {
      if (this.#shiftNs[span] === 0) continue;
      this.shiftedRow[this.shiftedCount] = spans.row[span];
      this.#nearShiftedNs[this.shiftedCount] = this.#shiftNs[span];
      this.shiftedCount++;
    }
  }

  #computeFar(spans: TraceSpans, tree: Tree, maxClockSkewNs: number): void {
    const far = new FarTimes(spans, tree, maxClockSkewNs);
    far.writeKeys(this.startKey, this.endKey);
    this.far = far;
    this.flags = far.flags;
    this.shiftedCount = far.shiftedRow.length;
    this.shiftedRow.set(far.shiftedRow);
    this.shiftedNs = BigInt64Array.from(far.shiftedNs);
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    this.startKey = new Float64Array(capacity);
    this.endKey = new Float64Array(capacity);
    this.shiftedRow = new Int32Array(capacity);
    this.#shiftNs = new Float64Array(capacity);
    this.#nearShiftedNs = new Float64Array(capacity);
  }
}

/** Shift of a span that ran on another host than its parent; not yet limited. */
function shiftInto(parentStart: number, parentEnd: number, start: number, end: number): number {
  const slack = parentEnd - parentStart - (end - start);
  if (slack < 0) return start < parentStart ? parentStart - start : 0;
  if (start >= parentStart && end <= parentEnd) return 0;
  return parentStart - start + Math.floor(slack / 2);
}
