/** Buses over topics of their own on a running broker. */
import { randomUUID } from 'node:crypto';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { pino } from 'pino';
import { afterEach, inject } from 'vitest';
import {
  type Bus,
  type BusConsumer,
  type KafkaBusOptions,
  type LogRecord,
  openKafkaBus,
  type RecordToPublish,
} from '../../../bus/index.js';

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const it of opened.splice(0).reverse()) await it.close();
});

export function closeLater<Closable extends { close(): Promise<void> }>(closable: Closable): Closable {
  opened.push(closable);
  return closable;
}

export function optionsFor(more: Partial<KafkaBusOptions> = {}): KafkaBusOptions {
  return {
    brokers: inject('kafkaBrokers'),
    topic: `spans-${randomUUID()}`,
    group: `group-${randomUUID()}`,
    partitionCount: 2,
    replicationFactor: 1,
    minInsyncReplicas: 1,
    retentionMs: 3_600_000,
    maxRecordBytes: 1 << 20,
    compression: 'none',
    // Test payloads are texts of one item a word.
    countItems: payload => Buffer.from(payload).toString().split(' ').filter(Boolean).length,
    logger: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    sessionTimeoutMs: 10_000,
    ...more,
  };
}

export async function openBus(options: KafkaBusOptions): Promise<Bus> {
  return closeLater(await openKafkaBus(options));
}

export function record(partition: number, text: string, itemCount = 1): RecordToPublish {
  return { partition, tenant: 'default', itemCount, payload: Buffer.from(text) };
}

export const text = (record: { payload: Uint8Array }) => Buffer.from(record.payload).toString();

/** Polls until `count` records have come. */
export async function take(consumer: BusConsumer, count: number, timeoutMs = 20_000): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const deadline = performance.now() + timeoutMs;
  while (records.length < count) {
    if (performance.now() > deadline) throw new Error(`${records.length} of ${count} records: ${records.map(text)}`);
    records.push(...(await consumer.poll(1 << 20, 100)));
  }
  return records;
}

export function pointsAfter(records: readonly LogRecord[]): { partition: number; offset: number }[] {
  const next = new Map<number, number>();
  for (const { partition, offset } of records) next.set(partition, Math.max(next.get(partition) ?? 0, offset + 1));
  return [...next].map(([partition, offset]) => ({ partition, offset }));
}

export function kafkaClient(brokers: readonly string[] = inject('kafkaBrokers')): Kafka {
  return new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
}

export async function withAdmin<Result>(work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const admin = kafkaClient().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
