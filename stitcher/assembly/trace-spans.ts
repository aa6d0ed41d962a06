/**
 * The spans of one trace copied out of the table into columns in canonical order: by (start, span id, kind). Every
 * "then the earliest start, then the lower span id, then the lower kind" of docs/stitching.md is thereby "the lowest
 * index", and no result can depend on the order of rows. Everything in stitcher/assembly speaks of spans by this index.
 *
 * One object is reused for all traces; its columns keep the size of the largest one.
 */
import type { SpanTable } from '../span-table.js';
import { DenseIds } from './dense-ids.js';
import { sortByKeys } from './sort.js';

export const NO_SPAN = -1;

const TWO_32 = 2 ** 32;
const MIN_CAPACITY = 1 << 8;

/** Length for columns that are to hold `count` entries: a power of two, so that growing traces rarely allocate. */
export function capacityFor(count: number): number {
  return Math.max(MIN_CAPACITY, 2 ** Math.ceil(Math.log2(count)));
}

export class TraceSpans {
  count = 0;
  capacity = 0;

  /** Row in the table. */
  row = new Int32Array(0);
  /** Ids as two big-endian words, so that numeric order is the order of their bytes. Parent 0/0: none. */
  idHigh = new Uint32Array(0);
  idLow = new Uint32Array(0);
  parentHigh = new Uint32Array(0);
  parentLow = new Uint32Array(0);
  kind = new Uint8Array(0);
  status = new Uint8Array(0);
  /** From the earliest start, which is that of span 0; no end before its start. Exact while `lengthNs` is at most 2^53. */
  startNs = new Float64Array(0);
  endNs = new Float64Array(0);
  /** Number in `services`. */
  service = new Int32Array(0);
  host = new Uint32Array(0);
  receivedMs = new Float64Array(0);
  /** All spans by (span id, kind), and minus each span's place in that order, as a sort key. */
  byId = new Int32Array(0);
  minusIdRank = new Float64Array(0);
  /** Free for any step to sort with. */
  sortScratch = new Int32Array(0);

  readonly services = new DenseIds();
  /** The latest end; like all that follows of everything that was loaded, truncated or not. */
  lengthNs = 0;
  /** Or-ed over the spans. */
  spanFlags = 0;
  hasNegativeDuration = false;
  hasZeroTime = false;
  hasDatabaseCall = false;
  firstReceivedMs = 0;
  lastReceivedMs = 0;

  /** Borrowed for the time of one assembly. */
  #table: SpanTable | null = null;
  #order = new Int32Array(0);
  #key0 = new Float64Array(0);
  #key1 = new Float64Array(0);
  #key2 = new Float64Array(0);

  /** `rows`: distinct identities, at least one. */
  load(table: SpanTable, rows: Int32Array, count: number): void {
    if (count < 1) throw new RangeError('a trace has at least one span');
    this.#reserve(count);
    this.count = count;
    this.#table = table;
    this.#sortCanonically(table, rows, count);
    this.#copyShape(table, count);
    this.#copyTimes(table, count);
    this.#copyRest(table, count);
    this.#sortById(count);
  }

  /** Forgets all but the first `count` spans; what was counted over all of them stays. */
  truncate(count: number): void {
    this.count = count;
    this.#sortById(count);
  }

