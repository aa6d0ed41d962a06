/** Both receivers on free loopback ports, in front of a log that keeps nothing: the fuzzer is about what is before it. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Bus, RecordToPublish } from '../../bus/index.js';
import { type Ingest, type IngestLimits, startIngest } from '../../ingest/index.js';

/** Small, so that mutations reach them. */
export const FUZZ_LIMITS: IngestLimits = {
  maxRequestBytes: 1 << 18,
  maxInFlightBytes: 64 << 20,
  maxConnections: 1_000,
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 10_000,
  publishTimeoutMs: 10_000,
  maxConcurrentStreams: 100,
};

export class DiscardingBus implements Bus {
  readonly partitionCount = 4;
  readonly maxRecordBytes = 1 << 20;
  readonly failed = new Promise<never>(() => {});
  /** Spans ever published. */
  items = 0;
  onPublish: (records: readonly RecordToPublish[]) => void = () => {};

  async publish(records: readonly RecordToPublish[]): Promise<void> {
    for (const { itemCount } of records) this.items += itemCount;
    this.onPublish(records);
  }

  consumer: Bus['consumer'] = () => Promise.reject(new Error('nothing is kept'));
  offsets: Bus['offsets'] = () => Promise.resolve([]);
  state: Bus['state'] = () => Promise.resolve({ partitions: [], counters: {} });
  deadLetters: Bus['deadLetters'] = () => Promise.resolve([]);
  close: Bus['close'] = () => Promise.resolve();
}

export interface FuzzReceivers {
  readonly ingest: Ingest;
  readonly bus: DiscardingBus;
}

export async function startFuzzReceivers(): Promise<FuzzReceivers> {
  const bus = new DiscardingBus();
  const ingest = await startIngest({
    bus,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    host: '127.0.0.1',
    http: { port: 0, corsOrigins: [] },
    grpc: { port: 0 },
    limits: FUZZ_LIMITS,
    auth: { tokens: [] },
  });
  return { ingest, bus };
}
