/**
 * Sends records, each to the partition it names. Records that wait for a partition together go in one batch, one batch
 * of a partition at a time: while one is on its way the next one gathers, as with a group commit.
 */
import type { CompressionTypes, Message, Producer } from 'kafkajs';
import { BusError } from '../errors.js';
import type { RecordToPublish, Tallies } from '../types.js';
import { publishFailure } from './failures.js';
import { RECORD_OVERHEAD_BYTES, recordHeaders } from './record-headers.js';

export interface PublisherOptions {
  readonly producer: Producer;
  readonly topic: string;
  readonly partitionCount: number;
  readonly compression: CompressionTypes;
  /** Of one batch: the broker's limit is on batches, not on records. */
  readonly maxBatchBytes: number;
  readonly maxQueuedBytes: number;
  readonly deliveryTimeoutMs: number;
}

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Given up on before it was sent. */
  isAbandoned: boolean;
}

const ACKNOWLEDGED_BY_ALL = -1;
/** Of the broker, for its replicas. */
const ACK_TIMEOUT_MS = 10_000;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #waiting: Waiting[][];
  readonly #isSending: boolean[];
  readonly #sends = new Set<Promise<void>>();
  #queuedBytes = 0;
  #nextTallies = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#waiting = Array.from({ length: options.partitionCount }, () => []);
    this.#isSending = new Array(options.partitionCount).fill(false);
  }

  /**
   * Resolves once every record is acknowledged by all in-sync replicas. Tallies go last, with a record of their own, so
   * that they are not counted for what the caller must send again.
   */
  async publish(records: readonly RecordToPublish[], tallies: Tallies): Promise<void> {
    await this.#sendAll(records.map(record => this.#messageOf(record)));
    if (Object.keys(tallies).length === 0) return;
    const partition = records[0]?.partition ?? this.#nextTallies++ % this.#options.partitionCount;
    const tenant = records[0]?.tenant ?? 'default';
    await this.#sendAll([{ partition, value: Buffer.alloc(0), headers: recordHeaders(tenant, 0, tallies) }]);
  }

  /** Waits for what is on its way. */
  async idle(): Promise<void> {
    while (this.#sends.size > 0) await Promise.allSettled(this.#sends);
  }

  #messageOf({ partition, tenant, itemCount, payload }: RecordToPublish): Message {
    const { partitionCount, topic } = this.#options;
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
      throw new RangeError(`partition ${partition} of topic ${topic}, which has ${partitionCount}`);
    }
    const value = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return { partition, value, headers: recordHeaders(tenant, itemCount) };
  }

  async #sendAll(messages: readonly Message[]): Promise<void> {
    const { maxQueuedBytes, maxBatchBytes, deliveryTimeoutMs } = this.#options;
    const sizes = messages.map(message => (message.value?.length ?? 0) + RECORD_OVERHEAD_BYTES);
    if (sizes.some(bytes => bytes > maxBatchBytes)) {
      const text = `a record of ${Math.max(...sizes)} bytes, above bus.kafka.maxRecordBytes`;
      throw new BusError('BUS_FULL', text, { retryable: false });
    }
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#queuedBytes + bytes > maxQueuedBytes && this.#queuedBytes > 0) {
      throw new BusError('BUS_FULL', `${this.#queuedBytes} bytes wait for Kafka already`);
    }
    const entries: Waiting[] = [];
    const sent = messages.map(
      (message, i) =>
        new Promise<void>((resolve, reject) => {
          const entry = { message, bytes: sizes[i], resolve, reject, isAbandoned: false };
          entries.push(entry);
          this.#enqueue(entry);
        }),
    );
    const timer = setTimeout(() => this.#giveUp(entries), deliveryTimeoutMs);
    const results = await Promise.allSettled(sent);
    clearTimeout(timer);
    const failed = results.find(result => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #enqueue(entry: Waiting): void {
    const partition = entry.message.partition ?? 0;
    this.#queuedBytes += entry.bytes;
    this.#waiting[partition].push(entry);
    if (!this.#isSending[partition]) this.#pump(partition);
  }

  /** What is on its way may still be appended, as its caller is told by the error's kind; what waits is dropped. */
  #giveUp(entries: readonly Waiting[]): void {
    for (const entry of entries) {
      entry.isAbandoned = true;
      entry.reject(new BusError('BUS_UNAVAILABLE', `Kafka did not answer in ${this.#options.deliveryTimeoutMs} ms`));
    }
  }

  #pump(partition: number): void {
    const batch = this.#takeBatch(partition);
    if (batch.length === 0) return;
    this.#isSending[partition] = true;
    const send = this.#send(partition, batch).finally(() => {
      this.#sends.delete(send);
      this.#isSending[partition] = false;
      this.#pump(partition);
    });
    this.#sends.add(send);
  }

  #takeBatch(partition: number): Waiting[] {
    const waiting = this.#waiting[partition];
    const batch: Waiting[] = [];
    let bytes = 0;
    let taken = 0;
    for (const entry of waiting) {
      if (!entry.isAbandoned) {
        if (batch.length > 0 && bytes + entry.bytes > this.#options.maxBatchBytes) break;
        batch.push(entry);
        bytes += entry.bytes;
      } else this.#queuedBytes -= entry.bytes;
      taken++;
    }
    waiting.splice(0, taken);
    return batch;
  }

  /** Never rejects. */
  async #send(partition: number, batch: readonly Waiting[]): Promise<void> {
    const { producer, topic, compression } = this.#options;
    try {
      await producer.send({
        topic,
        acks: ACKNOWLEDGED_BY_ALL,
        timeout: ACK_TIMEOUT_MS,
        compression,
        messages: batch.map(({ message }) => ({ ...message, partition })),
      });
      for (const { resolve } of batch) resolve();
    } catch (error) {
      const failure = publishFailure(error, topic);
      for (const { reject } of batch) reject(failure);
    } finally {
      for (const { bytes } of batch) this.#queuedBytes -= bytes;
    }
  }
}
