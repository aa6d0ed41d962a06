/**
 * A member of the stitchers' group, polled as the embedded log's consumer is.
 *
 * Ownership. kafkajs tells of each new assignment (GROUP_JOIN) before it fetches anything under it. What is in the old
 * assignment and not in the new one is lost: its queued records are dropped, and `takeRevoked` tells the stitcher that
 * all it was handed of it is void. What is in both is kept: kafkajs fetches it anew from the committed offset, and records
 * below the position are skipped, so the stitcher sees each once (owned-partition.ts). What is new begins at the committed
 * offset with the counts committed with it.
 *
 * Commits. What the stitcher has stored is noted at once and committed as soon as the group allows: a rebalance only
 * delays it for partitions that are kept, and voids it for those that are lost, whose new owner stores the same records
 * again to the same effect. Kafka takes a commit of any partition from any member, so only owned ones are sent, under the
 * generation of the assignment that they are owned in.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload } from 'kafkajs';
import type { Logger } from 'pino';
import { BusError } from '../errors.js';
import type { BusConsumer, CommitPoint, DeadLetter, LogRecord } from '../types.js';
import { rootCause } from './failures.js';
import { FetchedQueue } from './fetched-queue.js';
import { OwnedPartition } from './owned-partition.js';
import { type CommittedPosition, fetchCommitted } from './positions.js';
import { encodeCounts, NO_COUNTS } from './prefix-counts.js';
import { factsOf } from './record-headers.js';

export interface KafkaConsumerOptions {
  readonly consumer: Consumer;
  readonly admin: () => Promise<Admin>;
  readonly topic: string;
  readonly group: string;
  readonly maxFetchedBytes: number;
  readonly partitionsAtOnce: number;
  readonly countItems: (payload: Uint8Array) => number;
  readonly logger: Logger;
  /** Durably keeps dead letters. */
  readonly bury: (letters: readonly DeadLetter[]) => Promise<void>;
  readonly onCrash: (error: Error) => void;
  readonly onClosed: () => void;
}

const COMMIT_PAUSE_MS = 250;
/** Longest wait for the counts of newly assigned partitions before kafkajs is told to try the batch again. */
const BASE_TIMEOUT_MS = 10_000;

export class KafkaConsumer implements BusConsumer {
  readonly #options: KafkaConsumerOptions;
  readonly #queue = new FetchedQueue();
  /** Null until the committed position is known. */
  readonly #owned = new Map<number, OwnedPartition | null>();
  #revoked: number[] = [];
  /** Numbers assignments: what was begun under an older one is void. */
  #assignment = 0;
  #isPaused = false;
  #committing: Promise<void> | null = null;
  #closing: Promise<void> | undefined;

  static async start(options: KafkaConsumerOptions): Promise<KafkaConsumer> {
    const self = new KafkaConsumer(options);
    await self.#run();
    return self;
  }

  private constructor(options: KafkaConsumerOptions) {
    this.#options = options;
  }

