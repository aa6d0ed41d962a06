/**
 * Makes the database, its tables and views (schemas/clickhouse.ts), and keeps their retention and the way they are merged as configured. Safe to run
 * again, and by several processes at once: every statement tolerates its own effect. Where nothing is to do it only
 * reads, so that processes may run as a user who may not change tables.
 */
import type { Logger } from 'pino';
import {
  clusterStatements,
  type Migration,
  migrations,
  OLDEST_READABLE_VERSION,
  onCluster,
  type Retention,
} from '../schemas/index.js';
import { openServer, openStore } from './client.js';
import { CLUSTER_DDL } from './cluster.js';
import { lacksTables, requireCluster } from './cluster-check.js';
import type { Connection } from './connection.js';
import { StoreError } from './errors.js';
import { adjustParts } from './part-settings.js';
import { adjustRetention } from './retention.js';
import { setupError } from './setup.js';
import type { Store } from './types.js';

export interface MigrateOptions extends Connection {
  readonly retention: Retention;
  readonly logger: Logger;
}

/** Versions before and after; 0 is an empty database. */
export interface MigrationResult {
  readonly from: number;
  readonly to: number;
}

/** ClickHouse releases that are known to have all that the tables and queries use. */
const OLDEST_SERVER = [24, 8] as const;

const VERSIONS = `
CREATE TABLE IF NOT EXISTS schema_migrations (
  version UInt32,
  name String,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version`;

const RACED = new Set([
  57, // TABLE_ALREADY_EXISTS
  82, // DATABASE_ALREADY_EXISTS
]);
const UNKNOWN_TABLE = 60;
const UNKNOWN_DATABASE = 81;

export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  const { database, retention, logger } = options;
  if (!/^\w+$/.test(database)) throw new StoreError('STORE_REJECTED', `not the name of a database: ${database}`);
  await requireServer(options);
  const store = openStore(options);
  try {
    const all = statementsFor(options, migrations(retention));
    const newest = Math.max(...all.map(({ version }) => version));
    const from = await currentVersion(store);
    if (from > newest) {
      throw new StoreError(
        'STORE_VERSION',
        `the tables are of version ${from}, this program knows ${newest}: update it`,
      );
    }
    if (from > 0 && from < OLDEST_READABLE_VERSION) {
      throw new StoreError(
        'STORE_VERSION',
        `the tables of ${database} are of version ${from}, this program reads ${OLDEST_READABLE_VERSION} and later: start with another data directory (dataDir) or database (store.clickhouse.database), and replay what is to be kept`,
      );
    }
    if (from > 0) await requireKind(store);
    const isIncomplete = from > 0 && (await lacksTables(store));
    const pending = isIncomplete ? all : all.filter(({ version }) => version > from);
    if (pending.length > 0) await applyAll(store, options, pending);
    await adjustRetention(store, migrations(retention), logger);
    await adjustParts(store, logger);
    return { from, to: newest };
  } finally {
    await store.close();
  }
}

function statementsFor({ cluster, database }: MigrateOptions, all: readonly Migration[]): readonly Migration[] {
  return cluster === undefined ? all : onCluster(all, { cluster, database });
}

async function requireServer(options: MigrateOptions): Promise<void> {
  const [row] = await withoutDatabase(options, server =>
    server.query<{ version: string }>('SELECT version() AS version'),
  );
  const version = row?.version ?? '';
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw setupError(`the server is ClickHouse ${version}: update it to ${OLDEST_SERVER.join('.')} or newer`);
}

/** Over a connection without a database: it may not be there yet. */
async function withoutDatabase<Result>(
  options: MigrateOptions,
  run: (server: Store) => Promise<Result>,
): Promise<Result> {
  const server = openServer(options);
  try {
    return await run(server);
  } finally {
    await server.close();
  }
}

/** 0 where nothing is there yet. */
async function currentVersion(store: Store): Promise<number> {
  try {
    const [[version]] = await store.queryRows('SELECT max(version) FROM schema_migrations');
    return Number(version);
  } catch (error) {
    const code = error instanceof StoreError ? error.clickhouseCode : undefined;
    if (code === UNKNOWN_TABLE || code === UNKNOWN_DATABASE) return 0;
    throw error;
  }
}

/** Tables of one server are no tables of a cluster: neither may be taken for the other. */
async function requireKind(store: Store): Promise<void> {
  const rows = await store.queryRows(
    'SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}',
    { database: store.database, name: 'spans' },
  );
  const engine = rows[0]?.[0];
  if (engine === undefined || (engine === 'Distributed') === (store.cluster !== undefined)) return;
  throw setupError(
    store.cluster === undefined
      ? `the tables of ${store.database} are distributed over a cluster: name it in store.clickhouse.cluster`
      : `the tables of ${store.database} are those of one server: give another store.clickhouse.database and copy them (docs/clickhouse.md)`,
  );
}

async function applyAll(store: Store, options: MigrateOptions, pending: readonly Migration[]): Promise<void> {
  const { cluster, database, logger } = options;
  if (cluster !== undefined) await requireCluster(options);
  const where = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const ddl = cluster === undefined ? {} : CLUSTER_DDL;
  await withoutDatabase(options, server => {
    return server.command(`CREATE DATABASE IF NOT EXISTS ${database}${where}`, undefined, ddl);
  });
  const versions = cluster === undefined ? [VERSIONS] : clusterStatements(VERSIONS, { cluster, database });
  const run = (statement: string) => unlessRaced(() => store.command(statement, undefined, ddl));
  for (const statement of versions) await run(statement);
  for (const { version, name, statements } of pending) {
    for (const statement of statements) await run(statement);
    await store.command('INSERT INTO schema_migrations (version, name) SELECT {version:UInt32}, {name:String}', {
      version,
      name,
    });
    logger.info({ version, migration: name }, 'applied a migration');
  }
}

/** Of two processes that make the same thing at the same time one may be told that it is there: the next time it is. */
async function unlessRaced(statement: () => Promise<void>): Promise<void> {
  try {
    await statement();
  } catch (error) {
    if (!(error instanceof StoreError) || !RACED.has(error.clickhouseCode ?? 0)) throw error;
    await statement();
  }
}
