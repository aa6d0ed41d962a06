import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrations } from '../../../schemas/index.js';
import { migrate, openStore, type Store } from '../../../store/index.js';
import { insertArrivals, insertRevisions, insertSpans, traceId } from '../../analytics/support/rows.js';
import { columnOf } from '../columns.js';
import { startProxy } from '../proxy.js';
import { RETENTION, SILENT } from '../support.js';
import { CLUSTER, startTestCluster, type TestCluster } from './support.js';

const DATABASE = 'throughline';
let cluster: TestCluster;
let store: Store;

beforeAll(async () => {
  cluster = await startTestCluster();
  store = cluster.store;
});
afterAll(() => cluster.close());

const ids = Array.from({ length: 50 }, (_, at) => traceId(at + 1));
const migrateAgain = (options: Partial<Parameters<typeof migrate>[0]> = {}) =>
  migrate({ url: cluster.url, database: DATABASE, cluster: CLUSTER, retention: RETENTION, logger: SILENT, ...options });

describe('migrate', () => {
  it('makes a distributed table over a replicated one under every name, and knows its version', async () => {
    const engines = new Map(
      (await store.queryRows('SELECT name, engine FROM system.tables WHERE database = currentDatabase()')).map(
        ([name, engine]) => [String(name), String(engine)],
      ),
    );
    for (const table of [
      'spans',
      'trace_arrivals',
      'trace_revisions',
      'latency_rollup',
      'progress',
      'schema_migrations',
    ]) {
      expect([table, engines.get(table), engines.get(`${table}_local`)]).toEqual([
        table,
        'Distributed',
        'ReplacingMergeTree',
      ]);
    }
    expect([engines.get('traces'), engines.get('traces_local'), engines.get('latency_now')]).toEqual([
      'Distributed',
      'View',
      'View',
    ]);
    const newest = Math.max(...migrations(RETENTION).map(({ version }) => version));
    expect(await migrateAgain()).toEqual({ from: newest, to: newest });
  });

  it('only reads where nothing is to do', async () => {
    const before = cluster.statements.length;
    await migrateAgain();
    const written = cluster.statements.slice(before).filter(sql => !/^\s*SELECT/.test(sql));
    expect(written).toEqual([]);
  });

  it('gives a server without tables, as one that joined later is, its tables', async () => {
    await cluster.plain.command('DROP VIEW latency_now');
    await migrateAgain();
    expect(await store.queryRows("SELECT traces FROM latency_now(location = '', window_s = 60)")).toEqual([['0']]);
  });

  it('tells every shard how long to keep what is there', async () => {
    await migrateAgain({ retention: { ...RETENTION, spansDays: 7 } });
    const [[engine]] = await store.queryRows(
      "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'spans_local'",
    );
    expect(engine).toContain('toIntervalDay(7)');
    expect(cluster.statements.findLast(sql => sql.startsWith('ALTER'))).toMatch(
      /^ALTER TABLE throughline\.spans_local ON CLUSTER two MODIFY TTL/,
    );
    await migrateAgain();
  });

  it('may be run by two processes at once', async () => {
    const results = await Promise.all([migrateAgain({ database: 'both' }), migrateAgain({ database: 'both' })]);
    expect(results[0].to).toBe(results[1].to);
  });

  it('takes distributed tables for none of a single server', async () => {
    await expect(migrateAgain({ cluster: undefined })).rejects.toMatchObject({
      code: 'STORE_SETUP',
      message: `the tables of ${DATABASE} are distributed over a cluster: name it in store.clickhouse.cluster`,
    });
  });

  it.each([
    ['no macros', "view(SELECT 'shard' AS macro, '' AS substitution)", /has no macros \{shard\} and \{replica\}/],
    [
      'one name for two servers',
      "view(SELECT 'shard' AS macro, '1' AS substitution UNION ALL SELECT 'replica', 'r1')",
      /both say \{shard\}\/\{replica\} is 1\/r1: every server needs its own/,
    ],
    [
      'one name for two shards',
      "view(SELECT 'shard' AS macro, '1' AS substitution UNION ALL SELECT 'replica', toString(shardNum()))",
      /both say \{shard\} is 1: every shard needs its own/,
    ],
  ])('is refused where the servers have %s', async (_case, macros, message) => {
    const proxy = await startProxy(cluster.url, {
      request: ({ url, body }) => ({
        url,
        body: Buffer.from(body.toString('latin1').replace('system.macros', macros), 'latin1'),
      }),
    });
    const refused = migrateAgain({ url: proxy.url, database: 'never_made' });
    await expect(refused).rejects.toMatchObject({ code: 'STORE_SETUP', message: expect.stringMatching(message) });
    await proxy.close();
  });
});

