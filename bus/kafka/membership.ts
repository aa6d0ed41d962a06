/**
 * One run of a kafkajs consumer as a member of the group, until it is closed or kafkajs gives it up. It is never begun
 * again: kafkajs would do so by itself, but a consumer that it restarts cannot be stopped meanwhile, and would come back
 * as a member that nobody knows, with partitions that nobody reads.
 */
import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { KafkaClient } from './client.js';

const HEARTBEAT_MS = 3_000;
const REBALANCE_TIMEOUT_MS = 60_000;
/** One fetch of one partition. */
const MAX_FETCH_BYTES = 8 << 20;
/** Also how long it takes to go on after a pause. */
const MAX_FETCH_WAIT_MS = 200;
/** New partitions are noticed after this time at the latest. */
const METADATA_MAX_AGE_MS = 60_000;
/** Longest wait for the group to let go. */
const LEAVE_TIMEOUT_MS = 5_000;

export interface MembershipOptions {
  readonly newClient: () => KafkaClient;
  readonly group: string;
  readonly topic: string;
  readonly sessionTimeoutMs: number;
  readonly maxFetchedBytes: number;
  readonly partitionsAtOnce: number;
}

export interface MembershipEvents {
  /** A new assignment; nothing was fetched under it yet. */
  joined(partitions: readonly number[]): void;
  batch(payload: EachBatchPayload): Promise<void>;
  /** Offsets that hold no record for us: markers of transactions, or records of aborted ones. */
  passed(partition: number, firstOffset: number, endOffset: number): void;
  /** kafkajs has given up and is disconnected. */
  ended(error: Error): void;
}

export interface OffsetToCommit {
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export class Membership {
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #partitionsAtOnce: number;
  readonly #events: MembershipEvents;
  /** kafkajs's own of the newest batch: unlike `consumer.commitOffsets` it tells when nothing was committed. */
  #commit: EachBatchPayload['commitOffsetsIfNecessary'] | null = null;
  #isClosing = false;

  constructor(options: MembershipOptions, events: MembershipEvents) {
    const { newClient, group, topic, sessionTimeoutMs, maxFetchedBytes } = options;
    this.#topic = topic;
    this.#partitionsAtOnce = options.partitionsAtOnce;
    this.#events = events;
    this.#client = newClient();
    this.#consumer = this.#client.kafka.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: Math.min(HEARTBEAT_MS, Math.floor(sessionTimeoutMs / 3)),
      maxBytesPerPartition: MAX_FETCH_BYTES,
      maxBytes: maxFetchedBytes,
      maxWaitTimeInMs: MAX_FETCH_WAIT_MS,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: { retries: 5, restartOnFailure: async () => false },
    });
  }

  /** Resolves when it has joined, or was given up; rejects if there is no broker, or none that lets us in. */
  async run(): Promise<void> {
    const consumer = this.#consumer;
    const { GROUP_JOIN, START_BATCH_PROCESS, CRASH } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload }) => this.#events.joined(payload.memberAssignment[this.#topic] ?? []));
    consumer.on(START_BATCH_PROCESS, ({ payload: { partition, batchSize, firstOffset, lastOffset } }) => {
      // kafkajs passes these by itself, and tells nobody else.
      if (batchSize === 0) this.#events.passed(partition, Number(firstOffset ?? lastOffset), Number(lastOffset) + 1);
    });
    consumer.on(CRASH, ({ payload: { error } }) => {
      if (!this.#isClosing) this.#events.ended(error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [this.#topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#partitionsAtOnce,
      eachBatch: payload => {
        this.#commit = payload.commitOffsetsIfNecessary;
        return this.#events.batch(payload);
      },
    });
  }

  /**
   * Under the generation of the newest assignment, once: `consumer.commitOffsets` would try again under a later one,
   * when the partition may be another's, and says nothing where it does not commit because kafkajs is about to give up.
   */
  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    const topic = this.#topic;
    const partitions = offsets.map(offset => ({ ...offset, offset: String(offset.offset) }));
    if (this.#commit !== null) await this.#commit({ topics: [{ topic, partitions }] });
    // No record was fetched yet: these pass offsets that hold none, and if it comes to nothing, nothing is lost.
    else await this.#consumer.commitOffsets(partitions.map(offset => ({ topic, ...offset })));
  }

  /** Without effect while there is no membership. */
  pause(): void {
    this.#ifRunning(() => this.#consumer.pause([{ topic: this.#topic }]));
  }

  resume(): void {
    this.#ifRunning(() => this.#consumer.resume([{ topic: this.#topic }]));
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const timer = setTimeout(() => this.#client.sockets.cut(), LEAVE_TIMEOUT_MS);
    await this.#consumer.disconnect().catch(() => {});
    clearTimeout(timer);
    // Whatever it was about to begin: it must not join again.
    this.#client.sockets.cut();
  }

  #ifRunning(act: () => void): void {
    try {
      act();
    } catch {
      // kafkajs refuses both while it has no group; an assignment begins unpaused.
    }
  }
}
