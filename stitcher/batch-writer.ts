/**
 * Stores a batch: spans, then arrivals, then memory, then the offsets. What the store refuses as wrong (never what it
 * cannot take now) is looked for record by record and becomes a dead letter, so that one bad record blocks nobody.
 */
import type { Logger } from 'pino';
import type { BusConsumer, LogRecord } from '../bus/index.js';
import type { SpanReader } from '../otlp/index.js';
import { crashPoint } from '../schemas/index.js';
import { StoreError, type TraceStore } from '../store/index.js';
import { Batch, deadLetter } from './batch.js';
import { ArrivalCounter, spanColumns } from './span-columns.js';

export interface BatchWriterOptions {
  readonly store: TraceStore;
  readonly consumer: BusConsumer;
  readonly reader: SpanReader;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called with each block once it is durably stored, before its offsets are committed. */
  readonly onStored: (batch: Batch) => void;
}

export class BatchWriter {
  spansStored = 0;
  recordsStored = 0;
  deadLetters = 0;
  readonly #options: BatchWriterOptions;
  readonly #arrivals = new ArrivalCounter();

  constructor(options: BatchWriterOptions) {
    this.#options = options;
  }

  async write(batch: Batch): Promise<void> {
    try {
      await this.#insert(batch);
    } catch (error) {
      if (this.#isPassing(error)) throw error;
      this.#options.logger.error({ err: error, records: batch.records.length }, 'the store refused a batch');
      await this.#writeOneByOne(batch, error);
    }
    crashPoint('before-commit');
    await this.#options.consumer.commit(batch.commitPoints(), batch.deadLetters);
    crashPoint('after-commit');
    this.recordsStored += batch.records.length;
    this.deadLetters += batch.deadLetters.length;
  }

  async #insert(batch: Batch): Promise<void> {
    const { block } = batch;
    if (block.rows === 0) return;
    const { store, signal } = this.#options;
    await store.insert('spans', spanColumns(block), block.rows, signal);
    crashPoint('between-spans-and-arrivals');
    const arrivals = this.#arrivals.columns(block);
    await store.insert('trace_arrivals', arrivals.columns, arrivals.rows, signal);
    this.spansStored += block.rows;
    this.#options.onStored(batch);
  }

  async #writeOneByOne(batch: Batch, cause: unknown): Promise<void> {
    const dead = new Set(batch.deadLetters.map(letter => `${letter.partition}/${letter.offset}`));
    const refused: LogRecord[] = [];
    const single = new Batch();
    let stored = 0;
    for (const record of batch.records) {
      if (dead.has(`${record.partition}/${record.offset}`)) continue;
      single.reset();
      single.add(record, this.#options.reader, 0);
      try {
        await this.#insert(single);
        stored++;
      } catch (error) {
        if (this.#isPassing(error)) throw error;
        refused.push(record);
      }
    }
    // Nothing goes in: that is the store's fault (a missing table, say), not that of every record.
    if (stored === 0) throw cause;
    for (const record of refused) batch.deadLetters.push(deadLetter(record, `refused by the store: ${String(cause)}`));
  }

  /** Whether the failure says nothing about the batch: the store is away, or we are stopping. */
  #isPassing(error: unknown): boolean {
    return this.#options.signal.aborted || !(error instanceof StoreError) || error.retryable;
  }
}
