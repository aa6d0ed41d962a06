/**
 * The producer, made anew when its connection hangs (a request that timed out stays in the buffer of the connection, and
 * every further one would be added to it), and when nothing goes through any more: kafkajs does not find its way back
 * from a broker that accepted a connection and then said nothing.
 *
 * Not idempotent. After a send that failed, kafkajs takes its sequence numbers back; had the broker appended it all the
 * same, it would take the next batch for a repetition, and acknowledge it without keeping it. A batch that is appended
 * twice does no harm: spans are counted by their identity.
 */
import type { CompressionTypes, Message, Producer } from 'kafkajs';
import type { KafkaClient } from './client.js';
import { rootCause } from './failures.js';

const ACKNOWLEDGED_BY_ALL = -1;
/** Of the broker, for its replicas. */
const ACK_TIMEOUT_MS = 10_000;

/** Without any success in between, whatever the partition. */
const FAILURES_TO_RENEW = 8;

interface Link {
  readonly client: KafkaClient;
  readonly producer: Producer;
  readonly connected: Promise<void>;
}

export class ProducerLink {
  readonly #newClient: () => KafkaClient;
  #link: Link;
  #failures = 0;

  constructor(newClient: () => KafkaClient) {
    this.#newClient = newClient;
    this.#link = this.#open();
  }

  /** One try, of one batch, for one partition. */
  async send(topic: string, partition: number, messages: readonly Message[], compression: CompressionTypes) {
    const link = this.#link;
    let isConnected = false;
    try {
      await link.connected;
      isConnected = true;
      await link.producer.send({
        topic,
        acks: ACKNOWLEDGED_BY_ALL,
        timeout: ACK_TIMEOUT_MS,
        compression,
        messages: messages.map(message => ({ ...message, partition })),
      });
      this.#failures = 0;
    } catch (error) {
      const isHanging = rootCause(error).name === 'KafkaJSRequestTimeoutError';
      const isStuck = ++this.#failures >= FAILURES_TO_RENEW;
      if (link === this.#link && (isHanging || isStuck || !isConnected)) {
        link.client.sockets.cut();
        this.#failures = 0;
        this.#link = this.#open();
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    const { client, producer } = this.#link;
    // Nothing is under way that anybody waits for.
    const disconnecting = producer.disconnect();
    client.sockets.cut();
    await disconnecting.catch(() => {});
  }

  #open(): Link {
    const client = this.#newClient();
    const producer = client.kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: () => explicitPartition,
      // The publisher tries again, with what is still wanted.
      retry: { retries: 0 },
    });
    const connected = producer.connect();
    // Whoever sends next is told.
    connected.catch(() => {});
    return { client, producer, connected };
  }
}

/** Every record says where it goes, also when it is sent again. */
function explicitPartition({ message }: { message: { partition?: number } }): number {
  return message.partition ?? 0;
}