describe('rows', () => {
  beforeAll(async () => {
    // What collapses here collapses in the reading.
    await cluster.plain.command('SYSTEM STOP MERGES');
    const spans = ids.flatMap(id =>
      ['1', '2'].map(span => ({ traceId: id, spanId: span.padStart(16, '0'), startMs: 0 })),
    );
    await insertSpans(store, spans);
    await insertArrivals(
      store,
      ids.map((id, offset) => ({ traceId: id, offset, spans: 2 })),
    );
    const revisions = ids.map(id => ({ traceId: id, endMs: 60_000, spans: 2 }));
    await insertRevisions(store, revisions);
    await insertRevisions(
      store,
      revisions.map(revision => ({ ...revision, spans: 3 })),
    );
  });

  it('of one trace are on one shard, those of all traces on every', async () => {
    const rows = await store.queryRows(
      `SELECT uniqExact(shard), groupUniqArray(shard) FROM (
         SELECT trace_id, _shard_num AS shard FROM spans UNION ALL SELECT trace_id, _shard_num FROM trace_arrivals
         UNION ALL SELECT trace_id, _shard_num FROM trace_revisions) GROUP BY trace_id`,
    );
    expect(rows).toHaveLength(ids.length);
    expect(rows.every(([shards]) => shards === '1')).toBe(true);
    expect(new Set(rows.flatMap(row => row[1] as number[])).size).toBe(2);
  });

  it('of one key collapse, through the table and through the view', async () => {
    expect(await store.queryRows('SELECT count() FROM trace_revisions')).toEqual([[String(ids.length * 2)]]);
    const final = await store.queryRows('SELECT count(), min(span_count) FROM trace_revisions FINAL');
    expect(final).toEqual([[String(ids.length), 3]]);
    expect(await store.queryRows('SELECT count(), min(span_count) FROM traces')).toEqual(final);
  });

  it('come once from a block that was inserted twice, cut between the shards both times', async () => {
    const more = Array.from({ length: 20 }, (_, at) => traceId(1_000 + at));
    const block = [
      columnOf(
        'tenant',
        'LowCardinality(String)',
        more.map(() => 'other'),
      ),
      columnOf('trace_id', 'FixedString(32)', more),
      columnOf(
        'partition',
        'UInt16',
        more.map(() => 3),
      ),
      columnOf(
        'offset',
        'UInt64',
        more.map((_, at) => String(at)),
      ),
      columnOf(
        'spans',
        'UInt32',
        more.map(() => 5),
      ),
      columnOf(
        'received',
        "DateTime64(3, 'UTC')",
        more.map(() => '2026-11-24 10:00:00.000'),
      ),
    ];
    await store.insert('trace_arrivals', block, more.length);
    await store.insert('trace_arrivals', block, more.length);
    const count = (final: string) =>
      store.queryRows(`SELECT count(), uniqExact(_shard_num) FROM trace_arrivals ${final} WHERE tenant = 'other'`);
    expect(await count('')).toEqual([['40', '2']]);
    expect(await count('FINAL')).toEqual([['20', '2']]);
  });

  it('of a question that forgets where rows are make an error, not a wrong answer', async () => {
    await expect(
      store.queryRows('SELECT count() FROM spans WHERE trace_id IN (SELECT trace_id FROM trace_revisions)'),
    ).rejects.toMatchObject({ clickhouseType: 'DISTRIBUTED_IN_JOIN_SUBQUERY_DENIED' });
  });
});

describe('what each request says', () => {
  it('reads of the replica that was written to, and inserts that are there when they are acknowledged', async () => {
    const seen: URLSearchParams[] = [];
    const proxy = await startProxy(cluster.url, {
      request: ({ url, body }) => {
        seen.push(new URLSearchParams(url.searchParams));
        return { url, body };
      },
    });
    const asked = openStore({ url: proxy.url, database: DATABASE, cluster: CLUSTER, logger: SILENT });
    await asked.queryRows('SELECT 1');
    const block = [columnOf('name', 'LowCardinality(String)', ['a']), columnOf('instance', 'String', ['b'])];
    await asked.insert('progress', block, 1);
    await asked.command("INSERT INTO progress (name, instance) SELECT 'a', 'c'");
    const settings = seen.map(parameters => Object.fromEntries(parameters));
    const same = { load_balancing: 'in_order', prefer_localhost_replica: '0', use_hedged_requests: '0' };
    const durable = { distributed_foreground_insert: '1', insert_quorum: 'auto' };
    expect(settings[0]).toMatchObject({ ...same, fallback_to_stale_replicas_for_distributed_queries: '0' });
    expect(settings[1]).toMatchObject({ ...same, ...durable, async_insert: '0' });
    expect(settings[2]).toMatchObject({ ...same, ...durable });
    await asked.close();
    await proxy.close();
  });
});
