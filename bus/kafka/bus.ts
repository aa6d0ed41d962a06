/** The log over a Kafka topic (docs/adr/010): `openKafkaBus`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka, Producer } from 'kafkajs';
import { BusError } from '../errors.js';
import type { Bus, BusConsumer, BusState, DeadLetter, PartitionOffsets, RecordToPublish, Tallies } from '../types.js';
import { compressionType, createKafka } from './client.js';
import { KafkaConsumer } from './consumer.js';
import { buryLetters, readLetters } from './dead-letters.js';
import { isRefusal, refused, rootCause, unavailable } from './failures.js';
import { deadTopicOf, type KafkaBusOptions, type ResolvedKafkaOptions, resolveKafkaOptions } from './options.js';
import { fetchPositions, type PartitionPosition } from './positions.js';
import { addedTallies } from './prefix-counts.js';
import { Publisher } from './publisher.js';
import { RECORD_OVERHEAD_BYTES } from './record-headers.js';
import { prepareTopics, type TopicFacts } from './topic.js';

const WAIT_FOR_BROKER_MS = 1_000;
const SAY_SO_EVERY_MS = 5_000;
/** One fetch of one partition. */
const MAX_FETCH_BYTES = 8 << 20;
const MAX_FETCH_WAIT_MS = 200;
const HEARTBEAT_MS = 3_000;
const REBALANCE_TIMEOUT_MS = 60_000;

/**
 * Waits for a broker that is not there yet, saying so, until `options.signal` aborts. Rejects with BUS_REFUSED where
 * waiting is of no use: login, certificates, rights, or a topic that cannot be used as it is.
 */
export async function openKafkaBus(options: KafkaBusOptions): Promise<Bus> {
  const resolved = resolveKafkaOptions(options);
  const compression = compressionType(resolved.compression);
  const kafka = createKafka(resolved);
  const { admin, facts } = await connect(kafka, resolved);
  const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: () => explicitPartition });
  await producer.connect();
  const publisher = new Publisher({
    producer,
    topic: resolved.topic,
    partitionCount: facts.partitionCount,
    compression,
    maxBatchBytes: facts.maxRecordBytes + RECORD_OVERHEAD_BYTES,
    maxQueuedBytes: resolved.maxQueuedBytes,
    deliveryTimeoutMs: resolved.deliveryTimeoutMs,
  });
  return new KafkaBus(kafka, admin, producer, publisher, facts, resolved);
}

/** Every record says where it goes, also when it is sent again. */
function explicitPartition({ message }: { message: { partition?: number } }): number {
  return message.partition ?? 0;
}

async function connect(kafka: Kafka, options: ResolvedKafkaOptions): Promise<{ admin: Admin; facts: TopicFacts }> {
  const { brokers, logger, signal } = options;
  let saidAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return { admin, facts: await prepareTopics(admin, options) };
    } catch (error) {
      await admin.disconnect().catch(() => {});
      if (error instanceof BusError) throw error;
      if (isRefusal(error)) throw refused(error, brokers);
      if (signal?.aborted) throw unavailable(error, 'stopped while waiting for Kafka');
      if (performance.now() - saidAtMs > SAY_SO_EVERY_MS) {
        logger.warn({ brokers, reason: rootCause(error).message }, 'waiting for Kafka');
        saidAtMs = performance.now();
      }
      await sleep(WAIT_FOR_BROKER_MS, undefined, signal ? { signal } : {}).catch(() => {});
    }
  }
}

