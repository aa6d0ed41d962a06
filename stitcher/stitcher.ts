/**
 * The stitcher's loop: records in, spans stored, offsets committed, traces closed and restated, for the partitions it
 * owns; everything it holds can be lost at any await (docs/stitching.md, ARCHITECTURE.md).
 *
 * Order within a batch: spans stored → arrivals stored → spans taken into memory → offsets committed. So a revision is
 * never written for spans that are not stored, and what is committed is stored.
 */
import type { BusConsumer } from '../bus/index.js';
import { Assembler } from './assembly/index.js';
import { Auditor } from './auditor.js';
import { Background } from './background.js';
import { Batch } from './batch.js';
import { BatchWriter } from './batch-writer.js';
import { Closer, type SlotToRestitch } from './closer.js';
import { OpenTraces } from './open-traces.js';
import type { StitcherOptions } from './options.js';
import { Ownership } from './ownership.js';
import { Patience } from './patience.js';
import { ProgressWriter, type StitcherProgress } from './progress.js';
import { Restitcher } from './restitcher.js';
import { RevisionWriter } from './revision-writer.js';
import { TraceRows } from './trace-rows.js';
import { TraceState } from './trace-table.js';
import { Watermarks } from './watermarks.js';

const RESTITCH_BATCH = 200;
const MAX_PENDING_ROW_BLOCKS = 2;

export class Stitcher {
  /** Settles when the loop has ended; rejects if it ended by a failure. */
  readonly done: Promise<void>;
  /** Revisions written from memory, and from the store. */
  revisions = 0;
  restitched = 0;
  readonly batches: BatchWriter;
  readonly auditor: Auditor;

