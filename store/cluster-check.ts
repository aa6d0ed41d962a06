/** Whether a cluster is what its tables rely on, asked before they are made. */
import { type OpenStoreOptions, openStore } from './client.js';
import { setupError } from './setup.js';
import type { Store } from './types.js';

/** A replica that is down must not keep the others from starting: it is asked when it is back. */
const WHO_ANSWERS = { settings: { skip_unavailable_shards: 1 } };

const SAMPLE_TABLES = ['schema_migrations', 'schema_migrations_local', 'spans', 'spans_local', 'traces', 'latency_now'];

/** Has a server of the cluster no tables yet, as one that joined later has not? */
export async function lacksTables(store: Store): Promise<boolean> {
  if (store.cluster === undefined) return false;
  const rows = await store.queryRows(
    `SELECT _shard_num, countIf(database = {database:String} AND name IN {names:Array(String)}) AS found
     FROM clusterAllReplicas('${store.cluster}', system.tables) GROUP BY _shard_num HAVING found < {expected:UInt32}`,
    { database: store.database, names: SAMPLE_TABLES, expected: SAMPLE_TABLES.length },
    WHO_ANSWERS,
  );
  return rows.length > 0;
}

/** Throws a STORE_SETUP that says what is wrong with the definition of the cluster or with the macros of its servers. */
export async function requireCluster(options: OpenStoreOptions): Promise<void> {
  // The database may not be there yet.
  const store = openStore({ ...options, database: 'default' });
  try {
    await requireDefinition(store);
    await requireMacros(store);
  } finally {
    await store.close();
  }
}

interface ClusterRow {
  readonly cluster: string;
  readonly shard_num: number;
  /** Absent in older servers. */
  readonly internal_replication?: number;
}

async function requireDefinition(store: Store): Promise<void> {
  const all = await store.query<ClusterRow>('SELECT * FROM system.clusters');
  const rows = all.filter(({ cluster }) => cluster === store.cluster);
  if (rows.length === 0) {
    const known = [...new Set(all.map(({ cluster }) => cluster))].join(', ') || 'none';
    throw setupError(`the server knows no cluster ${store.cluster} (remote_servers); it knows: ${known}`);
  }
  const doubled = rows.find(({ internal_replication }) => internal_replication === 0);
  if (doubled !== undefined) {
    throw setupError(
      `shard ${doubled.shard_num} of cluster ${store.cluster} has internal_replication = false: set it to true, as the tables replicate themselves`,
    );
  }
}

/** {shard} must tell shards apart, {shard} and {replica} together servers: tables find each other by them. */
async function requireMacros(store: Store): Promise<void> {
  const macros = async (from: string) => {
    const rows = await store.queryRows(
      `SELECT _shard_num, any(hostName()), maxIf(substitution, macro = 'shard') AS shard,
              maxIf(substitution, macro = 'replica') AS replica
       FROM ${from}('${store.cluster}', system.macros) GROUP BY _shard_num ORDER BY _shard_num`,
    );
    return rows.map(row => ({ host: String(row[1]), shard: String(row[2]), replica: String(row[3]) }));
  };
  const servers = await macros('clusterAllReplicas');
  const without = servers.find(({ shard, replica }) => shard === '' || replica === '');
  if (without !== undefined || servers.length === 0) {
    throw setupError(
      `server ${without?.host ?? ''} has no macros {shard} and {replica}: add both to its configuration`,
    );
  }
  requireDistinct('server', servers, ({ shard, replica }) => `${shard}/${replica}`);
  requireDistinct('shard', await macros('cluster'), ({ shard }) => shard);
}

interface Macros {
  readonly host: string;
  readonly shard: string;
  readonly replica: string;
}

function requireDistinct(what: string, servers: readonly Macros[], keyOf: (macros: Macros) => string): void {
  const hosts = new Map<string, string>();
  for (const server of servers) {
    const key = keyOf(server);
    const other = hosts.get(key);
    if (other !== undefined) {
      const macros = what === 'shard' ? '{shard}' : '{shard}/{replica}';
      throw setupError(`${other} and ${server.host} both say ${macros} is ${key}: every ${what} needs its own`);
    }
    hosts.set(key, server.host);
  }
}