  get partitions(): readonly number[] {
    return [...this.#owned.keys()].sort((a, b) => a - b);
  }

  takeRevoked(): readonly number[] {
    const revoked = this.#revoked;
    this.#revoked = [];
    return revoked;
  }

  async poll(maxBytes: number, waitMs: number): Promise<LogRecord[]> {
    this.#checkOpen();
    let records = this.#queue.take(maxBytes);
    if (records.length === 0 && waitMs > 0) {
      await this.#queue.sleep(waitMs);
      records = this.#closing === undefined ? this.#queue.take(maxBytes) : [];
    }
    if (this.#isPaused && this.#queue.bytes < this.#options.maxFetchedBytes / 2) this.#resume();
    return records;
  }

  async commit(points: readonly CommitPoint[], deadLetters: readonly DeadLetter[] = []): Promise<void> {
    this.#checkOpen();
    if (deadLetters.length > 0) await this.#options.bury(deadLetters);
    for (const point of points) this.#owned.get(point.partition)?.store(point);
    await this.#commitStored();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #run(): Promise<void> {
    const { consumer, topic, partitionsAtOnce, onCrash } = this.#options;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment[topic] ?? []));
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (restart) this.#options.logger.warn({ reason: error.message }, 'the Kafka consumer failed and begins again');
      else onCrash(error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitionsAtOnce,
      eachBatch: payload => this.#takeBatch(payload),
    });
  }

  #joined(assigned: readonly number[]): void {
    this.#assignment++;
    const lost = [...this.#owned.keys()].filter(partition => !assigned.includes(partition));
    for (const partition of lost) this.#owned.delete(partition);
    this.#revoked.push(...lost);
    if (lost.length > 0) this.#queue.drop(partition => lost.includes(partition));
    for (const partition of assigned) if (!this.#owned.has(partition)) this.#owned.set(partition, null);
    this.#options.logger.info({ partitions: [...assigned], lost }, 'partitions assigned');
    this.#queue.wake();
  }

  /** Hands a batch on, as far as it is new. Never waits for room: beyond the limit fetching pauses. */
  async #takeBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    const { partition, messages } = batch;
    const [first] = messages;
    const last = messages.at(-1);
    if (first === undefined || last === undefined) return;
    const assignment = this.#assignment;
    const owned = await this.#ownedAt(partition, Number(first.offset), heartbeat);
    if (owned === undefined || assignment !== this.#assignment || !isRunning() || isStale()) return;
    for (const message of messages) {
      const offset = Number(message.offset);
      if (offset < owned.position) continue;
      // What follows the last record without being one is passed with it.
      const endOffset = (message === last ? Number(batch.lastOffset()) : offset) + 1;
      const payload = message.value ?? new Uint8Array(0);
      const { tenant, itemCount = this.#options.countItems(payload), tallies } = factsOf(message.headers);
      const record = { offset, endOffset, items: itemCount, tallies };
      const appendTimeMs = owned.handOut(record, Number(message.timestamp));
      this.#queue.push({ partition, offset, appendTimeMs, tenant, itemCount, payload });
    }
    resolveOffset(last.offset);
    this.#queue.wake();
    if (this.#queue.bytes > this.#options.maxFetchedBytes) this.#pause();
    await heartbeat();
  }

  /** The partition, ready to take a record at `offset`; undefined if it is not ours any more. */
  async #ownedAt(
    partition: number,
    offset: number,
    heartbeat: () => Promise<void>,
  ): Promise<OwnedPartition | undefined> {
    const known = this.#owned.get(partition);
    if (known === undefined || (known !== null && offset <= known.position)) return known ?? undefined;
    const assignment = this.#assignment;
    const committed = (await this.#committedPositions(heartbeat)).get(partition);
    if (assignment !== this.#assignment) return undefined;
    const base = committed === undefined || committed.offset < 0 ? undefined : committed;
    const owned = known ?? new OwnedPartition(base?.offset ?? offset, base?.counts ?? NO_COUNTS);
    if (known === null) this.#owned.set(partition, owned);
    if (base !== undefined && base.offset > owned.position) owned.moveOn(base.offset, base.counts);
    if (offset > owned.position) {
      this.#options.logger.warn({ partition, from: owned.position, to: offset }, 'the log has no records here');
      owned.skipTo(offset);
    }
    return owned;
  }

  async #committedPositions(heartbeat: () => Promise<void>): Promise<ReadonlyMap<number, CommittedPosition>> {
    const { admin, group, topic } = this.#options;
    const deadline = performance.now() + BASE_TIMEOUT_MS;
    for (;;) {
      try {
        return await fetchCommitted(await admin(), group, topic);
      } catch (error) {
        if (performance.now() > deadline || this.#closing !== undefined) throw error;
        await sleep(COMMIT_PAUSE_MS);
        await heartbeat();
      }
    }
  }

  /** One commit at a time; whoever comes meanwhile waits for the next, which covers it. */
  async #commitStored(): Promise<void> {
    while (this.#committing !== null) await this.#committing;
    this.#committing = this.#commitUntilDone().finally(() => {
      this.#committing = null;
    });
    await this.#committing;
  }

  /** Returns when everything stored of what is owned is committed, or the consumer closes. */
  async #commitUntilDone(): Promise<void> {
    const { consumer, topic, logger } = this.#options;
    for (;;) {
      const assignment = this.#assignment;
      const due = this.#committable();
      if (due.length === 0) return;
      try {
        await consumer.commitOffsets(
          due.map(({ partition, offset, counts }) => ({
            topic,
            partition,
            offset: String(offset),
            metadata: encodeCounts(counts),
          })),
        );
        if (assignment !== this.#assignment) continue;
        for (const { partition, offset } of due) this.#owned.get(partition)?.committed(offset);
      } catch (error) {
        if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the consumer is closed', { cause: error });
        const { message, type } = rootCause(error);
        logger.debug({ reason: message, type }, 'a commit waits for the group');
        await sleep(COMMIT_PAUSE_MS);
      }
    }
  }

  #committable() {
    const due = [];
    for (const [partition, owned] of this.#owned) {
      const committable = owned?.committable;
      if (committable !== undefined) due.push({ partition, ...committable });
    }
    return due;
  }

  /** Each time anew: an assignment forgets what was paused. */
  #pause(): void {
    this.#isPaused = true;
    this.#options.consumer.pause([{ topic: this.#options.topic }]);
  }

  #resume(): void {
    this.#isPaused = false;
    this.#options.consumer.resume([{ topic: this.#options.topic }]);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the consumer is closed');
  }

  async #close(): Promise<void> {
    this.#queue.wake();
    await this.#committing?.catch(() => {});
    await this.#options.consumer.disconnect();
    this.#options.onClosed();
  }
}