  readonly #options: StitcherOptions & { readonly ticks: () => number };
  readonly #consumer: BusConsumer;
  readonly #open: OpenTraces;
  readonly #closer: Closer;
  readonly #restitcher: Restitcher;
  readonly #revisionWriter: RevisionWriter;
  readonly #progress: ProgressWriter;
  readonly #watermarks: Watermarks;
  readonly #ownership: Ownership;
  readonly #patience: Patience;
  readonly #abort = new AbortController();
  #filling = new Batch();
  #spare = new Batch();
  readonly #background = new Background<'storing' | 'rows' | 'restitching' | 'auditing' | 'reporting'>(
    this.#abort.signal,
  );
  /** Numbers finished writes: the auditor is clean up to one of them. */
  #writeSequence = 0;
  #stopping = false;

  static async start(options: StitcherOptions): Promise<Stitcher> {
    return new Stitcher(options, await options.bus.consumer());
  }

  private constructor(options: StitcherOptions, consumer: BusConsumer) {
    const { windows, store, reader, logger, clock, ticks = clock } = options;
    this.#options = { ...options, ticks };
    this.#consumer = consumer;
    const open = new OpenTraces(windows, options.seenCapacityBits);
    this.#open = open;
    const assembler = new Assembler({
      maxClockSkewNs: options.maxClockSkewMs * 1e6,
      completeAfterMs: windows.completeAfterMs,
      idleMs: windows.idleMs,
      maxOpenMs: windows.maxOpenMs,
      latenessMs: options.latenessMs,
      maxSpansPerTrace: windows.maxSpansPerTrace,
      appTier: open.appTier,
      dataTier: open.dataTier,
    });
    const rows = new TraceRows(open.interner, open.tenants);
    const signal = this.#abort.signal;
    this.#closer = new Closer(open, assembler, rows);
    this.#restitcher = new Restitcher(store, open, assembler, rows);
    this.#revisionWriter = new RevisionWriter(store, rows, signal, clock, ticks);
    this.batches = new BatchWriter({ store, consumer, reader, logger, signal, onStored: batch => this.#takeIn(batch) });
    const audit = { everyMs: options.auditEveryMs, overlapMs: options.auditOverlapMs, quietMs: windows.idleMs };
    this.auditor = new Auditor(store, open, audit);
    this.#progress = new ProgressWriter(store, options.instance);
    this.#watermarks = new Watermarks(options.bus, clock, ticks, options.offsetsEveryMs);
    this.#patience = new Patience(logger, signal);
    this.#ownership = new Ownership({
      store,
      consumer,
      recentMs: windows.maxOpenMs + windows.idleMs,
      onLost: partitions => this.#lose(partitions),
      onSeen: (tenant, traceId) => open.addSeen(tenant, traceId),
      onGained: auditFromMs => this.#gain(auditFromMs),
      insist: work => this.#patience.insist(work),
    });
    this.done = this.#run();
    // The owner awaits `done` at its leisure; until then a failure must not count as unhandled.
    this.done.catch(() => {});
  }

  /** Stores and commits what has been read, then stops; open traces are left to the next start. */
  async close(timeoutMs = 10_000): Promise<void> {
    this.#stopping = true;
    const timer = setTimeout(() => this.#abort.abort(), timeoutMs);
    await this.done.catch(() => {});
    clearTimeout(timer);
  }

  /** Of each partition it owns, how far the log's time has come, epoch milliseconds; 0 before the first record. */
  get watermarksMs(): ReadonlyMap<number, number> {
    return new Map(this.#ownership.partitions.map(partition => [partition, this.#watermarks.of(partition)]));
  }

  get openTraces(): number {
    return this.#open.traces.openCount;
  }

  get memoryBytes(): number {
    return this.#open.byteLength;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping) {
        this.#background.throwFailure();
        await this.#fill();
        await this.#advance();
      }
      await this.#flush();
      await this.#background.ended('storing');
      await this.#advance();
      await Promise.all([this.#revisionWriter.flush(), this.#background.ended('restitching', 'auditing')]);
      this.#background.throwFailure();
      await this.#progress.write(this.#state(), this.#options.ticks(), true);
    } finally {
      this.#abort.abort();
      await this.#background.ended('storing', 'restitching', 'auditing', 'reporting');
      await this.#consumer.close();
    }
  }

  async #fill(): Promise<void> {
    const { batchMaxBytes, flushEveryMs, tickMs, ticks, reader } = this.#options;
    const batch = this.#filling;
    const waitMs = batch.isEmpty ? tickMs : Math.max(0, Math.min(tickMs, batch.firstAtMs + flushEveryMs - ticks()));
    const records = await this.#consumer.poll(Math.max(1, batchMaxBytes - batch.payloadBytes), waitMs);
    await this.#ownership.refresh();
    const nowMs = ticks();
    for (const record of records) batch.add(record, reader, nowMs);
    if (batch.isEmpty) return;
    const isDue = batch.payloadBytes >= batchMaxBytes || nowMs - batch.firstAtMs >= flushEveryMs;
    if (isDue || records.length === 0) await this.#flush();
  }

  /** Starts storing the filled batch, once the one before is committed. */
  async #flush(): Promise<void> {
    await this.#background.ended('storing');
    this.#background.throwFailure();
    const batch = this.#filling;
    if (batch.isEmpty) return;
    this.#filling = this.#spare;
    this.#spare = batch;
    this.#background.start('storing', this.#store(batch));
  }

  async #store(batch: Batch): Promise<void> {
    await this.batches.write(batch);
    this.#watermarks.stored(batch.records);
    this.#writeSequence++;
    batch.reset();
  }

  #takeIn(batch: Batch): void {
    const open = this.#open;
    open.addBlock(batch.block);
    if (batch.revoked.size > 0) open.forget(batch.revoked);
    const { maxMemoryBytes } = this.#options;
    if (open.byteLength <= maxMemoryBytes) return;
    this.revisions += this.#closer.relieve(maxMemoryBytes / 2);
    this.#flushRows();
    if (open.byteLength > maxMemoryBytes / 2 && open.traces.size === 0) open.clearStrings();
  }

  /** What was read of them and not committed comes again: memory must not count it twice, now or once it is stored. */
  #lose(partitions: ReadonlySet<number>): void {
    for (const partition of partitions) {
      this.#filling.revoked.add(partition);
      this.#spare.revoked.add(partition);
    }
    this.#open.forget(partitions);
    this.auditor.lose(partitions);
    this.#options.logger.info({ partitions: [...partitions] }, 'partitions lost');
  }

  async #gain(auditFromMs: ReadonlyMap<number, number>): Promise<void> {
    this.auditor.gain(auditFromMs);
    this.#revisionWriter.takeOver();
    // Not settled until a pass that begins from now on finds nothing wrong: nobody may believe the former owner longer.
    this.#writeSequence++;
    await this.#progress.write(this.#state(), this.#options.ticks(), true);
    this.#options.logger.info({ auditFromMs: Object.fromEntries(auditFromMs) }, 'partitions gained');
  }

  /** Moves the watermarks on and closes, restitches, audits what is due. */
  async #advance(): Promise<void> {
    const { ticks } = this.#options;
    const { partitions } = this.#ownership;
    await this.#patience.attempt('the log', this.#watermarks.refresh(partitions));
    for (const partition of partitions) {
      this.revisions += this.#closer.advance(partition, this.#watermarks.of(partition));
    }
    this.#flushRows();
    if (this.#revisionWriter.pending > MAX_PENDING_ROW_BLOCKS) await this.#revisionWriter.flush();
    this.#startRestitch();
    if (this.#stopping) return;
    const isBusy =
      this.#revisionWriter.pending > 0 ||
      this.#background.isRunning('restitching') ||
      this.#background.isRunning('auditing');
    const isQuiet = this.#open.traces.openCount === 0 && this.#closer.toRestitch.length === 0;
    if (!isBusy && this.auditor.isDue(ticks(), this.#writeSequence, isQuiet)) this.#startAudit();
    if (!this.#background.isRunning('reporting')) this.#startReport();
  }

  #flushRows(): void {
    if (this.#revisionWriter.hasRows) this.#background.start('rows', this.#storeRows());
  }

  async #storeRows(): Promise<void> {
    await this.#revisionWriter.flush();
    this.#writeSequence++;
  }

  #startRestitch(): void {
    if (this.#background.isRunning('restitching')) return;
    const batch = this.#closer.takeRestitches(RESTITCH_BATCH);
    if (batch.length === 0) return;
    const pass = this.#patience.attempt('restitching', this.#restitch(batch), () => this.#closer.putBack(batch));
    this.#background.start('restitching', pass);
  }

  async #restitch(batch: readonly SlotToRestitch[]): Promise<void> {
    const ids = batch.map(item => item.traceId);
    this.restitched += await this.#restitcher.run(batch[0].tenant, ids, false);
    await this.#storeRows();
    const { traces } = this.#open;
    for (const { slot, generation } of batch) {
      if (traces.generation[slot] !== generation) continue;
      // More spans came meanwhile: it is OPEN again and must be looked at again.
      if (traces.state[slot] === TraceState.RESTITCHING) this.#open.evict(slot);
      else this.#open.reschedule(slot);
    }
  }

  #startAudit(): void {
    const watermarkMs = this.#watermarks.lowest(this.#ownership.partitions);
    const pass = this.auditor.run(this.#writeSequence, watermarkMs, this.#options.ticks);
    this.#background.start('auditing', this.#patience.attempt('auditing', pass));
  }

  #startReport(): void {
    const report = this.#progress.write(this.#state(), this.#options.ticks());
    this.#background.start('reporting', this.#patience.attempt('reporting', report));
  }

  #state(): StitcherProgress {
    const { partitions } = this.#ownership;
    const { pending: rowBlocks, lastStoredMs, lastStoredAgeMs } = this.#revisionWriter;
    const pending = this.#closer.toRestitch.length + rowBlocks + Number(this.#background.isRunning('restitching'));
    return {
      partitions: this.#watermarks.committedOffsets(partitions),
      watermark_ms: this.#watermarks.lowest(partitions),
      open_traces: this.#open.traces.openCount,
      pending,
      audited: pending === 0 && this.auditor.isClean(this.#writeSequence),
      audited_through_ms: this.auditor.auditedThroughMs,
      last_trace_row_ms: lastStoredMs,
      last_trace_row_age_ms: lastStoredAgeMs,
    };
  }
}