class KafkaBus implements Bus {
  readonly partitionCount: number;
  readonly maxRecordBytes: number;
  readonly failed: Promise<never>;
  readonly #kafka: Kafka;
  readonly #producer: Producer;
  readonly #publisher: Publisher;
  readonly #options: ResolvedKafkaOptions;
  readonly #consumers = new Set<BusConsumer>();
  #admin: Admin;
  #reconnecting: Promise<Admin> | null = null;
  #fail: (error: BusError) => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(
    kafka: Kafka,
    admin: Admin,
    producer: Producer,
    publisher: Publisher,
    facts: TopicFacts,
    options: ResolvedKafkaOptions,
  ) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.#producer = producer;
    this.#publisher = publisher;
    this.#options = options;
    this.partitionCount = facts.partitionCount;
    this.maxRecordBytes = facts.maxRecordBytes;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever opened the bus awaits it at leisure.
    this.failed.catch(() => {});
  }

  async publish(records: readonly RecordToPublish[], tallies: Tallies = {}): Promise<void> {
    this.#checkOpen();
    await this.#publisher.publish(records, tallies);
  }

  async consumer(): Promise<BusConsumer> {
    this.#checkOpen();
    const { topic, group, maxFetchedBytes, countItems, logger, sessionTimeoutMs } = this.#options;
    const consumer = await KafkaConsumer.start({
      consumer: this.#kafka.consumer({
        groupId: group,
        allowAutoTopicCreation: false,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: REBALANCE_TIMEOUT_MS,
        heartbeatInterval: Math.min(HEARTBEAT_MS, Math.floor(sessionTimeoutMs / 3)),
        maxBytesPerPartition: MAX_FETCH_BYTES,
        maxBytes: maxFetchedBytes,
        maxWaitTimeInMs: MAX_FETCH_WAIT_MS,
        // New partitions are noticed after this time at the latest.
        metadataMaxAge: 60_000,
      }),
      admin: () => this.#connectedAdmin(),
      topic,
      group,
      maxFetchedBytes,
      partitionsAtOnce: this.partitionCount,
      countItems,
      logger,
      bury: letters => buryLetters(this.#producer, deadTopicOf(topic), topic, letters),
      onCrash: error => {
        const text = `the Kafka consumer cannot go on: ${rootCause(error).message}`;
        this.#fail(new BusError('BUS_CRASHED', text, { cause: error }));
      },
      onClosed: () => this.#consumers.delete(consumer),
    }).catch(error => {
      throw isRefusal(error) ? refused(error, this.#options.brokers) : unavailable(error, 'cannot join the group');
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  async offsets(): Promise<readonly PartitionOffsets[]> {
    return (await this.#positions()).map(({ counts: _, ...offsets }) => offsets);
  }

  /**
   * What is not committed yet is estimated: as many items a record as there were so far. Reading it, in order to count,
   * would cost every question the whole backlog.
   */
  async state(): Promise<BusState> {
    const positions = await this.#positions();
    const records = positions.reduce((sum, { committedOffset }) => sum + committedOffset, 0);
    const items = positions.reduce((sum, { counts }) => sum + counts.items, 0);
    const itemsPerRecord = records === 0 ? 1 : items / records;
    return {
      partitions: positions.map(({ counts, ...offsets }) => ({
        ...offsets,
        committedItems: counts.items,
        appendedItems: counts.items + Math.round((offsets.endOffset - offsets.committedOffset) * itemsPerRecord),
      })),
      counters: positions.reduce((sum: Tallies, { counts }) => addedTallies(sum, counts.tallies), {}),
    };
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    return readLetters(this.#kafka, await this.#connectedAdmin(), deadTopicOf(this.#options.topic), limit);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#consumers].map(consumer => consumer.close()));
    await this.#publisher.idle();
    await Promise.allSettled([this.#producer.disconnect(), this.#admin.disconnect()]);
  }

  async #positions(): Promise<PartitionPosition[]> {
    this.#checkOpen();
    const { topic, group } = this.#options;
    try {
      return await fetchPositions(this.#admin, group, topic);
    } catch {
      // The connection may be of a broker that is gone: once more, with a new one.
    }
    try {
      return await fetchPositions(await this.#connectedAdmin(true), group, topic);
    } catch (error) {
      throw unavailable(error, `Kafka cannot be asked: ${rootCause(error).message}`);
    }
  }

  /** `isBroken`: the one there is does not answer. */
  async #connectedAdmin(isBroken = false): Promise<Admin> {
    if (!isBroken && this.#reconnecting === null) return this.#admin;
    this.#reconnecting ??= this.#reconnect().finally(() => {
      this.#reconnecting = null;
    });
    return this.#reconnecting;
  }

  async #reconnect(): Promise<Admin> {
    await this.#admin.disconnect().catch(() => {});
    const admin = this.#kafka.admin();
    await admin.connect();
    this.#admin = admin;
    return admin;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the log is closed');
  }
}
