/** A table keeps the days it was made with until it is told otherwise. */
import type { Logger } from 'pino';
import type { Migration } from '../schemas/index.js';
import { CLUSTER_DDL, LOCAL_SUFFIX } from './cluster.js';
import type { Store } from './types.js';

const TABLE_WITH_TTL = /CREATE TABLE IF NOT EXISTS (\w+)[\s\S]*\nTTL (.+ INTERVAL (\d+) DAY)/;

/** `all` are the statements of a single server; on a cluster the tables of every shard are told. */
export async function adjustRetention(store: Store, all: readonly Migration[], logger: Logger): Promise<void> {
  const { cluster, database } = store;
  const isCluster = cluster !== undefined;
  const tables = isCluster ? `cluster('${cluster}', system.tables)` : 'system.tables';
  const engines = new Map<string, string[]>();
  const found = await store.queryRows(`SELECT name, engine_full FROM ${tables} WHERE database = {database:String}`, {
    database,
  });
  for (const [name, engine] of found) {
    engines.set(String(name), [...(engines.get(String(name)) ?? []), String(engine)]);
  }
  for (const statement of all.flatMap(({ statements }) => statements)) {
    const [, table, ttl, days] = TABLE_WITH_TTL.exec(statement) ?? [];
    if (table === undefined) continue;
    const stored = isCluster ? `${table}${LOCAL_SUFFIX}` : table;
    if ((engines.get(stored) ?? []).every(engine => hasDays(engine, days))) continue;
    const name = isCluster ? `${database}.${stored} ON CLUSTER ${cluster}` : stored;
    await store.command(`ALTER TABLE ${name} MODIFY TTL ${ttl}`, undefined, isCluster ? CLUSTER_DDL : {});
    logger.info({ table, days: Number(days) }, 'changed the retention');
  }
}

/** ClickHouse writes INTERVAL 30 DAY as toIntervalDay(30). */
function hasDays(engine: string, days: string): boolean {
  return new RegExp(`\\bTTL .*toIntervalDay\\(${days}\\)`).test(engine);
}
