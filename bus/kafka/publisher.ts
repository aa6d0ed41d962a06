/**
 * Sends records, each to the partition it names. Records that wait for a partition together go in one batch, one batch
 * of a partition at a time: while one is on its way the next one gathers, as with a group commit.
 *
 * While a partition takes nothing, its batch is tried again as long as somebody waits for it, and others are refused at
 * once: neither memory nor exporters' patience is spent on a broker that is away.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CompressionTypes, Message } from 'kafkajs';
import { BusError } from '../errors.js';
import type { RecordToPublish, Tallies } from '../types.js';
import { publishFailure } from './failures.js';
import type { ProducerLink } from './producer-link.js';
import { RECORD_OVERHEAD_BYTES, recordHeaders } from './record-headers.js';

export interface PublisherOptions {
  readonly link: Pick<ProducerLink, 'send'>;
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
  /** Given up on. */
  isAbandoned: boolean;
}

interface Lane {
  readonly partition: number;
  waiting: Waiting[];
  isSending: boolean;
  /** Since when nothing was taken, and why; null while all is well. */
  trouble: { readonly sinceMs: number; readonly failure: BusError } | null;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** Changes of leaders and restarts are sat out; what lasts longer is told to whoever comes. */
const TROUBLE_TO_TELL_MS = 2_000;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #lanes: readonly Lane[];
  readonly #publishes = new Set<Promise<void>>();
  readonly #sends = new Set<Promise<void>>();
  #queuedBytes = 0;
  #nextTallies = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.partitionCount }, (_, partition) => ({
      partition,
      waiting: [],
      isSending: false,
      trouble: null,
    }));
  }

  /**
   * Resolves once every record is acknowledged by all in-sync replicas. Tallies go last, with a record of their own, so
   * that they are not counted for what the caller must send again.
   */
  publish(records: readonly RecordToPublish[], tallies: Tallies): Promise<void> {
    const publish = this.#publish(records, tallies).finally(() => this.#publishes.delete(publish));
    this.#publishes.add(publish);
    return publish;
  }

  /** Waits for what is on its way; each publish ends at its deadline at the latest. */
  async idle(): Promise<void> {
    while (this.#publishes.size + this.#sends.size > 0) {
      await Promise.allSettled([...this.#publishes, ...this.#sends]);
    }
  }

  async #publish(records: readonly RecordToPublish[], tallies: Tallies): Promise<void> {
    await this.#sendAll(records.map(record => this.#messageOf(record)));
    if (Object.keys(tallies).length === 0) return;
    const partition = records[0]?.partition ?? this.#nextTallies++ % this.#lanes.length;
    const tenant = records[0]?.tenant ?? 'default';
    await this.#sendAll([{ partition, value: Buffer.alloc(0), headers: recordHeaders({ tenant }, 0, tallies) }]);
  }

  #messageOf({ partition, tenant, tier, itemCount, payload }: RecordToPublish): Message {
    const { topic } = this.#options;
    if (this.#lanes[partition] === undefined) {
      throw new RangeError(`partition ${partition} of topic ${topic}, which has ${this.#lanes.length}`);
    }
    const value = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return { partition, value, headers: recordHeaders({ tenant, tier }, itemCount) };
  }

  async #sendAll(messages: readonly Message[]): Promise<void> {
    const sizes = messages.map(message => (message.value?.length ?? 0) + RECORD_OVERHEAD_BYTES);
    this.#checkRoom(sizes);
    const lanes = messages.map(({ partition = 0 }) => this.#lanes[partition]);
    for (const lane of lanes) checkTrouble(lane);
    const entries: Waiting[] = [];
    const sent = messages.map(
      (message, i) =>
        new Promise<void>((resolve, reject) => {
          const entry = { message, bytes: sizes[i], resolve, reject, isAbandoned: false };
          entries.push(entry);
          this.#queuedBytes += entry.bytes;
          lanes[i].waiting.push(entry);
        }),
    );
    for (const lane of lanes) if (!lane.isSending) this.#pump(lane);
    const timer = setTimeout(() => this.#giveUp(entries, lanes), this.#options.deliveryTimeoutMs);
    const results = await Promise.allSettled(sent);
    clearTimeout(timer);
    const failed = results.find(result => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #checkRoom(sizes: readonly number[]): void {
    const { maxQueuedBytes, maxBatchBytes } = this.#options;
    const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
    if (largest > maxBatchBytes) {
      const text = `a record of ${largest - RECORD_OVERHEAD_BYTES} bytes; at most ${maxBatchBytes - RECORD_OVERHEAD_BYTES} fit (bus.kafka.maxRecordBytes, and max.message.bytes of the topic)`;
      throw new BusError('BUS_FULL', text, { retryable: false });
    }
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#queuedBytes + bytes > maxQueuedBytes && this.#queuedBytes > 0) {
      throw new BusError('BUS_FULL', `${this.#queuedBytes} bytes wait for Kafka already`);
    }
  }

  /** What is on its way may still be appended: the error is one to come again with. */
  #giveUp(entries: readonly Waiting[], lanes: readonly Lane[]): void {
    const reason = lanes.find(({ trouble }) => trouble !== null)?.trouble?.failure;
    const text = `Kafka did not take a record in ${this.#options.deliveryTimeoutMs} ms`;
    const failure = new BusError('BUS_UNAVAILABLE', reason ? `${text}: ${reason.message}` : text, { cause: reason });
    for (const entry of entries) {
      entry.isAbandoned = true;
      entry.reject(failure);
    }
    for (const lane of lanes) {
      for (const entry of lane.waiting) if (entry.isAbandoned) this.#release(entry);
      lane.waiting = lane.waiting.filter(entry => !entry.isAbandoned);
      lane.trouble ??= { sinceMs: Number.NEGATIVE_INFINITY, failure };
    }
  }

  #pump(lane: Lane): void {
    const batch = this.#takeBatch(lane);
    if (batch.length === 0) return;
    lane.isSending = true;
    const send = this.#deliver(lane, batch).finally(() => {
      this.#sends.delete(send);
      lane.isSending = false;
      this.#pump(lane);
    });
    this.#sends.add(send);
  }

  #takeBatch(lane: Lane): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of lane.waiting) {
      if (count > 0 && bytes + entry.bytes > this.#options.maxBatchBytes) break;
      bytes += entry.bytes;
      count++;
    }
    return lane.waiting.splice(0, count);
  }

  #release({ bytes }: Waiting): void {
    this.#queuedBytes -= bytes;
  }

  /** Until it is taken, refused for good, or nobody waits for it any more. Never rejects. */
  async #deliver(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    let left = batch;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      for (const entry of left) if (entry.isAbandoned) this.#release(entry);
      left = left.filter(entry => !entry.isAbandoned);
      if (left.length === 0) return;
      const failure = await this.#attempt(lane, left);
      if (failure === null) break;
      if (!failure.retryable && left.length > 1) {
        // One of them is to blame: the others shall not pay for it.
        for (const entry of left) await this.#deliver(lane, [entry]);
        return;
      }
      if (!failure.retryable) {
        for (const entry of left) entry.reject(failure);
        break;
      }
      lane.trouble = { sinceMs: lane.trouble?.sinceMs ?? performance.now(), failure };
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
    for (const entry of left) this.#release(entry);
  }

  async #attempt(lane: Lane, batch: readonly Waiting[]): Promise<BusError | null> {
    const { link, topic, compression } = this.#options;
    const messages = batch.map(({ message }) => message);
    try {
      await link.send(topic, lane.partition, messages, compression);
    } catch (error) {
      return publishFailure(error, topic);
    }
    lane.trouble = null;
    for (const { resolve } of batch) resolve();
    return null;
  }
}

function checkTrouble({ trouble, isSending }: Lane): void {
  if (trouble === null || !isSending) return;
  if (performance.now() - trouble.sinceMs > TROUBLE_TO_TELL_MS) throw trouble.failure;
}
