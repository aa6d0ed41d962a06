import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../schemas/index.js';
import {
  type Connection,
  displayUrl,
  type EmbeddedEngine,
  ENGINE_USER,
  enginePassword,
  migrate,
  openSqlStore,
  openStore,
  SQL_ROLE,
  type SqlStore,
  type Store,
  startEmbeddedEngine,
  withPatience,
} from '../store/index.js';

export interface OpenedStore {
  readonly store: Store;
  /** For questions of strangers; the same, unless the server has a user for them. */
  readonly sql: SqlStore;
  /** For people to read. */
  readonly url: string;
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/**
 * The store that the configuration names, migrated: a ClickHouse server, which is waited for until `signal` says to
 * stop, or the embedded engine, which is started unless another process of ours already serves it from the same data
 * directory.
 */
export async function openConfiguredStore(config: Config, logger: Logger, signal?: AbortSignal): Promise<OpenedStore> {
  const log = logger.child({ role: 'store' });
  const { clickhouse, retention } = config.store;
  const { url, sql: sqlLogin, ...server } = clickhouse;
  if (url !== undefined) {
    const connection = { ...server, url };
    return withPatience(() => open(connection, sqlLogin), { connection, logger: log, signal });
  }
  const password = config.store.embedded.password ?? enginePassword(engineDirectory(config));
  const engine = await startEngine(config, password, log);
  try {
    const opened = await open({ url: engine.url, database: clickhouse.database, username: ENGINE_USER, password }, {});
    const close = () => opened.close().then(() => engine.close());
    return { ...opened, sql: { ...opened.sql, role: SQL_ROLE }, failed: engine.failed, close };
  } catch (error) {
    await engine.close();
    throw error;
  }

  async function open(connection: Connection, login: Config['store']['clickhouse']['sql']): Promise<OpenedStore> {
    const applied = await migrate({ ...connection, retention, logger: log });
    if (applied.from !== applied.to) log.info(applied, 'migrated the store');
    const store = openStore({ ...connection, logger: log });
    const sql = await openSqlStore(store, { ...connection, logger: log }, login).catch(async error => {
      await store.close();
      throw error;
    });
    return {
      store,
      sql,
      url: displayUrl(connection.url),
      failed: new Promise<never>(() => {}),
      close: async () => {
        await Promise.all([store.close(), sql.store.close()]);
      },
    };
  }
}

const engineDirectory = ({ dataDir }: Config) => join(dataDir, 'clickhouse');

function startEngine(config: Config, password: string, logger: Logger): Promise<EmbeddedEngine> {
  const { store } = config;
  const { host, port, maxMemoryBytes, maxSpoolBytes, hangTimeoutMs } = store.embedded;
  return startEmbeddedEngine({
    dataDir: engineDirectory(config),
    password,
    host,
    port,
    maxMemoryBytes,
    maxSpoolBytes,
    hangTimeoutMs,
    database: store.clickhouse.database,
    logger,
  });
}
