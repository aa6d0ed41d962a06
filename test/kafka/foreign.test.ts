import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { jsonToProtobuf } from '../../otlp/index.js';
import { computeTraces, DEFAULT_ORACLE_RULES, readOtlpLines } from '../oracle/index.js';
import { expectReconciled, expectSameLatency, expectSameTraces } from '../pipe/compare.js';
import { seededRandom } from '../support/random.js';
import { shuffledSpans } from '../support/single-spans.js';
import { kafkaClient } from './support/bus.js';
import { Cluster } from './support/cluster.js';

const FILE = '../shared/data/traces/opentelemetry-demo.otlp.jsonl.gz';

/** A request whose spans are of one trace, as `partition_traces_by_id` makes them, or of several. */
interface Request {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { traceId: string }[] }[];
  }[];
}

const toRecord = (request: unknown) => Buffer.from(jsonToProtobuf(Buffer.from(JSON.stringify(request))));
const traceIdOf = (request: Request) => request.resourceSpans[0].scopeSpans[0].spans[0].traceId;

describe('a topic that others write to', () => {
  let cluster: Cluster;
  let kafka: Kafka;
  let producer: Producer;

  beforeAll(async () => {
    cluster = await Cluster.start({ brokers: inject('kafkaBrokers'), stitchers: 2, partitions: 4 });
    kafka = kafkaClient();
    // kafkajs partitions by key as Kafka's own clients and the Collector do: murmur2 of the key.
    producer = kafka.producer();
    await producer.connect();
  }, 120_000);

  afterAll(async () => {
    await producer?.disconnect();
    await cluster?.destroy();
  });

  test("gives the right traces from records made the Collector's way, also of traces in two partitions", async () => {
    const requests = [...readOtlpLines(FILE)];
    const oracle = computeTraces(
      requests.map((request, offset) => ({ partition: 0, offset, appendTimeMs: 0, request })),
      DEFAULT_ORACLE_RULES,
    );
    const random = seededRandom(7);
    const single = shuffledSpans(requests, random, 0, 1) as unknown as Request[];
    // By trace id, keyed by its hex text; whole batches of several traces under the key of one of them; and some spans
    // where their trace does not belong, as after a change of the number of partitions.
    const messages = [];
    for (let at = 0; at < single.length; ) {
      const kind = random();
      const size = kind < 0.5 ? 1 : 1 + Math.floor(random() * 6);
      const batch = single.slice(at, at + size);
      at += batch.length;
      const value = toRecord({ resourceSpans: batch.flatMap(({ resourceSpans }) => resourceSpans) });
      const key = traceIdOf(batch[0]);
      messages.push(kind < 0.9 ? { key, value } : { key, value, partition: Math.floor(random() * 4) });
    }
    await producer.send({ topic: cluster.topic, acks: -1, messages });
    await cluster.until('stored', async () => (await cluster.ledger()).stored === 547, 60_000);
    await cluster.settled(90_000);
    await expectSameTraces(cluster, oracle);
    await expectSameLatency(cluster, oracle, 'gb');
    expect(await cluster.ledger()).toMatchObject({ received: 547, stored: 547, duplicate: 0, in_flight: 0 });
  });

  test('a record that is not OTLP becomes a dead letter with its reason and offset, and the partition moves on', async () => {
    const before = await cluster.ledger();
    const span = (traceId: string) => ({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'after' } }] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId,
                  spanId: 'eee19b7ec3c1b174',
                  name: 'GET /',
                  kind: 2,
                  startTimeUnixNano: '1764000000000000000',
                  endTimeUnixNano: '1764000000200000000',
                },
              ],
            },
          ],
        },
      ],
    });
    const traceId = '5b8efff798038103d269b633813fc60c';
    const [{ baseOffset }] = await producer.send({
      topic: cluster.topic,
      messages: [
        { partition: 2, value: 'this is not OTLP at all' },
        { partition: 2, value: toRecord(span(traceId)) },
      ],
    });
    await cluster.until('stored', async () => (await cluster.trace(traceId)).complete, 60_000);
    await cluster.settled(60_000);
    const [letter] = await deadLetters(kafka, `${cluster.topic}_dead`);
    expect(String(letter.value)).toBe('this is not OTLP at all');
    const headers = Object.fromEntries(
      Object.entries(letter.headers ?? {}).map(([name, value]) => [name, String(value)]),
    );
    expect(headers['throughline.source.topic']).toBe(cluster.topic);
    expect(headers['throughline.source.partition']).toBe('2');
    expect(headers['throughline.source.offset']).toBe(baseOffset);
    expect(headers['throughline.reason']).toMatch(/\w+ \w+/);
    const after = await cluster.ledger();
    expect(after.dead_letter - before.dead_letter).toBe(1);
    expect(after.stored - before.stored).toBe(1);
    await expectReconciled(cluster);
  });
});

/** Everything in the topic now. */
async function deadLetters(kafka: Kafka, topic: string) {
  const consumer = kafka.consumer({ groupId: `read-${topic}-${Math.random()}` });
  const messages: { value: Buffer | null; headers?: object | undefined }[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      messages.push(message);
    },
  });
  for (let waits = 0; messages.length === 0 && waits < 100; waits++) await sleep(100);
  await consumer.disconnect();
  return messages;
}
