/**
 * The critical path as columns of the result: sections in order of time with their lengths, the lengths summed per tier,
 * and whose services they are. Doubles, or 64-bit integers where the trace is too long for exact doubles.
 */
import type { SpanTable } from '../span-table.js';
import type { AssembledTrace } from './assembled-trace.js';
import type { CriticalPath } from './critical-path.js';
import { DenseIds } from './dense-ids.js';
import type { SkewedTimes } from './skew.js';
import type { Tiers } from './tiers.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';

const SERVICE = 0;
const LINK = 1;

export class Breakdown {
  capacity = 0;
  readonly #tiers = new DenseIds();
  readonly #services = new DenseIds();

  #row = new Int32Array(0);
  #kind = new Uint8Array(0);
  #calleeRow = new Int32Array(0);
  #tier = new Uint32Array(0);
  /** Of each section its number in `#tiers`. */
  #tierNumber = new Int32Array(0);

  #selfNs = new Float64Array(0);
  #tierNs = new Float64Array(0);

  describe(
    spans: TraceSpans,
    table: SpanTable,
    tiers: Tiers,
    times: SkewedTimes,
    path: CriticalPath,
    trace: AssembledTrace,
  ): void {
    this.#reserve(path.length);
    this.#describeSections(spans, table, tiers, path);
    trace.pathLength = path.length;
    trace.pathRow = this.#row;
    trace.pathKind = this.#kind;
    trace.pathCalleeRow = this.#calleeRow;
    trace.pathTier = this.#tier;
    trace.tierLength = this.#tiers.count;
    trace.tierIds = this.#tiers.first;
    trace.serviceLength = this.#services.count;
    trace.serviceIds = this.#services.first;
    if (times.far === null) this.#measureNear(path, trace);
    else this.#measureFar(path, times.far.moments, trace);
  }

  #describeSections(spans: TraceSpans, table: SpanTable, tiers: Tiers, path: CriticalPath): void {
    const { row } = spans;
    this.#tiers.clear();
    this.#services.clear();
    for (let at = 0, section = path.length - 1; section >= 0; at++, section--) {
      const span = path.span[section];
      const callee = path.callee[section];
      const isLink = callee !== NO_SPAN;
      const tier = tiers.tier[isLink ? callee : span];
      this.#row[at] = row[span];
      this.#kind[at] = isLink ? LINK : SERVICE;
      this.#calleeRow[at] = isLink ? row[callee] : NO_SPAN;
      this.#tier[at] = tier;
      this.#tierNumber[at] = this.#tiers.index(tier, 0);
      if (!isLink) this.#services.index(table.service[row[span]], 0);
    }
  }

  #measureNear(path: CriticalPath, trace: AssembledTrace): void {
    const tierNs = this.#tierNs.fill(0, 0, this.#tiers.count);
    for (let at = 0, section = path.length - 1; section >= 0; at++, section--) {
      const selfNs = path.endKey[section] - path.startKey[section];
      this.#selfNs[at] = selfNs;
      tierNs[this.#tierNumber[at]] += selfNs;
    }
    trace.pathSelfNs = this.#selfNs;
    trace.tierNs = tierNs;
  }

  #measureFar(path: CriticalPath, moments: readonly bigint[], trace: AssembledTrace): void {
    const lengthNs = new BigInt64Array(path.length);
    const tierNs = new BigInt64Array(this.#tiers.count);
    for (let at = 0, section = path.length - 1; section >= 0; at++, section--) {
      const startNs = moments[path.startKey[section]];
      const selfNs = moments[path.endKey[section]] - startNs;
      lengthNs[at] = selfNs;
      tierNs[this.#tierNumber[at]] += selfNs;
    }
    trace.pathSelfNs = lengthNs;
    trace.tierNs = tierNs;
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    this.#row = new Int32Array(capacity);
    this.#kind = new Uint8Array(capacity);
    this.#calleeRow = new Int32Array(capacity);
    this.#tier = new Uint32Array(capacity);
    this.#tierNumber = new Int32Array(capacity);
    this.#selfNs = new Float64Array(capacity);
    this.#tierNs = new Float64Array(capacity);
  }
}
