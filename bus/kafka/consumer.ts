/**
 * The stitchers' consumer over a Kafka group, polled as the embedded log's consumer is. It outlives memberships
 * (standing-membership.ts).
 *
 * Ownership. kafkajs tells of each new assignment before it fetches anything under it. What is in the old assignment and
 * not in the new one is lost: its queued records are dropped, and `takeRevoked` tells the stitcher that all it was handed
 * of it is void. What is in both is kept: kafkajs fetches it anew from the committed offset, and records below the position
 * are skipped, so the stitcher sees each once (owned-partition.ts). What is new begins at the committed offset with the
 * counts committed with it. With a membership all of its partitions are lost. A kept one that somebody else has committed
 * beyond our position, while the group believed us dead, was lost too: it is told as lost, and goes on from there.
 *
 * Commits. What the stitcher has stored is noted at once and committed as soon as the group allows: a rebalance only
 * delays it for partitions that are kept, and voids it for those that are lost, whose new owner stores the same records
 * again to the same effect. Kafka takes a commit of any partition from any member, so only owned ones are sent, each try
 * under the generation of the assignment that they are owned in.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, EachBatchPayload } from 'kafkajs';
import type { Logger } from 'pino';
import { BusError } from '../errors.js';
import type { BusConsumer, CommitPoint, DeadLetter, LogRecord } from '../types.js';
import { rootCause } from './failures.js';
import { FetchedQueue } from './fetched-queue.js';
import type { MembershipOptions } from './membership.js';
import { OwnedPartition } from './owned-partition.js';
import { type CommittedPosition, fetchCommitted } from './positions.js';
import { encodeCounts, NO_COUNTS } from './prefix-counts.js';
import { factsOf } from './record-headers.js';
import { StandingMembership } from './standing-membership.js';

export interface KafkaConsumerOptions {
  readonly membership: MembershipOptions;
  readonly admin: () => Promise<Admin>;
  readonly countItems: (payload: Uint8Array) => number;
  readonly logger: Logger;
  /** Durably keeps dead letters; rejects with a BusError. */
  readonly bury: (letters: readonly DeadLetter[]) => Promise<void>;
  readonly onCrash: (error: Error) => void;
  readonly onClosed: () => void;
}

