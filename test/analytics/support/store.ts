/** A store of the test's own: the embedded engine on a free port, migrated, in a directory that goes when it closes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { migrate, openStore, SQL_ROLE, type SqlStore, type Store, startEmbeddedEngine } from '../../../store/index.js';
import { startTestCluster } from '../../store/cluster/support.js';

const DATABASE = 'throughline';
const RETENTION = { spansDays: 3_650, tracesDays: 3_650, rollupsDays: 3_650 };

export function startStore(): Promise<Store> {
  return process.env.THROUGHLINE_TEST_STORE === 'cluster' ? startStoreOnCluster() : startEmbeddedStore();
}

export async function startEmbeddedStore(): Promise<Store> {
  const logger = pino({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'throughline-analytics-'));
  const engine = await startEmbeddedEngine({ dataDir, host: '127.0.0.1', port: 0, database: DATABASE, logger });
  const { url } = engine;
  await migrate({ url, database: DATABASE, retention: RETENTION, logger });
  const store = openStore({ url, database: DATABASE, logger });
  return storeWith(store, {
    close: async () => {
      await store.close();
      await engine.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  });
}

/** For `startApi`: the engine as strangers see it. A cluster's server has a user for them (test/store/sql-user.test.ts). */
export function sqlStoreOf(store: Store): SqlStore {
  const role = process.env.THROUGHLINE_TEST_STORE === 'cluster' ? undefined : SQL_ROLE;
  return { store, isReadonly: false, role };
}

/** Two shards: `THROUGHLINE_TEST_STORE=cluster npx vitest run test/analytics` asks all its questions of them. */
async function startStoreOnCluster(): Promise<Store> {
  const cluster = await startTestCluster();
  return storeWith(cluster.store, { close: () => cluster.close() });
}

/** The store, with some of its methods replaced. */
export function storeWith(store: Store, replaced: Partial<Store>): Store {
  return {
    database: store.database,
    cluster: store.cluster,
    query: (...rest) => store.query(...rest),
    queryRows: (...rest) => store.queryRows(...rest),
    queryRaw: (...rest) => store.queryRaw(...rest),
    command: (...rest) => store.command(...rest),
    insert: (...rest) => store.insert(...rest),
    ping: () => store.ping(),
    close: () => store.close(),
    ...replaced,
  };
}
