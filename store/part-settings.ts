/**
 * How the tables that every span goes through are cut into parts and merged, where the server knows such settings (they
 * are younger than the oldest server that does). Whoever has set one of them for a table has the last word.
 *
 * | setting | why |
 * |---|---|
 * | `min_level_for_wide_part` 1 | a block of 75,000 spans as a file for each column costs 2.0 µs a span, as one file 0.7; what merges write stays as it was |
 * | `merge_selector_base` 10 | a part is merged with nine of its size instead of four: a third less to merge, and a trace is looked for in a few parts more |
 * | `min_age_to_force_merge_seconds` a day, of whole partitions | a week of arrivals that is over becomes one part: whoever asks for a trace looks for it in each part of them (docs/adr/072) |
 */
import type { Logger } from 'pino';
import { CLUSTER_DDL, LOCAL_SUFFIX } from './cluster.js';
import { StoreError } from './errors.js';
import type { Store } from './types.js';

const ACCESS_DENIED = 497;

const COMPACT_FIRST = { min_level_for_wide_part: 1 } as const;
const MERGED_LESS = { ...COMPACT_FIRST, merge_selector_base: 10 } as const;

const DAY_S = 86_400;
const MERGED_WHOLE_AT_LAST = {
  ...MERGED_LESS,
  min_age_to_force_merge_seconds: DAY_S,
  min_age_to_force_merge_on_partition_only: 1,
} as const;

const WANTED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  spans: MERGED_LESS,
  trace_arrivals: MERGED_WHOLE_AT_LAST,
  trace_revisions: COMPACT_FIRST,
};

export async function adjustParts(store: Store, logger: Logger): Promise<void> {
  const { cluster, database } = store;
  const isCluster = cluster !== undefined;
  const known = await knownSettings(store);
  const engines = new Map<string, string>();
  const tables = Object.keys(WANTED).map(table => (isCluster ? `${table}${LOCAL_SUFFIX}` : table));
  const found = await store.queryRows(
    'SELECT name, engine_full FROM system.tables WHERE database = {database:String} AND name IN {tables:Array(String)}',
    { database, tables },
  );
  for (const [name, engine] of found) engines.set(String(name), String(engine));
  for (const [table, wanted] of Object.entries(WANTED)) {
    const stored = isCluster ? `${table}${LOCAL_SUFFIX}` : table;
    const engine = engines.get(stored);
    if (engine === undefined) continue;
    const missing = Object.entries(wanted).filter(([name]) => known.has(name) && !engine.includes(`${name} = `));
    if (missing.length === 0) continue;
    const name = isCluster ? `${database}.${stored} ON CLUSTER ${cluster}` : stored;
    const settings = missing.map(([setting, value]) => `${setting} = ${value}`).join(', ');
    await store.command(`ALTER TABLE ${name} MODIFY SETTING ${settings}`, undefined, isCluster ? CLUSTER_DDL : {});
    logger.info({ table, settings }, 'changed how parts are merged');
  }
}

/** None where the user may not look: the tables work without. */
async function knownSettings(store: Store): Promise<ReadonlySet<string>> {
  const names = [...new Set(Object.values(WANTED).flatMap(Object.keys))];
  try {
    const sql = 'SELECT name FROM system.merge_tree_settings WHERE name IN {names:Array(String)}';
    return new Set((await store.queryRows(sql, { names })).map(([name]) => String(name)));
  } catch (error) {
    if (error instanceof StoreError && error.clickhouseCode === ACCESS_DENIED) return new Set();
    throw error;
  }
}