  /** First position in `byId` whose span has this id, or NO_SPAN. Spans of one id stand together, lower kinds first. */
  findId(high: number, low: number): number {
    const { byId, idHigh, idLow } = this;
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const span = byId[middle];
      if (idHigh[span] < high || (idHigh[span] === high && idLow[span] < low)) from = middle + 1;
      else to = middle;
    }
    if (from === this.count) return NO_SPAN;
    const span = byId[from];
    return idHigh[span] === high && idLow[span] === low ? from : NO_SPAN;
  }

  hasParentId(span: number): boolean {
    return (this.parentHigh[span] | this.parentLow[span]) !== 0;
  }

  isOwnParent(span: number): boolean {
    return this.parentHigh[span] === this.idHigh[span] && this.parentLow[span] === this.idLow[span];
  }

  /** A span that ends last. */
  latestEnd(): number {
    const isExact = this.lengthNs <= Number.MAX_SAFE_INTEGER;
    let latest = 0;
    for (let span = 1; span < this.count; span++) {
      const isLater = isExact ? this.endNs[span] > this.endNs[latest] : this.exactEndNs(span) > this.exactEndNs(latest);
      if (isLater) latest = span;
    }
    return latest;
  }

  /** As recorded, epoch nanoseconds. */
  exactStartNs(span: number): bigint {
    const table = this.#table!;
    return exactNs(table.startHigh[this.row[span]], table.startLow[this.row[span]]);
  }

  /** Not before the start. */
  exactEndNs(span: number): bigint {
    const table = this.#table!;
    const startNs = this.exactStartNs(span);
    const endNs = exactNs(table.endHigh[this.row[span]], table.endLow[this.row[span]]);
    return endNs < startNs ? startNs : endNs;
  }

  #sortCanonically(table: SpanTable, rows: Int32Array, count: number): void {
    const { spanId, startLow, startHigh, kind } = table;
    const order = this.#order;
    const key0 = this.#key0;
    const key1 = this.#key1;
    const key2 = this.#key2;
    // 64 bits of start, 64 of id and 3 of kind in three doubles of at most 53 bits: compared exactly.
    for (let at = 0; at < count; at++) {
      const row = rows[at];
      order[at] = at;
      key0[at] = startHigh[row] * 0x200000 + (startLow[row] >>> 11);
      key1[at] = (startLow[row] & 0x7ff) * TWO_32 + swapBytes(spanId[row * 2]);
      key2[at] = swapBytes(spanId[row * 2 + 1]) * 8 + kind[row];
    }
    sortByKeys(order, this.sortScratch, 0, count, key0, key1, key2);
    for (let at = 0; at < count; at++) this.row[at] = rows[order[at]];
  }

  #copyShape(table: SpanTable, count: number): void {
    const { row, idHigh, idLow, parentHigh, parentLow, kind, status } = this;
    const { spanId, parentId } = table;
    for (let span = 0; span < count; span++) {
      const from = row[span];
      idHigh[span] = swapBytes(spanId[from * 2]);
      idLow[span] = swapBytes(spanId[from * 2 + 1]);
      parentHigh[span] = swapBytes(parentId[from * 2]);
      parentLow[span] = swapBytes(parentId[from * 2 + 1]);
      kind[span] = table.kind[from];
      status[span] = table.status[from];
    }
  }

  #copyTimes(table: SpanTable, count: number): void {
    const { row, startNs, endNs, receivedMs } = this;
    const { startHigh, startLow, endHigh, endLow } = table;
    const originHigh = startHigh[row[0]];
    const originLow = startLow[row[0]];
    let hasNegativeDuration = false;
    let hasZeroTime = false;
    let lengthNs = 0;
    let firstReceivedMs = Number.POSITIVE_INFINITY;
    let lastReceivedMs = Number.NEGATIVE_INFINITY;
    for (let span = 0; span < count; span++) {
      const from = row[span];
      const start = (startHigh[from] - originHigh) * TWO_32 + (startLow[from] - originLow);
      let end = (endHigh[from] - originHigh) * TWO_32 + (endLow[from] - originLow);
      if (endHigh[from] < startHigh[from] || (endHigh[from] === startHigh[from] && endLow[from] < startLow[from])) {
        hasNegativeDuration = true;
        end = start;
      }
      startNs[span] = start;
      endNs[span] = end;
      if (end > lengthNs) lengthNs = end;
      if ((startHigh[from] | startLow[from]) === 0 || (endHigh[from] | endLow[from]) === 0) hasZeroTime = true;
      const received = table.receivedMs[from];
      receivedMs[span] = received;
      if (received < firstReceivedMs) firstReceivedMs = received;
      if (received > lastReceivedMs) lastReceivedMs = received;
    }
    this.hasNegativeDuration = hasNegativeDuration;
    this.hasZeroTime = hasZeroTime;
    this.lengthNs = lengthNs;
    this.firstReceivedMs = firstReceivedMs;
    this.lastReceivedMs = lastReceivedMs;
  }

  #copyRest(table: SpanTable, count: number): void {
    const { row, service, host, services } = this;
    let spanFlags = 0;
    let databaseCalls = 0;
    services.clear();
    for (let span = 0; span < count; span++) {
      const from = row[span];
      service[span] = services.index(table.service[from], 0);
      host[span] = table.host[from];
      spanFlags |= table.flags[from];
      databaseCalls |= table.isDatabaseCall[from];
    }
    this.spanFlags = spanFlags;
    this.hasDatabaseCall = databaseCalls !== 0;
  }

  #sortById(count: number): void {
    const { byId, idHigh, idLow, kind, minusIdRank } = this;
    const key0 = this.#key0;
    const key1 = this.#key1;
    for (let span = 0; span < count; span++) {
      byId[span] = span;
      key0[span] = idHigh[span] * 0x200000 + (idLow[span] >>> 11);
      key1[span] = (idLow[span] & 0x7ff) * 8 + kind[span];
    }
    // The first two keys differ for every two identities; the third is never looked at.
    sortByKeys(byId, this.sortScratch, 0, count, key0, key1, key1);
    for (let rank = 0; rank < count; rank++) minusIdRank[byId[rank]] = -rank;
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    this.row = new Int32Array(capacity);
    this.idHigh = new Uint32Array(capacity);
    this.idLow = new Uint32Array(capacity);
    this.parentHigh = new Uint32Array(capacity);
    this.parentLow = new Uint32Array(capacity);
    this.kind = new Uint8Array(capacity);
    this.status = new Uint8Array(capacity);
    this.startNs = new Float64Array(capacity);
    this.endNs = new Float64Array(capacity);
    this.service = new Int32Array(capacity);
    this.host = new Uint32Array(capacity);
    this.receivedMs = new Float64Array(capacity);
    this.byId = new Int32Array(capacity);
    this.minusIdRank = new Float64Array(capacity);
    this.sortScratch = new Int32Array(capacity);
    this.#order = new Int32Array(capacity);
    this.#key0 = new Float64Array(capacity);
    this.#key1 = new Float64Array(capacity);
    this.#key2 = new Float64Array(capacity);
  }
}

/** A word of an id as read in platform order (little-endian) to the number whose order is that of the bytes. */
export function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

const words = new Uint32Array(2);
const value = new BigUint64Array(words.buffer);

/** Little-endian platforms only, like everything that reads 64-bit columns as words. */
function exactNs(high: number, low: number): bigint {
  words[0] = low;
  words[1] = high;
  return value[0];
}
