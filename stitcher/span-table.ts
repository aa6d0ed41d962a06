/**
 * The spans of open traces, as columns. A row is an index; rows of one trace are chained by `next`; freed rows are
 * reused. The same table, filled from the store, serves restitching, so there is one assembly for both.
 *
 * Strings are numbers: indexes into an Interner that the owner of the table holds. Times are nanoseconds in two 32-bit
 * halves; within one trace they are used as offsets from its earliest start, which a double holds exactly up to 104 days.
 */

export const NO_ROW = -1;

const INITIAL_CAPACITY = 1 << 12;

export class SpanTable {
  /** Rows in use and rows allocated. */
  rows = 0;
  capacity = 0;

  /** Two words a row, as read from the wire's bytes in platform order; both 0: no parent. */
  spanId = new Uint32Array(0);
  parentId = new Uint32Array(0);
  kind = new Uint8Array(0);
  status = new Uint8Array(0);
  startLow = new Uint32Array(0);
  startHigh = new Uint32Array(0);
  endLow = new Uint32Array(0);
  endHigh = new Uint32Array(0);
  /** Interned strings; 0 is ''. */
  service = new Uint32Array(0);
  name = new Uint32Array(0);
  tier = new Uint32Array(0);
  environment = new Uint32Array(0);
  host = new Uint32Array(0);
  peerService = new Uint32Array(0);
  locality = new Uint32Array(0);
  region = new Uint32Array(0);
  country = new Uint32Array(0);
  /** See otlp's NO_LOCATION_RANK. */
  locationRank = new Uint8Array(0);
  isDatabaseCall = new Uint8Array(0);
  /** otlp's SpanFlag bits. */
  flags = new Uint16Array(0);
  checksum = new Uint32Array(0);
  /** Append time of the log, epoch milliseconds. */
  receivedMs = new Float64Array(0);
  /** Next row of the same trace (or of the free list), NO_ROW at the end. */
  next = new Int32Array(0);

  #free = NO_ROW;

  /** A row to fill; its old content is undefined. May replace every array above: do not hold them across this call. */
  allocate(): number {
    let row = this.#free;
    if (row === NO_ROW) {
      row = this.rows;
      // `rows` counts rows in use; with an empty free list those are exactly [0, rows).
      if (row === this.capacity) this.#grow();
    } else {
      this.#free = this.next[row];
    }
    this.rows++;
    this.next[row] = NO_ROW;
    return row;
  }

  /** Gives back one row. */
  release(row: number): void {
    this.next[row] = this.#free;
    this.#free = row;
    this.rows--;
  }

  /** Forgets every row and keeps the memory. */
  clear(): void {
    this.rows = 0;
    this.#free = NO_ROW;
  }

  /** Bytes held by the columns. */
  get byteLength(): number {
    return this.capacity * 99;
  }

  #grow(): void {
    const capacity = Math.max(INITIAL_CAPACITY, this.capacity * 2);
    const grow32 = (old: Uint32Array<ArrayBuffer>, width = 1) => {
      const grown = new Uint32Array(capacity * width);
      grown.set(old);
      return grown;
    };
    const grow8 = (old: Uint8Array<ArrayBuffer>) => {
      const grown = new Uint8Array(capacity);
      grown.set(old);
      return grown;
    };
    this.spanId = grow32(this.spanId, 2);
    this.parentId = grow32(this.parentId, 2);
    this.kind = grow8(this.kind);
    this.status = grow8(this.status);
    this.startLow = grow32(this.startLow);
    this.startHigh = grow32(this.startHigh);
    this.endLow = grow32(this.endLow);
    this.endHigh = grow32(this.endHigh);
    this.service = grow32(this.service);
    this.name = grow32(this.name);
    this.tier = grow32(this.tier);
    this.environment = grow32(this.environment);
    this.host = grow32(this.host);
    this.peerService = grow32(this.peerService);
    this.locality = grow32(this.locality);
    this.region = grow32(this.region);
    this.country = grow32(this.country);
    this.locationRank = grow8(this.locationRank);
    this.isDatabaseCall = grow8(this.isDatabaseCall);
    const flags = new Uint16Array(capacity);
    flags.set(this.flags);
    this.flags = flags;
    this.checksum = grow32(this.checksum);
    const receivedMs = new Float64Array(capacity);
    receivedMs.set(this.receivedMs);
    this.receivedMs = receivedMs;
    const next = new Int32Array(capacity);
    next.set(this.next);
    this.next = next;
    this.capacity = capacity;
  }
}
