import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { jsonToProtobuf } from '../../otlp/index.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace, readOtlpLines } from '../oracle/index.js';
import { expectReconciled, expectSameLatency, expectSameTraces } from '../pipe/compare.js';
import { deliver } from '../support/deliver.js';
import { Cluster } from './support/cluster.js';

const FILES = ['onlineboutique', 'trainticket', 'opentelemetry-demo'].map(
  name => `../shared/data/traces/${name}.otlp.jsonl.gz`,
);
const SPANS_SENT = 101_605 + 36_797 + 547;

describe('the recorded traces through ingest, Kafka and two stitchers', () => {
  let cluster: Cluster;
  let oracle: Map<string, OracleTrace>;

  beforeAll(async () => {
    cluster = await Cluster.start({ brokers: inject('kafkaBrokers'), stitchers: 2, partitions: 8 });
    const requests = FILES.flatMap(file => [...readOtlpLines(file)]);
    oracle = computeTraces(
      requests.map((request, offset) => ({ partition: 0, offset, appendTimeMs: 0, request })),
      DEFAULT_ORACLE_RULES,
    );
    for (const request of requests) {
      const body = jsonToProtobuf(Buffer.from(JSON.stringify(request)));
      while (!(await deliver(cluster.receivers[0].otlpHttp, body)));
    }
    await cluster.settled(120_000);
  }, 300_000);

  afterAll(() => cluster?.destroy());

  test('give the ledger that one machine gives', async () => {
    const spans = [...oracle.values()].reduce((sum, trace) => sum + trace.spanCount, 0);
    const duplicates = [...oracle.values()].reduce((sum, trace) => sum + trace.duplicateCount, 0);
    expect(await cluster.ledger()).toEqual({
      received: SPANS_SENT,
      rejected: {},
      duplicate: duplicates,
      stored: spans,
      in_flight: 0,
      too_late: 0,
      dead_letter: 0,
    });
    await expectReconciled(cluster);
  });

  test('give the traces and latencies of the batch computation', async () => {
    await expectSameTraces(cluster, oracle);
    for (const city of ['New York', 'gb', 'tokyo']) await expectSameLatency(cluster, oracle, city);
  });

  test('were shared by both stitchers', async () => {
    for (const stitcher of cluster.stitchers) {
      const metrics = await (await fetch(`${stitcher.metrics}/metrics`)).text();
      const stored = Number(/^throughline_stitcher_spans_stored_total (\d+)$/m.exec(metrics)?.[1]);
      expect(stored).toBeGreaterThan(SPANS_SENT / 10);
    }
  });
});
