/**
 * Makes the database, its tables and views (schemas/clickhouse.ts), and keeps their retention as configured. Safe to run
 * again, and by two processes at once: every statement tolerates its own effect.
 */
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { Logger } from 'pino';
import { type Migration, migrations, type Retention } from '../schemas/index.js';
import { toStoreError } from './clickhouse-errors.js';
import { openStore } from './client.js';
import { StoreError } from './errors.js';
import type { Store } from './types.js';

export interface MigrateOptions {
  readonly url: string;
  readonly database: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly retention: Retention;
  /** Replicated and distributed tables are not made yet: naming a cluster is refused. */
  readonly cluster?: string | undefined;
  readonly logger: Logger;
}

/** Versions before and after; 0 is an empty database. */
export interface MigrationResult {
  readonly from: number;
  readonly to: number;
}

const VERSIONS = `
CREATE TABLE IF NOT EXISTS schema_migrations (
  version UInt32,
  name String,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY version`;

export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  const { database, cluster, retention, logger } = options;
  if (cluster !== undefined) {
    throw new StoreError('STORE_REJECTED', `replicated tables are not available yet: cluster ${cluster}`);
  }
  if (!/^\w+$/.test(database)) throw new StoreError('STORE_REJECTED', `not the name of a database: ${database}`);
  await createDatabase(options);
  const store = openStore(options);
  try {
    await store.command(VERSIONS);
    const all = migrations(retention);
    const from = await currentVersion(store);
    const newest = Math.max(...all.map(({ version }) => version));
    if (from > newest) {
      throw new StoreError(
        'STORE_VERSION',
        `the tables are of version ${from}, this program knows ${newest}: update it`,
      );
    }
    for (const migration of all.filter(({ version }) => version > from)) await apply(store, migration, logger);
    await adjustRetention(store, all, logger);
    return { from, to: newest };
  } finally {
    await store.close();
  }
}

/** Over a connection without a database: it may not be there yet. */
async function createDatabase({ url, database, username, password }: MigrateOptions): Promise<void> {
  const login = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
  const client = createClient({ url, ...login, log: { level: ClickHouseLogLevel.OFF } });
  try {
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` });
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await client.close();
  }
}

async function currentVersion(store: Store): Promise<number> {
  const [[version]] = await store.queryRows('SELECT max(version) FROM schema_migrations');
  return Number(version);
}

async function apply(store: Store, { version, name, statements }: Migration, logger: Logger): Promise<void> {
  for (const statement of statements) await store.command(statement);
  await store.command('INSERT INTO schema_migrations (version, name) SELECT {version:UInt32}, {name:String}', {
    version,
    name,
  });
  logger.info({ version, migration: name }, 'applied a migration');
}

const TABLE_WITH_TTL = /CREATE TABLE IF NOT EXISTS (\w+)[\s\S]*\nTTL (.+ INTERVAL (\d+) DAY)/;

/** A table keeps the days it was made with until it is told otherwise. */
async function adjustRetention(store: Store, all: readonly Migration[], logger: Logger): Promise<void> {
  const rows = await store.queryRows('SELECT name, engine_full FROM system.tables WHERE database = {database:String}', {
    database: store.database,
  });
  const engines = new Map(rows.map(([name, engine]) => [String(name), String(engine)]));
  for (const statement of all.flatMap(({ statements }) => statements)) {
    const [, table, ttl, days] = TABLE_WITH_TTL.exec(statement) ?? [];
    if (table === undefined || hasDays(engines.get(table) ?? '', days)) continue;
    await store.command(`ALTER TABLE ${table} MODIFY TTL ${ttl}`);
    logger.info({ table, days: Number(days) }, 'changed the retention');
  }
}

/** ClickHouse writes INTERVAL 30 DAY as toIntervalDay(30). */
function hasDays(engine: string, days: string): boolean {
  return new RegExp(`\\bTTL .*toIntervalDay\\(${days}\\)`).test(engine);
}
