/**
 * The stitcher's memory: open traces with their spans, and the ids of those it has seen and let go of. All of it is a
 * cache of the store: losing it costs restitching, never truth.
 *
 * In: blocks of spans that are durably stored. Out: which traces are due (per partition, on that partition's watermark)
 * and their rows, ready to be assembled. It never does I/O and never reads a clock.
 */
import type { SpanBlock } from '../otlp/index.js';
import { BlockCopier } from './block-copier.js';
import { DueQueue } from './due-queue.js';
import { Interner } from './interner.js';
import { hexToWord, wordToHex } from './row-columns.js';
import { NO_ROW, SpanTable } from './span-table.js';
import { TraceIdSet } from './trace-id-set.js';
import { NO_SLOT, TraceState, TraceTable } from './trace-table.js';

export interface Windows {
  readonly completeAfterMs: number;
  readonly idleMs: number;
  readonly maxOpenMs: number;
  /** Between a late span and the restated revision, so that a burst of late spans costs one. */
  readonly debounceMs: number;
  readonly maxSpansPerTrace: number;
}

/** What should happen to a due trace. */
export const Due = { NOTHING: 0, TRY: 1, CLOSE: 2, RESTITCH: 3 } as const;

export class OpenTraces {
  readonly interner = new Interner();
  readonly spans = new SpanTable();
  readonly traces = new TraceTable();
  /** Tenants by the number that the tables use; grows only. */
  readonly tenants: string[] = [];
  /** Interned 'app' and 'data': the first two strings, always. */
  readonly appTier: number;
  readonly dataTier: number;

  readonly #windows: Windows;
  readonly #seen: TraceIdSet;
  readonly #queues: DueQueue[] = [];
  readonly #copier = new BlockCopier(this.spans, this.interner);

  constructor(windows: Windows, seenCapacityBits = 20) {
    this.#windows = windows;
    this.#seen = new TraceIdSet(seenCapacityBits);
    this.appTier = this.interner.index('app');
    this.dataTier = this.interner.index('data');
  }

  /** Takes in the spans of a stored block. */
  addBlock(block: SpanBlock): void {
    this.#copier.begin(block);
    const words = block.traceIdWords;
    for (let row = 0; row < block.rows; row++) {
      const record = block.record[row];
      const tenant = this.#tenantIndex(block, record);
      const w = row * 4;
      const slot = this.#slotOf(tenant, words[w], words[w + 1], words[w + 2], words[w + 3]);
      this.#noteArrival(slot, block.recordPartition[record], block.recordAppendTimeMs[record]);
      if (this.traces.isStoreBacked[slot] === 0) this.#addSpan(block, row, slot);
    }
  }

