/**
 * The tables of clickhouse.ts on a cluster (docs/clickhouse.md, docs/adr/009): each becomes `<name>_local`, replicated
 * within its shard, under a Distributed table with the public name. Made from the same statements, so a column is
 * written down once.
 */
import type { Migration } from './clickhouse.js';

export interface ClusterPlace {
  readonly cluster: string;
  readonly database: string;
}

/**
 * Where a row goes. It follows from the beginning of the sorting key or from the trace, so FINAL and merges see all rows
 * of a key, and everything about a trace is on one shard.
 */
const SHARDED_BY: Readonly<Record<string, string>> = {
  spans: 'cityHash64(trace_id)',
  trace_arrivals: 'cityHash64(trace_id)',
  trace_revisions: 'cityHash64(trace_id)',
  latency_rollup: 'cityHash64(tenant, minute)',
  progress: 'cityHash64(name, instance)',
  slo_documents: 'cityHash64(tenant, kind, name)',
  slo_rollup: 'cityHash64(tenant, slo, minute)',
  slo_hours: 'cityHash64(tenant, slo, hour)',
  slo_restatements: 'cityHash64(tenant, slo, minute)',
  slo_reports: 'cityHash64(tenant, id)',
  slo_alerts: 'cityHash64(tenant, slo)',
  slo_notifications: 'cityHash64(tenant, alert_id)',
  schema_migrations: 'version',
};

/** Views over one table that give a row per row: each shard runs its own. Others are views over what is distributed. */
const VIEWS_PER_SHARD: ReadonlySet<string> = new Set(['traces']);

/**
 * Without deduplication of blocks: a block that only looks like an earlier one must be written (a progress row that says
 * the same at another time; rows that retention dropped and a replay brings back). And a part that came from another
 * replica is on disk before it counts as one more copy.
 */
const REPLICATED_SETTINGS = 'replicated_deduplication_window = 0, min_compressed_bytes_to_fsync_after_fetch = 1';

const TABLE =
  /^\s*CREATE TABLE IF NOT EXISTS (\w+) (\([\s\S]*?\) )ENGINE = ReplacingMergeTree(?:\(([^)]*)\))?([\s\S]*)$/;
const VIEW = /^\s*CREATE OR REPLACE VIEW (\w+) AS\b([\s\S]*)$/;

export function onCluster(migrations: readonly Migration[], place: ClusterPlace): readonly Migration[] {
  return migrations.map(migration => ({
    ...migration,
    statements: migration.statements.flatMap(statement => clusterStatements(statement, place)),
  }));
}

/** What stands for one statement of a single server. */
export function clusterStatements(statement: string, place: ClusterPlace): readonly string[] {
  const [, table, columns, engineArguments, rest] = TABLE.exec(statement) ?? [];
  if (table !== undefined) return tableStatements(table, columns, engineArguments, rest, place);
  const [, view, query] = VIEW.exec(statement) ?? [];
  if (view !== undefined) return viewStatements(view, query, place);
  throw new Error(`no form of this statement for a cluster: ${statement.slice(0, 100)}`);
}

function tableStatements(
  table: string,
  columns: string,
  engineArguments: string | undefined,
  rest: string,
  place: ClusterPlace,
): string[] {
  const { cluster, database } = place;
  const shardedBy = SHARDED_BY[table];
  if (shardedBy === undefined) throw new Error(`what is ${table} sharded by?`);
  // Not {uuid}: a replica that joins later takes its tables from the path.
  const path = `'/clickhouse/tables/{shard}/${database}/${table}', '{replica}'`;
  const engine = `ReplicatedReplacingMergeTree(${[path, engineArguments].filter(Boolean).join(', ')})`;
  const settings = /\nSETTINGS /.test(rest) ? `, ${REPLICATED_SETTINGS}` : `\nSETTINGS ${REPLICATED_SETTINGS}`;
  return [
    `CREATE TABLE IF NOT EXISTS ${database}.${table}_local ON CLUSTER ${cluster} ${columns}ENGINE = ${engine}${rest}${settings}`,
    `CREATE TABLE IF NOT EXISTS ${database}.${table} ON CLUSTER ${cluster} AS ${database}.${table}_local
ENGINE = Distributed('${cluster}', '${database}', '${table}_local', ${shardedBy})`,
  ];
}

function viewStatements(view: string, query: string, { cluster, database }: ClusterPlace): string[] {
  const isPerShard = VIEWS_PER_SHARD.has(view);
  const from = query.replaceAll(
    /\bFROM (\w+)/g,
    (_all, table) => `FROM ${database}.${table}${isPerShard ? '_local' : ''}`,
  );
  if (!isPerShard) return [`CREATE OR REPLACE VIEW ${database}.${view} ON CLUSTER ${cluster} AS${from}`];
  return [
    `CREATE OR REPLACE VIEW ${database}.${view}_local ON CLUSTER ${cluster} AS${from}`,
    // Replaced with it, since it has the view's columns.
    `CREATE OR REPLACE TABLE ${database}.${view} ON CLUSTER ${cluster} AS ${database}.${view}_local
ENGINE = Distributed('${cluster}', '${database}', '${view}_local')`,
  ];
}
