/**
 * What a cluster needs beside its tables (docs/clickhouse.md, docs/adr/009): every public name is a Distributed table
 * over `<name>_local`, and all rows of one sorting key, and of one trace, are on one shard.
 */
import type { Connection } from './connection.js';
import type { Store } from './types.js';

export type Settings = Readonly<Record<string, string | number>>;

export const LOCAL_SUFFIX = '_local';

/**
 * Below the overlaps of the auditor (15 s) and of the rollups (10 s): what a replica shows later than this, they would
 * not look at again.
 */
const MAX_REPLICA_DELAY_S = 5;
/** Below our own timeout, so that the server says what is the matter. */
const QUORUM_TIMEOUT_MS = 60_000;

/**
 * Whoever reads must see what was acknowledged before, through whichever server the request comes. So of every shard
 * all servers use the same replica: the first in the cluster's definition that answers; neither the one at hand
 * (`prefer_localhost_replica`) nor a second one that might be faster (hedged requests, parallel replicas). When it
 * fails over, a replica that lags is refused rather than believed, and a shard that is away is an error, not a gap.
 */
const SAME_REPLICA = {
  load_balancing: 'in_order',
  prefer_localhost_replica: 0,
  use_hedged_requests: 0,
  max_parallel_replicas: 1,
} as const;

export function queryClusterSettings({ cluster }: Pick<Connection, 'cluster'>): Settings {
  if (cluster === undefined) return {};
  return {
    ...SAME_REPLICA,
    max_replica_delay_for_distributed_queries: MAX_REPLICA_DELAY_S,
    fallback_to_stale_replicas_for_distributed_queries: 0,
    skip_unavailable_shards: 0,
    // Through a balancer KILL QUERY may reach another server than the query did.
    cancel_http_readonly_queries_on_client_close: 1,
  };
}

/** A replica that is down keeps a statement ON CLUSTER waiting: it fails in time, and is tried again. */
export const CLUSTER_DDL = { settings: { distributed_ddl_task_timeout: 60 }, timeoutMs: 100_000 } as const;

/** In the foreground: an insert that is acknowledged is on the shards, not in a queue of the server that took it. */
export function insertClusterSettings({ cluster, insertQuorum = 'auto' }: Connection): Settings {
  if (cluster === undefined) return {};
  return {
    ...SAME_REPLICA,
    distributed_foreground_insert: 1,
    skip_unavailable_shards: 0,
    // Of one replica it is no quorum, and Keeper is spared.
    insert_quorum: insertQuorum === 1 ? 0 : insertQuorum,
    insert_quorum_timeout: QUORUM_TIMEOUT_MS,
  };
}

/**
 * A subquery that each shard runs whole over its own rows, for questions that are complete per trace or key: the shards
 * send results, where a Distributed table would send every group to the server that asks. On one server it is the query
 * itself. `sql` is given the names to read.
 */
export function perShard({ cluster, database }: Store, sql: (table: (name: string) => string) => string): string {
  if (cluster === undefined) return `(${sql(name => name)})`;
  return `cluster('${cluster}', view(${sql(name => `${database}.${name}${LOCAL_SUFFIX}`)}))`;
}

/** A whole statement that each shard runs over its own rows: about one trace or key, of which one shard has everything. */
export function wholePerShard(store: Store, sql: (table: (name: string) => string) => string): string {
  return store.cluster === undefined ? sql(name => name) : `SELECT * FROM ${perShard(store, sql)}`;
}