  /** Marks a trace as known only to the store: at start, for what was stored before. */
  addSeen(tenant: string, traceIdHex: string): void {
    this.#seen.add(
      this.tenantNumber(tenant),
      hexToWord(traceIdHex, 0),
      hexToWord(traceIdHex, 8),
      hexToWord(traceIdHex, 16),
      hexToWord(traceIdHex, 24),
    );
  }

  /** Puts a trace up for restitching from the store, whatever is in memory (the auditor found it wrong). */
  markForRestitch(tenant: string, traceIdHex: string, partition: number, receivedMs: number): void {
    const w0 = hexToWord(traceIdHex, 0);
    const w1 = hexToWord(traceIdHex, 8);
    const w2 = hexToWord(traceIdHex, 16);
    const w3 = hexToWord(traceIdHex, 24);
    const number = this.tenantNumber(tenant);
    let slot = this.traces.find(number, w0, w1, w2, w3);
    if (slot === NO_SLOT) slot = this.traces.add(number, w0, w1, w2, w3);
    this.makeStoreBacked(slot);
    if (this.traces.state[slot] !== TraceState.RESTITCHING) this.traces.setState(slot, TraceState.OPEN);
    this.#noteArrival(slot, partition, receivedMs);
  }

  /** Whether a trace is here and not finished with. */
  isOpen(tenant: string, traceIdHex: string): boolean {
    const slot = this.traces.find(
      this.tenantNumber(tenant),
      hexToWord(traceIdHex, 0),
      hexToWord(traceIdHex, 8),
      hexToWord(traceIdHex, 16),
      hexToWord(traceIdHex, 24),
    );
    return slot !== NO_SLOT && this.traces.state[slot] !== TraceState.CLOSED;
  }

  /** The next slot of `partition` that is due before `watermarkMs`, NO_SLOT if none; it is then off the queue. */
  nextDue(partition: number, watermarkMs: number): number {
    const queue = this.#queues[partition];
    if (queue === undefined) return NO_SLOT;
    const traces = this.traces;
    while (queue.pop(watermarkMs)) {
      const slot = queue.poppedSlot;
      if (traces.generation[slot] !== queue.poppedGeneration || traces.dueMs[slot] !== queue.poppedDueMs) continue;
      traces.dueMs[slot] = Number.POSITIVE_INFINITY;
      return slot;
    }
    return NO_SLOT;
  }

  /** What a slot taken from `nextDue` needs now; NOTHING when it was put back in the queue or evicted. */
  judge(slot: number, watermarkMs: number): number {
    const traces = this.traces;
    const { completeAfterMs, idleMs, maxOpenMs, debounceMs } = this.#windows;
    const last = traces.lastReceivedMs[slot];
    const state = traces.state[slot];
    if (state === TraceState.RESTITCHING) return Due.NOTHING;
    if (state === TraceState.CLOSED) {
      if (watermarkMs > last + idleMs) this.evict(slot);
      else this.#schedule(slot, last + idleMs);
      return Due.NOTHING;
    }
    if (traces.isStoreBacked[slot] === 1 || traces.hasRow[slot] === 1) {
      if (watermarkMs > last + debounceMs) return traces.isStoreBacked[slot] === 1 ? Due.RESTITCH : Due.CLOSE;
      this.#schedule(slot, last + debounceMs);
      return Due.NOTHING;
    }
    const deadline = Math.min(last + idleMs, traces.firstReceivedMs[slot] + maxOpenMs);
    if (watermarkMs > deadline) return Due.CLOSE;
    if (watermarkMs > last + completeAfterMs) return Due.TRY;
    this.#schedule(slot, Math.min(deadline, last + completeAfterMs));
    return Due.NOTHING;
  }

  /** After a TRY that found the trace incomplete: look again when it has been idle. */
  waitForIdle(slot: number): void {
    const { idleMs, maxOpenMs } = this.#windows;
    this.#schedule(
      slot,
      Math.min(this.traces.lastReceivedMs[slot] + idleMs, this.traces.firstReceivedMs[slot] + maxOpenMs),
    );
  }

  /** The trace's revision is written: keep it in memory until it has been idle, for late spans. */
  close(slot: number): void {
    this.traces.setState(slot, TraceState.CLOSED);
    this.#schedule(slot, this.traces.lastReceivedMs[slot] + this.#windows.idleMs);
  }

  /** Lets go of a trace; its late spans will be restitched from the store. */
  evict(slot: number): void {
    const traces = this.traces;
    this.releaseSpans(slot);
    this.#seen.add(traces.tenant[slot], traces.word0[slot], traces.word1[slot], traces.word2[slot], traces.word3[slot]);
    traces.remove(slot);
  }

  /**
   * Lets go of every trace with spans from one of the partitions: their records will come again, and must not be counted
   * twice. Passes over all slots.
   */
  forget(partitions: ReadonlySet<number>): void {
    const { traces } = this;
    for (let slot = 0; slot < traces.highWater; slot++) {
      if (traces.state[slot] === TraceState.FREE) continue;
      if (traces.isMixed[slot] === 1 || partitions.has(traces.partition[slot])) this.evict(slot);
    }
    // What waited in them is gone.
    for (const partition of partitions) delete this.#queues[partition];
  }

  /** Drops the spans of a trace from memory: from now on it is restitched from the store. */
  makeStoreBacked(slot: number): void {
    if (this.traces.isStoreBacked[slot] === 1) return;
    this.releaseSpans(slot);
    this.traces.isStoreBacked[slot] = 1;
  }

  releaseSpans(slot: number): void {
    for (let row = this.traces.head[slot]; row !== NO_ROW; ) {
      const next = this.spans.next[row];
      this.spans.release(row);
      row = next;
    }
    this.traces.head[slot] = NO_ROW;
    this.traces.rowCount[slot] = 0;
  }

  /** Looks at the slot again as soon as the watermark moves past its debounce. */
  reschedule(slot: number): void {
    this.#schedule(slot, this.traces.lastReceivedMs[slot] + this.#windows.debounceMs);
  }

  /** Forgets strings; only when no trace is in memory. */
  clearStrings(): void {
    if (this.traces.size !== 0) throw new Error(`${this.traces.size} traces still hold interned strings`);
    this.interner.clear();
    this.interner.index('app');
    this.interner.index('data');
    this.spans.clear();
  }

  traceIdHex(slot: number): string {
    const traces = this.traces;
    return (
      wordToHex(traces.word0[slot]) +
      wordToHex(traces.word1[slot]) +
      wordToHex(traces.word2[slot]) +
      wordToHex(traces.word3[slot])
    );
  }

  tenantNumber(tenant: string): number {
    const known = this.tenants.indexOf(tenant);
    if (known >= 0) return known;
    this.tenants.push(tenant);
    return this.tenants.length - 1;
  }

  /** Bytes that grow with open traces (the set of seen ids has a fixed size). */
  get byteLength(): number {
    return this.spans.rows * 99 + this.traces.size * 120 + this.interner.byteLength;
  }

  #slotOf(tenant: number, w0: number, w1: number, w2: number, w3: number): number {
    const slot = this.traces.find(tenant, w0, w1, w2, w3);
    if (slot !== NO_SLOT) return slot;
    const added = this.traces.add(tenant, w0, w1, w2, w3);
    if (this.#seen.has(tenant, w0, w1, w2, w3)) this.traces.isStoreBacked[added] = 1;
    return added;
  }

  #noteArrival(slot: number, partition: number, receivedMs: number): void {
    const traces = this.traces;
    const isFirst = traces.firstReceivedMs[slot] === 0;
    if (isFirst || receivedMs < traces.firstReceivedMs[slot]) traces.firstReceivedMs[slot] = receivedMs;
    if (isFirst || receivedMs > traces.lastReceivedMs[slot]) traces.lastReceivedMs[slot] = receivedMs;
    if (!isFirst && traces.partition[slot] !== partition) traces.isMixed[slot] = 1;
    traces.partition[slot] = partition;
    traces.arrivals[slot]++;
    const { completeAfterMs, debounceMs } = this.#windows;
    if (traces.state[slot] !== TraceState.OPEN) {
      // Late: the queue may only know of the eviction, which is further away.
      traces.setState(slot, TraceState.OPEN);
      this.#schedule(slot, receivedMs + debounceMs);
    } else if (traces.dueMs[slot] === Number.POSITIVE_INFINITY) {
      this.#schedule(slot, receivedMs + (traces.isStoreBacked[slot] === 1 ? debounceMs : completeAfterMs));
    }
  }

  /** Puts the slot into its partition's queue, unless it is there already for an earlier time. */
  #schedule(slot: number, dueMs: number): void {
    const traces = this.traces;
    if (traces.dueMs[slot] <= dueMs) return;
    traces.dueMs[slot] = dueMs;
    const partition = traces.partition[slot];
    let queue = this.#queues[partition];
    if (queue === undefined) {
      queue = new DueQueue();
      this.#queues[partition] = queue;
    }
    queue.push(dueMs, slot, traces.generation[slot]);
  }

  #addSpan(block: SpanBlock, row: number, slot: number): void {
    const traces = this.traces;
    if (traces.rowCount[slot] >= this.#windows.maxSpansPerTrace * 2) {
      this.makeStoreBacked(slot);
      return;
    }
    const at = this.#copier.copy(block, row);
    this.spans.next[at] = traces.head[slot];
    traces.head[slot] = at;
    traces.rowCount[slot]++;
  }

  #tenantIndex(block: SpanBlock, record: number): number {
    if (this.tenants.length === 1 && block.dictionary.text(block.recordTenant[record]) === this.tenants[0]) return 0;
    return this.tenantNumber(block.dictionary.text(block.recordTenant[record]));
  }
}
