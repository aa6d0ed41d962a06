import type { Logger } from 'pino';

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface KafkaTls {
  /** PEM text of the authority, of our certificate and of its key; without `ca` those that Node knows. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export type KafkaCompression = 'none' | 'gzip' | 'lz4' | 'zstd';

export interface KafkaBusOptions {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Consumer group of the stitchers. */
  readonly group: string;
  /** For a topic that is made; one that is there keeps its own number. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  readonly retentionMs: number;
  /** Largest record: payload and headers. Below the topic's `max.message.bytes`; with it a topic is made. */
  readonly maxRecordBytes: number;
  readonly compression: KafkaCompression;
  readonly tls?: KafkaTls | undefined;
  readonly sasl?: KafkaSasl | undefined;
  /** Items in a payload whose record does not say: one that a foreign producer wrote. 1 for what cannot be decoded. */
  readonly countItems: (payload: Uint8Array) => number;
  readonly logger: Logger;
  /** Ends waiting for a broker that is not there yet. */
  readonly signal?: AbortSignal | undefined;
  /** A record that is not acknowledged by then is given up on; it may still be appended. Default 30 s. */
  readonly deliveryTimeoutMs?: number;
  /** Payload bytes that wait to be sent; beyond it BUS_FULL. Default 256 MiB. */
  readonly maxQueuedBytes?: number;
  /** Payload bytes that wait to be polled; beyond it fetching pauses. Default 32 MiB. */
  readonly maxFetchedBytes?: number;
  /** Default 30 s. */
  readonly sessionTimeoutMs?: number;
}

export type ResolvedKafkaOptions = Required<Omit<KafkaBusOptions, 'tls' | 'sasl' | 'signal'>> &
  Pick<KafkaBusOptions, 'tls' | 'sasl' | 'signal'>;

export function resolveKafkaOptions(options: KafkaBusOptions): ResolvedKafkaOptions {
  if (options.brokers.length === 0) throw new RangeError('no brokers');
  return {
    deliveryTimeoutMs: 30_000,
    maxQueuedBytes: 256 << 20,
    maxFetchedBytes: 32 << 20,
    sessionTimeoutMs: 30_000,
    ...options,
  };
}

export function deadTopicOf(topic: string): string {
  return `${topic}_dead`;
}
