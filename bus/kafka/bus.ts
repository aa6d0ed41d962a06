/** The log over a Kafka topic (docs/adr/010): `openKafkaBus`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BusError } from '../errors.js';
import type { Bus, BusConsumer, BusState, DeadLetter, PartitionOffsets, RecordToPublish, Tallies } from '../types.js';
import { AdminLink } from './admin-link.js';
import { createKafka } from './client.js';
import { compressionType } from './codecs.js';
import { KafkaConsumer } from './consumer.js';
import { buryLetters, readLetters } from './dead-letters.js';
import { isRefusal, refused, rootCause, unavailable } from './failures.js';
import { deadTopicOf, type KafkaBusOptions, type ResolvedKafkaOptions, resolveKafkaOptions } from './options.js';
import { fetchPositions, type PartitionPosition } from './positions.js';
import { addedTallies } from './prefix-counts.js';
import { ProducerLink } from './producer-link.js';
import { Publisher } from './publisher.js';
import { RECORD_OVERHEAD_BYTES } from './record-headers.js';
import { prepareTopics, type TopicFacts } from './topic.js';

const WAIT_FOR_BROKER_MS = 1_000;
const SAY_SO_EVERY_MS = 5_000;

interface Links {
  readonly admin: AdminLink;
  readonly producer: ProducerLink;
}

/**
 * Waits for a broker that is not there yet, saying so, until `options.signal` aborts. Rejects with BUS_REFUSED where
 * waiting is of no use: login, certificates, rights, or a topic that cannot be used as it is.
 */
export async function openKafkaBus(options: KafkaBusOptions): Promise<Bus> {
  const resolved = resolveKafkaOptions(options);
  // Refused before anything is opened.
  compressionType(resolved.compression);
  const newClient = () => createKafka(resolved);
  const admin = new AdminLink(newClient);
  try {
    const facts = await untilThere(() => admin.ask(asked => prepareTopics(asked, resolved)), resolved);
    const producer = new ProducerLink(newClient);
    return new KafkaBus({ admin, producer }, facts, resolved);
  } catch (error) {
    await admin.close();
    throw error;
  }
}

async function untilThere<Result>(attempt: () => Promise<Result>, options: ResolvedKafkaOptions): Promise<Result> {
  const { brokers, logger, signal } = options;
  let saidAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    if (signal?.aborted) throw new BusError('BUS_CLOSED', 'stopped while waiting for Kafka');
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof BusError) throw error;
      if (isRefusal(error)) throw refused(error, brokers);
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
  readonly #links: Links;
  readonly #publisher: Publisher;
  readonly #options: ResolvedKafkaOptions;
  readonly #consumers = new Set<BusConsumer>();
  #fail: (error: BusError) => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(links: Links, facts: TopicFacts, options: ResolvedKafkaOptions) {
    const { topic, compression, maxQueuedBytes, deliveryTimeoutMs } = options;
    this.#links = links;
    this.#options = options;
    this.partitionCount = facts.partitionCount;
    this.maxRecordBytes = facts.maxRecordBytes;
    this.#publisher = new Publisher({
      link: links.producer,
      topic,
      partitionCount: facts.partitionCount,
      compression: compressionType(compression),
      maxBatchBytes: facts.maxRecordBytes + RECORD_OVERHEAD_BYTES,
      maxQueuedBytes,
      deliveryTimeoutMs,
    });
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
    const { topic, group, maxFetchedBytes, countItems, logger, sessionTimeoutMs, brokers } = this.#options;
    const { admin, producer } = this.#links;
    const consumer = await KafkaConsumer.start({
      membership: {
        newClient: () => createKafka(this.#options),
        group,
        topic,
        sessionTimeoutMs,
        maxFetchedBytes,
        partitionsAtOnce: this.partitionCount,
      },
      admin: () => admin.connected(),
      countItems,
      logger,
      bury: letters => buryLetters(producer, deadTopicOf(topic), topic, letters),
      onCrash: error => {
        const text = `the Kafka consumer cannot go on: ${rootCause(error).message}`;
        this.#fail(new BusError('BUS_CRASHED', text, { cause: error }));
      },
      onClosed: () => this.#consumers.delete(consumer),
    }).catch(error => {
      throw isRefusal(error) ? refused(error, brokers) : unavailable(error, 'cannot join the group');
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
      isEstimate: positions.some(({ endOffset, committedOffset }) => endOffset > committedOffset),
      counters: positions.reduce((sum: Tallies, { counts }) => addedTallies(sum, counts.tallies), {}),
    };
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    this.#checkOpen();
    const { topic } = this.#options;
    return readLetters(() => createKafka(this.#options), this.#links.admin, deadTopicOf(topic), limit);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#consumers].map(consumer => consumer.close()));
    await this.#publisher.idle();
    await Promise.allSettled([this.#links.producer.close(), this.#links.admin.close()]);
  }

  async #positions(): Promise<PartitionPosition[]> {
    this.#checkOpen();
    const { topic, group } = this.#options;
    try {
      return await this.#links.admin.ask(admin => fetchPositions(admin, group, topic));
    } catch (error) {
      throw unavailable(error, `Kafka cannot be asked: ${rootCause(error).message}`);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the log is closed');
  }
}
