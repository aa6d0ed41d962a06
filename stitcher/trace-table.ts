/**
 * The traces in memory, as columns indexed by slot, found by (tenant, trace id) through open addressing: the id is
 * compared in full, never by hash alone.
 *
 * A trace is either wholly in memory (every span that ever came is chained from `head`), or *store-backed*: some of its
 * spans are only in the store, none are kept here, and it is restitched from there. A slot lives from the first span
 * until `remove`; slots are reused, so whoever keeps a slot number over time keeps its `generation` beside it.
 */
import { hashTraceId } from './trace-id-set.js';

export const NO_SLOT = -1;

/** Values of `TraceTable.state`. */
export const TraceState = {
  FREE: 0,
  /** Has spans that no written revision covers. */
  OPEN: 1,
  /** Its revision is written; kept for late spans until evicted. */
  CLOSED: 2,
  /** A restitch from the store is under way; more spans set it back to OPEN. */
  RESTITCHING: 3,
} as const;

const INITIAL_CAPACITY = 1 << 10;

export class TraceTable {
  capacity = 0;
  /** Slots in use, and how many of those are OPEN or RESTITCHING (answers about them may still change). */
  size = 0;
  openCount = 0;

  word0 = new Uint32Array(0);
  word1 = new Uint32Array(0);
  word2 = new Uint32Array(0);
  word3 = new Uint32Array(0);
  /** Index into the owner's list of tenants. */
  tenant = new Uint32Array(0);
  state = new Uint8Array(0);
  generation = new Uint32Array(0);
  isStoreBacked = new Uint8Array(0);
  /** When the slot is looked at next, on the watermark of its partition; Infinity: not queued (see DueQueue). */
  dueMs = new Float64Array(0);
  partition = new Uint16Array(0);
  /** Whether records of several partitions brought it spans (a foreign producer, or a changed number of partitions). */
  isMixed = new Uint8Array(0);
  head = new Int32Array(0);
  /** Rows chained from `head`, duplicates not yet removed. */
  rowCount = new Uint32Array(0);
  /** Records of spans that came, duplicates included. */
  arrivals = new Uint32Array(0);
  firstReceivedMs = new Float64Array(0);
  lastReceivedMs = new Float64Array(0);
  /** TraceFlag bits that later assemblies keep (conflict). */
  stickyFlags = new Uint32Array(0);
  /** The key of the newest written row, for its tombstone. `hasRow` 0: none was written. */
  hasRow = new Uint8Array(0);
  rowEndMinute = new Uint32Array(0);
  rowCountry = new Uint32Array(0);
  rowRegion = new Uint32Array(0);
  rowLocality = new Uint32Array(0);
  rowReceivedMs = new Float64Array(0);

  #free: number[] = [];
  #highWater = 0;
  /** Open addressing: slot + 1, 0 for empty. Rebuilt at twice the size when half full; deletion shifts back. */
  #index = new Int32Array(INITIAL_CAPACITY * 2);

  find(tenant: number, w0: number, w1: number, w2: number, w3: number): number {
    const slot = this.#index[this.#probe(tenant, w0, w1, w2, w3)] - 1;
    return slot;
  }

