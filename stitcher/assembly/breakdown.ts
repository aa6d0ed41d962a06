/**
 * The critical path as columns of the result: sections in order of time with their lengths, and the lengths summed per
 * tier, per service and per link. Doubles, or 64-bit integers where the trace is too long for exact doubles.
 */
import type { SpanTable } from '../span-table.js';
import type { AssembledTrace } from './assembled-trace.js';
import type { CriticalPath } from './critical-path.js';
import { DenseIds } from './dense-ids.js';
import type { SkewedTimes } from './skew.js';
import type { Tiers } from './tiers.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';
import type { Tree } from './tree.js';

const SERVICE = 0;
const LINK = 1;

export class Breakdown {
  capacity = 0;
  readonly #tiers = new DenseIds();
  readonly #services = new DenseIds();
  readonly #links = new DenseIds();

  #row = new Int32Array(0);
  #kind = new Uint8Array(0);
  #calleeRow = new Int32Array(0);
  #tier = new Uint32Array(0);
  /** Of each section its number in `#tiers`, and in `#services` or `#links`. */
  #tierNumber = new Int32Array(0);
  #partyNumber = new Int32Array(0);

  #offsetNs = new Float64Array(0);
  #selfNs = new Float64Array(0);
  #tierNs = new Float64Array(0);
  #serviceNs = new Float64Array(0);
  #linkNs = new Float64Array(0);

  describe(
    spans: TraceSpans,
    table: SpanTable,
    tree: Tree,
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
    trace.linkLength = this.#links.count;
    trace.linkCallerIds = this.#links.first;
    trace.linkCalleeIds = this.#links.second;
    if (times.far === null) this.#measureNear(path, times.startKey[tree.root], trace);
    else this.#measureFar(path, times.far.moments, times.startKey[tree.root], trace);
  }

  #describeSections(spans: TraceSpans, table: SpanTable, tiers: Tiers, path: CriticalPath): void {
    const { row } = spans;
    this.#tiers.clear();
    this.#services.clear();
    this.#links.clear();
    for (let at = 0, section = path.length - 1; section >= 0; at++, section--) {
      const span = path.span[section];
      const callee = path.callee[section];
      const isLink = callee !== NO_SPAN;
      const tier = tiers.tier[isLink ? callee : span];
      const service = table.service[row[span]];
      this.#row[at] = row[span];
      this.#kind[at] = isLink ? LINK : SERVICE;
      this.#calleeRow[at] = isLink ? row[callee] : NO_SPAN;
      this.#tier[at] = tier;
      this.#tierNumber[at] = this.#tiers.index(tier, 0);
      this.#partyNumber[at] = isLink
        ? this.#links.index(service, table.service[row[callee]])
        : this.#services.index(service, 0);
    }
  }

  #measureNear(path: CriticalPath, rootStart: number, trace: AssembledTrace): void {
    const tierNs = this.#tierNs.fill(0, 0, this.#tiers.count);
    const serviceNs = this.#serviceNs.fill(0, 0, this.#services.count);
    const linkNs = this.#linkNs.fill(0, 0, this.#links.count);
    for (let at = 0, section = path.length - 1; section >= 0; at++, section--) {
      const selfNs = path.endKey[section] - path.startKey[section];
      this.#offsetNs[at] = path.startKey[section] - rootStart;
      this.#selfNs[at] = selfNs;
      tierNs[this.#tierNumber[at]] += selfNs;
      (this.#kind[at] === LINK ? linkNs : serviceNs)[this.#partyNumber[at]] += selfNs;
    }
    trace.pathOffsetNs = this.#offsetNs;
    trace.pathSelfNs = this.#selfNs;
    trace.tierNs = tierNs;
    trace.serviceNs = serviceNs;
    trace.linkNs = linkNs;
  }

  #measureFar(path: CriticalPath, moments: readonly bigint[], rootStart: number, trace: AssembledTrace): void {
    const offsetNs = new BigInt64Array(path.length);
    const lengthNs = new BigInt64Array(path.length);
    const tierNs = new BigInt64Array(this.#tiers.count);
    const serviceNs = new BigInt64Array(this.#services.count);
    const linkNs = new BigInt64Array(this.#links.count);
    for (let at = 0, section = path.length - 1; section >= 0; at++, section--) {
      const startNs = moments[path.startKey[section]];
      const selfNs = moments[path.endKey[section]] - startNs;
      offsetNs[at] = startNs - moments[rootStart];
      lengthNs[at] = selfNs;
      tierNs[this.#tierNumber[at]] += selfNs;
      (this.#kind[at] === LINK ? linkNs : serviceNs)[this.#partyNumber[at]] += selfNs;
    }
    trace.pathOffsetNs = offsetNs;
    trace.pathSelfNs = lengthNs;
    trace.tierNs = tierNs;
    trace.serviceNs = serviceNs;
    trace.linkNs = linkNs;
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
    this.#partyNumber = new Int32Array(capacity);
    this.#offsetNs = new Float64Array(capacity);
    this.#selfNs = new Float64Array(capacity);
    this.#tierNs = new Float64Array(capacity);
    this.#serviceNs = new Float64Array(capacity);
    this.#linkNs = new Float64Array(capacity);
  }
}