const COMMIT_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
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
  readonly #membership: StandingMembership;
  #committing: Promise<void> | null = null;
  #closing: Promise<void> | undefined;

  /** Rejects if the group cannot be joined. */
  static async start(options: KafkaConsumerOptions): Promise<KafkaConsumer> {
    const self = new KafkaConsumer(options);
    try {
      await self.#membership.run();
    } catch (error) {
      await self.close();
      throw error;
    }
    return self;
  }

  private constructor(options: KafkaConsumerOptions) {
    this.#options = options;
    const events = {
      joined: (assigned: readonly number[]) => this.#joined(assigned),
      batch: (payload: EachBatchPayload) => this.#takeBatch(payload),
      passed: (partition: number, firstOffset: number, endOffset: number) =>
        void this.#pass(partition, firstOffset, endOffset),
      failed: options.onCrash,
    };
    this.#membership = new StandingMembership(options.membership, events, options.logger);
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
    if (this.#isPaused && this.#queue.bytes < this.#options.membership.maxFetchedBytes / 2) {
      this.#isPaused = false;
      this.#membership.resume();
    }
    return records;
  }

  async commit(points: readonly CommitPoint[], deadLetters: readonly DeadLetter[] = []): Promise<void> {
    this.#checkOpen();
    await this.#bury(deadLetters);
    for (const point of points) this.#owned.get(point.partition)?.store(point);
    await this.#commitStored();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #joined(assigned: readonly number[]): void {
    this.#assignment++;
    const lost = [...this.#owned.keys()].filter(partition => !assigned.includes(partition));
    for (const partition of lost) this.#owned.delete(partition);
    this.#revoked.push(...lost);
    if (lost.length > 0) this.#queue.drop(partition => lost.includes(partition));
    for (const partition of assigned) if (!this.#owned.has(partition)) this.#owned.set(partition, null);
    this.#options.logger.info({ partitions: [...assigned], lost }, 'partitions of the log assigned');
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
      const { tenant, tier, itemCount = this.#count(payload), tallies } = factsOf(message.headers);
      const record = { offset, endOffset, items: itemCount, tallies };
      const appendTimeMs = owned.handOut(record, Number(message.timestamp));
      this.#queue.push({ partition, offset, appendTimeMs, tenant, tier, itemCount, payload });
    }
    resolveOffset(last.offset);
    this.#queue.wake();
    if (this.#queue.bytes > this.#options.membership.maxFetchedBytes) {
      this.#isPaused = true;
      this.#membership.pause();
    }
    await heartbeat();
  }

  /** Offsets that hold no record are passed, too, so that what is committed reaches the end of the log. */
  async #pass(partition: number, firstOffset: number, endOffset: number): Promise<void> {
    try {
      const owned = await this.#ownedAt(partition, firstOffset, async () => {});
      if (owned === undefined || firstOffset > owned.position) return;
      owned.skipTo(endOffset);
      await this.#commitStored();
    } catch (error) {
      // The next record, or the next owner, passes them.
      this.#options.logger.debug({ partition, reason: rootCause(error).message }, 'passing empty offsets');
    }
  }

  /** Of a foreign record. One that cannot even be counted is one: it becomes a dead letter. */
  #count(payload: Uint8Array): number {
    try {
      return this.#options.countItems(payload);
    } catch {
      return 1;
    }
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
    // Somebody else may have asked meanwhile.
    const current = this.#owned.get(partition) ?? null;
    const owned = current ?? new OwnedPartition(base?.offset ?? offset, base?.counts ?? NO_COUNTS);
    if (current === null) this.#owned.set(partition, owned);
    if (base !== undefined && base.offset > owned.position) {
      this.#queue.drop(other => other === partition);
      this.#revoked.push(partition);
      owned.moveOn(base.offset, base.counts);
    }
    if (offset > owned.position) {
      this.#options.logger.warn({ partition, from: owned.position, to: offset }, 'the log has no records here');
      owned.skipTo(offset);
    }
    return owned;
  }

  async #committedPositions(heartbeat: () => Promise<void>): Promise<ReadonlyMap<number, CommittedPosition>> {
    const { admin, membership } = this.#options;
    const deadline = performance.now() + BASE_TIMEOUT_MS;
    for (;;) {
      try {
        return await fetchCommitted(await admin(), membership.group, membership.topic);
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
    for (let pauseMs = COMMIT_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const assignment = this.#assignment;
      const due = this.#committable();
      if (due.length === 0) return;
      try {
        await this.#membership.commit(
          due.map(({ partition, offset, counts }) => ({ partition, offset, metadata: encodeCounts(counts) })),
        );
        if (assignment !== this.#assignment) continue;
        for (const { partition, offset } of due) this.#owned.get(partition)?.committed(offset);
      } catch (error) {
        if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the consumer is closed', { cause: error });
        const { message, type } = rootCause(error);
        this.#options.logger.debug({ reason: message, type }, 'a commit waits for the group');
        await sleep(Math.min(pauseMs, LONGEST_PAUSE_MS));
      }
    }
  }

  /** Until they are kept: a commit that fails because a broker is away would cost the stitcher all it holds. */
  async #bury(letters: readonly DeadLetter[]): Promise<void> {
    for (let pauseMs = COMMIT_PAUSE_MS; letters.length > 0; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        await this.#options.bury(letters);
        return;
      } catch (error) {
        if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the consumer is closed', { cause: error });
        this.#options.logger.warn({ reason: rootCause(error).message }, 'dead letters cannot be kept yet');
        await sleep(pauseMs);
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

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the consumer is closed');
  }

  async #close(): Promise<void> {
    this.#queue.wake();
    await Promise.allSettled([this.#committing, this.#membership.close()]);
    this.#options.onClosed();
  }
}
