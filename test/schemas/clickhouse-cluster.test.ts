import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterStatements, migrations, onCluster } from '../../schemas/index.js';
import { RETENTION, startTestEngine, type TestEngine } from '../store/support.js';

const PLACE = { cluster: 'main', database: 'bank' };
const single = migrations(RETENTION);
const clustered = onCluster(single, PLACE);
const statements = clustered.flatMap(migration => migration.statements);
const starting = (text: string) => statements.filter(statement => statement.trimStart().startsWith(text));

describe('the statements for a cluster', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterAll(() => engine.close());

  test('are of the same migrations', () => {
    expect(clustered.map(({ version, name }) => [version, name])).toEqual(
      single.map(({ version, name }) => [version, name]),
    );
  });

  test.each(statements.map(statement => [statement.trimStart().split('\n')[0].slice(0, 70), statement]))(
    '%s is understood by ClickHouse’s own parser, and stays what it is',
    async (_start, sql) => {
      const [[formatted]] = await engine.store.queryRows('SELECT formatQuery({sql:String})', { sql });
      expect(formatted).toMatch(/ ON CLUSTER main\b/);
      const [[again]] = await engine.store.queryRows('SELECT formatQuery({sql:String})', { sql: String(formatted) });
      expect(again).toBe(formatted);
    },
  );

  test('name every table with its database: each server runs them without one', () => {
    for (const statement of statements) {
      const names = [
        ...statement.matchAll(/\b(?:EXISTS|VIEW|TABLE|FROM|main AS) (\w+(?:\.\w+)?)(?= ON CLUSTER| FINAL|$)/gm),
      ];
      expect(names.length).toBeGreaterThan(0);
      for (const [, name] of names) expect(name).toMatch(/^bank\./);
    }
  });

  test('keep columns, key, partition and retention as they are', () => {
    const tables = single.flatMap(migration => migration.statements).filter(sql => /CREATE TABLE/.test(sql));
    for (const sql of tables) {
      const [, name, columns] = /EXISTS (\w+) (\([\s\S]*?\n\))/.exec(sql) ?? [];
      const [local] = starting(`CREATE TABLE IF NOT EXISTS bank.${name}_local ON CLUSTER main`);
      expect(local).toContain(columns);
      for (const clause of sql.match(/^(PARTITION BY|ORDER BY|TTL) .*$/gm) ?? []) expect(local).toContain(clause);
      expect(local).toMatch(/replicated_deduplication_window = 0/);
      expect(local.match(/\bSETTINGS\b/g)).toHaveLength(1);
      expect(starting(`CREATE TABLE IF NOT EXISTS bank.${name} ON CLUSTER main AS bank.${name}_local`)).toHaveLength(1);
    }
  });

  test('give each replica a path by shard, database and table, and the engine its own arguments', () => {
    const engines = statements.flatMap(sql => /ENGINE = (Replicated.*)/.exec(sql)?.[1] ?? []);
    expect(engines).toEqual([
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/spans', '{replica}', version)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/trace_arrivals', '{replica}')",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/trace_revisions', '{replica}', version, is_deleted)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/latency_rollup', '{replica}', seen, is_deleted)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/progress', '{replica}', at)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_documents', '{replica}', at)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_rollup', '{replica}', seen, is_deleted)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_restatements', '{replica}', old_seen)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_alerts', '{replica}', version)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_notifications', '{replica}', version)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_reports', '{replica}', created_at)",
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/bank/slo_hours', '{replica}', seen, is_deleted)",
    ]);
  });

  test('shard by the trace, or by what the sorting key begins with', () => {
    const keys = statements.flatMap(
      sql => /ENGINE = Distributed\('main', 'bank', '(\w+)'(?:, (.*))?\)$/.exec(sql)?.slice(1) ?? [],
    );
    expect(keys).toEqual([
      'spans_local',
      'cityHash64(trace_id)',
      'trace_arrivals_local',
      'cityHash64(trace_id)',
      'trace_revisions_local',
      'cityHash64(trace_id)',
      'traces_local',
      undefined,
      'latency_rollup_local',
      'cityHash64(tenant, minute)',
      'progress_local',
      'cityHash64(name, instance)',
      'slo_documents_local',
      'cityHash64(tenant, kind, name)',
      'slo_rollup_local',
      'cityHash64(tenant, slo, minute)',
      'slo_restatements_local',
      'cityHash64(tenant, slo, minute)',
      'slo_alerts_local',
      'cityHash64(tenant, slo)',
      'slo_notifications_local',
      'cityHash64(tenant, alert_id)',
      'slo_reports_local',
      'cityHash64(tenant, id)',
      'slo_hours_local',
      'cityHash64(tenant, slo, hour)',
    ]);
  });
});

test('a statement that has no form for a cluster is an error, not left out', () => {
  expect(() => clusterStatements('DROP TABLE spans', PLACE)).toThrow(/no form of this statement/);
  expect(() =>
    clusterStatements('CREATE TABLE IF NOT EXISTS fresh (\n  a Int8\n) ENGINE = ReplacingMergeTree\nORDER BY a', PLACE),
  ).toThrow('what is fresh sharded by?');
});
