import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../schemas/index.js';
import { type EmbeddedEngine, migrate, openStore, type Store, startEmbeddedEngine } from '../store/index.js';

export interface OpenedStore {
  readonly store: Store;
  readonly url: string;
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/**
 * The store that the configuration names, migrated: a ClickHouse server, or the embedded engine, which is started
 * unless another process of ours already serves it from the same data directory.
 */
export async function openConfiguredStore(config: Config, logger: Logger): Promise<OpenedStore> {
  const log = logger.child({ role: 'store' });
  const { clickhouse, embedded, retention } = config.store;
  const engine = clickhouse.url === undefined ? await startEngine(config, log) : undefined;
  const url = clickhouse.url ?? engine?.url ?? '';
  try {
    const { database, username, password } = clickhouse;
    const applied = await migrate({ url, database, retention, logger: log, username, password });
    if (applied.from !== applied.to) log.info(applied, 'migrated the store');
    const store = openStore({ url, database, logger: log, username, password });
    return {
      store,
      url,
      failed: engine?.failed ?? new Promise<never>(() => {}),
      async close() {
        await store.close();
        await engine?.close();
      },
    };
  } catch (error) {
    await engine?.close();
    throw error;
  }

  function startEngine({ dataDir }: Config, engineLog: Logger): Promise<EmbeddedEngine> {
    return startEmbeddedEngine({
      dataDir: join(dataDir, 'clickhouse'),
      host: embedded.host,
      port: embedded.port,
      maxMemoryBytes: embedded.maxMemoryBytes,
      database: clickhouse.database,
      logger: engineLog,
    });
  }
}
