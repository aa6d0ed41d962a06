/**
 * What the stitcher takes in at once: records of the log decoded into one block, with all that committing them needs.
 * Two batches alternate, so that one is decoded while the other is being stored.
 */
import type { CommitPoint, DeadLetter, LogRecord, Tallies } from '../bus/index.js';
import { createSpanBlock, type SpanBlock, type SpanReader } from '../otlp/index.js';

export class Batch {
  readonly block: SpanBlock = createSpanBlock();
  readonly records: LogRecord[] = [];
  readonly deadLetters: DeadLetter[] = [];
  /** By partition: spans that a foreign producer put into the log with ids no receiver would have accepted. */
  readonly rejectedSpans = new Map<number, number>();
  /** Partitions lost since the batch was begun: what it holds of them does not stay in memory. */
  readonly revoked = new Set<number>();
  payloadBytes = 0;
  firstAtMs = 0;

  get isEmpty(): boolean {
    return this.records.length === 0;
  }

  /** Decodes a record into the block, or notes it as a dead letter; all or nothing. */
  add(record: LogRecord, reader: SpanReader, nowMs: number): void {
    if (this.isEmpty) this.firstAtMs = nowMs;
    this.records.push(record);
    this.payloadBytes += record.payload.length;
    const corrupt = record.corrupt;
    const result = corrupt === undefined ? reader.read(record.payload, record, this.block) : undefined;
    const reason = corrupt ?? result?.error ?? '';
    if (reason !== '') this.deadLetters.push(deadLetter(record, reason));
    else if (result !== undefined && result.rejected > 0) this.#addRejected(record.partition, result.rejected);
  }

  /** One past the last offset of each partition, with what is to be counted of it. */
  commitPoints(): CommitPoint[] {
    const next = new Map<number, number>();
    for (const { partition, offset } of this.records) {
      next.set(partition, Math.max(next.get(partition) ?? 0, offset + 1));
    }
    return [...next].map(([partition, offset]) => ({ partition, offset, tallies: this.#talliesOf(partition) }));
  }

  reset(): void {
    this.block.reset();
    this.records.length = 0;
    this.deadLetters.length = 0;
    this.rejectedSpans.clear();
    this.revoked.clear();
    this.payloadBytes = 0;
  }

  #addRejected(partition: number, spans: number): void {
    this.rejectedSpans.set(partition, (this.rejectedSpans.get(partition) ?? 0) + spans);
  }

  #talliesOf(partition: number): Tallies {
    const tallies: Record<string, number> = {};
    let dead = 0;
    for (const letter of this.deadLetters) if (letter.partition === partition) dead += letter.itemCount;
    if (dead > 0) tallies.dead_letter = dead;
    const rejected = this.rejectedSpans.get(partition);
    if (rejected !== undefined) tallies['rejected_in_log.invalid_id'] = rejected;
    return tallies;
  }
}

export function deadLetter(record: LogRecord, reason: string): DeadLetter {
  const { partition, offset, appendTimeMs, tenant, itemCount, payload } = record;
  return { partition, offset, appendTimeMs, tenant, itemCount, reason, payload };
}
