/**
 * Two shards in one engine: the real planner, Distributed tables and shards' own stages of a query, without a second
 * machine. Both shards are this engine itself; row policies let each see only the rows whose sharding key is its own
 * (`shardNum()` is 0 outside a distributed query). A proxy takes away what needs Keeper or the network: ON CLUSTER,
 * `Replicated`, and the demand for a connection to this very machine; and it gives each shard macros of its own.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate, openStore, type Store, startEmbeddedEngine } from '../../../store/index.js';
import { startProxy } from '../proxy.js';
import { engineOptions, RETENTION, remove, SILENT, temporaryDirectory } from '../support.js';

export const CLUSTER = 'two';
const DATABASE = 'throughline';

/** `latency_rollup` without its tenant: the engine forgets a column that both a row policy and a filter of the query use. */
const SHARDED_BY = {
  spans: 'cityHash64(trace_id)',
  trace_arrivals: 'cityHash64(trace_id)',
  trace_revisions: 'cityHash64(trace_id)',
  latency_rollup: 'cityHash64(minute)',
  progress: 'cityHash64(name, instance)',
  slo_documents: 'cityHash64(kind, name)',
  slo_rollup: 'cityHash64(objective, group_key)',
  slo_hours: 'cityHash64(objective, group_key)',
  slo_restatements: 'cityHash64(objective, group_key)',
  slo_reports: 'cityHash64(id)',
  slo_alerts: 'cityHash64(slo, objective)',
  slo_notifications: 'cityHash64(alert_id)',
  schema_migrations: 'version',
};

const shard = (host: string) =>
  `<shard><internal_replication>true</internal_replication><replica><host>${host}</host><port>9000</port></replica></shard>`;

const SERVER = `<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><${CLUSTER}>${shard('127.0.0.1')}${shard('localhost')}</${CLUSTER}></remote_servers>
</clickhouse>`;

const POLICIES = Object.entries(SHARDED_BY).map(
  ([table, key]) => `<${table}_local><filter>shardNum() IN (0, ${key} % 2 + 1)</filter></${table}_local>`,
);

const USERS = `<clickhouse><users><default>
  <grants replace="replace"><query>GRANT ALL ON *.*</query></grants>
  <databases><${DATABASE}>${POLICIES.join('')}</${DATABASE}></databases>
</default></users></clickhouse>`;

/** As `migrate` wrote it → as one engine without Keeper can run it. */
function asOneEngine(sql: string): string {
  return (
    sql
      // A Distributed table has nothing to truncate or to merge.
      .replace(/^(TRUNCATE|OPTIMIZE) TABLE (\w+)/, '$1 TABLE $2_local')
      .replaceAll(` ON CLUSTER ${CLUSTER}`, '')
      .replaceAll(/Replicated(ReplacingMergeTree)\('[^']*', '\{replica\}'(?:, )?/g, '$1(')
      .replaceAll(
        'system.macros',
        "view(SELECT 'shard' AS macro, toString(shardNum()) AS substitution UNION ALL SELECT 'replica', 'r1')",
      )
  );
}

export interface TestCluster {
  readonly store: Store;
  /** The same tables without the cluster: what all shards hold, before any merging. */
  readonly plain: Store;
  readonly url: string;
  readonly statements: readonly string[];
  close(): Promise<void>;
}

export async function startTestCluster(): Promise<TestCluster> {
  const dataDir = await temporaryDirectory();
  for (const [directory, text] of [
    ['engine.d', SERVER],
    ['users.d', USERS],
  ]) {
    await mkdir(join(dataDir, 'config', directory), { recursive: true });
    await writeFile(join(dataDir, 'config', directory, 'cluster.xml'), text);
  }
  const engine = await startEmbeddedEngine(engineOptions(dataDir));
  const statements: string[] = [];
  const proxy = await startProxy(engine.url, {
    request: ({ url, body }) => {
      url.searchParams.delete('prefer_localhost_replica');
      if (url.searchParams.has('query')) return { url, body };
      const sql = body.toString('latin1');
      statements.push(sql);
      return { url, body: Buffer.from(asOneEngine(sql), 'latin1') };
    },
  });
  const connection = { url: proxy.url, database: DATABASE, logger: SILENT, cluster: CLUSTER };
  await migrate({ ...connection, retention: RETENTION });
  const store = openStore(connection);
  const plain = openStore({ url: engine.url, database: DATABASE, logger: SILENT });
  return {
    store,
    plain,
    url: proxy.url,
    statements,
    async close() {
      await Promise.all([store.close(), plain.close()]);
      await proxy.close();
      await engine.close();
      await remove(dataDir);
    },
  };
}