  /** A new OPEN slot for an id that `find` did not find. May replace every column: do not hold them across this call. */
  add(tenant: number, w0: number, w1: number, w2: number, w3: number): number {
    if ((this.size + 1) * 2 > this.#index.length) this.#rehash(this.#index.length * 2);
    let slot = this.#free.pop() ?? NO_SLOT;
    if (slot === NO_SLOT) {
      if (this.#highWater === this.capacity) this.#grow();
      slot = this.#highWater++;
    }
    this.word0[slot] = w0;
    this.word1[slot] = w1;
    this.word2[slot] = w2;
    this.word3[slot] = w3;
    this.tenant[slot] = tenant;
    this.state[slot] = TraceState.OPEN;
    this.isStoreBacked[slot] = 0;
    this.isMixed[slot] = 0;
    this.dueMs[slot] = Number.POSITIVE_INFINITY;
    this.head[slot] = -1;
    this.rowCount[slot] = 0;
    this.arrivals[slot] = 0;
    this.firstReceivedMs[slot] = 0;
    this.lastReceivedMs[slot] = 0;
    this.stickyFlags[slot] = 0;
    this.hasRow[slot] = 0;
    this.#index[this.#probe(tenant, w0, w1, w2, w3)] = slot + 1;
    this.size++;
    this.openCount++;
    return slot;
  }

  setState(slot: number, state: number): void {
    this.openCount += Number(isOpen(state)) - Number(isOpen(this.state[slot]));
    this.state[slot] = state;
  }

  /** Frees a slot; its rows must have been released. */
  remove(slot: number): void {
    this.#removeFromIndex(slot);
    if (isOpen(this.state[slot])) this.openCount--;
    this.state[slot] = TraceState.FREE;
    this.generation[slot]++;
    this.size--;
    this.#free.push(slot);
  }

  /** Slots that may be in use are below this; check `state`. */
  get highWater(): number {
    return this.#highWater;
  }

  get byteLength(): number {
    return this.capacity * 100 + this.#index.length * 4;
  }

  #probe(tenant: number, w0: number, w1: number, w2: number, w3: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    let at = hashTraceId(w0, w1, w2, w3) & mask;
    for (;;) {
      const slot = index[at] - 1;
      if (slot < 0) return at;
      if (
        this.word0[slot] === w0 &&
        this.word1[slot] === w1 &&
        this.word2[slot] === w2 &&
        this.word3[slot] === w3 &&
        this.tenant[slot] === tenant
      ) {
        return at;
      }
      at = (at + 1) & mask;
    }
  }

  #homeOf(slot: number, mask: number): number {
    return hashTraceId(this.word0[slot], this.word1[slot], this.word2[slot], this.word3[slot]) & mask;
  }

  /** Backward-shift deletion: no tombstones, so probes stay as short as if the entry had never been there. */
  #removeFromIndex(slot: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let hole = this.#probe(this.tenant[slot], this.word0[slot], this.word1[slot], this.word2[slot], this.word3[slot]);
    let at = hole;
    for (;;) {
      at = (at + 1) & mask;
      const other = index[at] - 1;
      if (other < 0) break;
      const home = this.#homeOf(other, mask);
      // Move `other` into the hole unless its home lies cyclically after the hole.
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        index[hole] = other + 1;
        hole = at;
      }
    }
    index[hole] = 0;
  }

  #rehash(length: number): void {
    const index = new Int32Array(length);
    const mask = length - 1;
    for (let slot = 0; slot < this.#highWater; slot++) {
      if (this.state[slot] === TraceState.FREE) continue;
      let at = this.#homeOf(slot, mask);
      while (index[at] !== 0) at = (at + 1) & mask;
      index[at] = slot + 1;
    }
    this.#index = index;
  }

  #grow(): void {
    const capacity = Math.max(INITIAL_CAPACITY, this.capacity * 2);
    const grow32 = (old: Uint32Array<ArrayBuffer>) => {
      const grown = new Uint32Array(capacity);
      grown.set(old);
      return grown;
    };
    const grow8 = (old: Uint8Array<ArrayBuffer>) => {
      const grown = new Uint8Array(capacity);
      grown.set(old);
      return grown;
    };
    const grow64 = (old: Float64Array<ArrayBuffer>) => {
      const grown = new Float64Array(capacity);
      grown.set(old);
      return grown;
    };
    this.word0 = grow32(this.word0);
    this.word1 = grow32(this.word1);
    this.word2 = grow32(this.word2);
    this.word3 = grow32(this.word3);
    this.tenant = grow32(this.tenant);
    this.state = grow8(this.state);
    this.generation = grow32(this.generation);
    this.isStoreBacked = grow8(this.isStoreBacked);
    this.isMixed = grow8(this.isMixed);
    this.dueMs = grow64(this.dueMs);
    const partition = new Uint16Array(capacity);
    partition.set(this.partition);
    this.partition = partition;
    const head = new Int32Array(capacity);
    head.set(this.head);
    this.head = head;
    this.rowCount = grow32(this.rowCount);
    this.arrivals = grow32(this.arrivals);
    this.firstReceivedMs = grow64(this.firstReceivedMs);
    this.lastReceivedMs = grow64(this.lastReceivedMs);
    this.stickyFlags = grow32(this.stickyFlags);
    this.hasRow = grow8(this.hasRow);
    this.rowEndMinute = grow32(this.rowEndMinute);
    this.rowCountry = grow32(this.rowCountry);
    this.rowRegion = grow32(this.rowRegion);
    this.rowLocality = grow32(this.rowLocality);
    this.rowReceivedMs = grow64(this.rowReceivedMs);
    this.capacity = capacity;
  }
}

function isOpen(state: number): boolean {
  return state === TraceState.OPEN || state === TraceState.RESTITCHING;
}
