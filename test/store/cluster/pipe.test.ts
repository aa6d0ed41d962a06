import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace, readOtlpLines } from '../../oracle/index.js';
import { expectReconciled, expectSameLatency, expectSameLatencyNow, expectSameTraces } from '../../pipe/compare.js';
import { Throughline } from '../../support/throughline.js';
import { CLUSTER, startTestCluster, type TestCluster } from './support.js';

const FILES = ['trainticket', 'opentelemetry-demo'].map(name => `../shared/data/traces/${name}.otlp.jsonl.gz`);

describe('recorded traces, through the whole program into two shards', () => {
  let cluster: TestCluster;
  let throughline: Throughline;
  let oracle: Map<string, OracleTrace>;

  beforeAll(async () => {
    cluster = await startTestCluster();
    throughline = await Throughline.start({
      settings: {
        THROUGHLINE_STORE_CLICKHOUSE_URL: cluster.url,
        THROUGHLINE_STORE_CLICKHOUSE_CLUSTER: CLUSTER,
      },
    });
    // The second time everything is a duplicate, much of it late: rows are restated under keys that they left.
    for (const file of [...FILES, FILES[1]]) {
      const { code, stdout, stderr } = await throughline.run('replay', file);
      expect(code, stderr + stdout).toBe(0);
    }
    let offset = 0;
    const records = [...FILES, FILES[1]].flatMap(file =>
      [...readOtlpLines(file)].map(request => ({ partition: 0, offset: offset++, appendTimeMs: 0, request })),
    );
    oracle = computeTraces(records, DEFAULT_ORACLE_RULES);
    await throughline.settled(120_000);
  }, 240_000);

  afterAll(async () => {
    await throughline?.destroy();
    await cluster?.close();
  });

  test('the ledger reconciles', async () => {
    await expectReconciled(throughline);
    expect(await throughline.ledger()).toMatchObject({ received: 36_797 + 2 * 547, in_flight: 0, rejected: {} });
  });

  test('traces are those of the batch computation', async () => {
    await expectSameTraces(throughline, oracle);
  });

  test.each(['New York', 'gb'])('latency of %s is that of the batch computation', async location => {
    await expectSameLatency(throughline, oracle, location);
    await expectSameLatencyNow(throughline, oracle, location);
  });

  test('a subquery of SQL is right whatever it is joined by', async () => {
    const failing = "SELECT DISTINCT name FROM spans WHERE tier = 'data'";
    const [{ n }] = await throughline.sql(`SELECT count() AS n FROM spans WHERE name IN (${failing})`);
    const [[expected]] = await cluster.plain.queryRows(
      `SELECT count() FROM spans_local FINAL WHERE name IN (${failing.replace('spans', 'spans_local FINAL')})`,
    );
    expect(String(n)).toBe(expected);
    expect(Number(n)).toBeGreaterThan(0);
  });

  test('rows lie on both shards', async () => {
    const rows = await cluster.store.queryRows('SELECT _shard_num, count() FROM spans GROUP BY 1 ORDER BY 1');
    const [one, two] = rows.map(([, count]) => Number(count));
    expect(Math.min(one, two) / (one + two)).toBeGreaterThan(0.4);
  });
});
