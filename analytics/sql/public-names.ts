/** What the SQL path may read and call; its tables are in schemas/sql-tables.ts. */
import { PUBLIC_VIEWS_WITH_PARAMETERS } from '../../schemas/index.js';

/** Those of the database that are for ourselves. Their names may not stand anywhere in a query. */
export const PRIVATE_TABLES: ReadonlySet<string> = new Set([
  'trace_arrivals',
  'progress',
  'schema_migrations',
  'slo_hours',
  'slo_notifications',
]);

/** What may be called where a table stands. */
export const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([...PUBLIC_VIEWS_WITH_PARAMETERS, 'numbers']);

/** Other databases that every server has. */
export const PRIVATE_DATABASES: ReadonlySet<string> = new Set(['system', 'information_schema']);

/**
 * Functions, and table functions wherever they stand, that read what is not in the public tables (files, dictionaries, other tables, the network, the server's
 * own affairs), or that do something else than compute. All others only work on their arguments.
 */
const FORBIDDEN_FUNCTIONS = [
  /^_/,
  /^file$/,
  /^dict/,
  /^joinget/,
  /^hascolumnintable$/,
  /^sleep/,
  /^ai[_a-z]*(generate|classify|embed|extract|translate)/,
  /^catboost/,
  /^evalmlmethod$/,
  /^naivebayes/,
  /^region(to|in$|hierarchy)/,
  /^reversedns/,
  /^zookeeper/,
  /^generateserialid$/,
  /^log_?trace$/,
  /^throwif$/,
  /^addressto/,
  /^(demangle|flamegraph|trap|buildid)$/,
  /^show/,
  /^getclienthttpheader$/,
  /^get(server|macro|oskernel|max|setting)/,
  /^(hostname|fqdn|fullhostname|serveruuid|tcpport|uptime|displayname)$/,
  /^filesystem/,
  /^transaction/,
  /^current(user|roles|profiles)|^(enabled|default)(roles|profiles)$|^(user|current_user)$/,
  /cluster(allreplicas)?$|^remote(secure)?$/,
  /^(url|s3|gcs|oss|cosn|hdfs|azureblobstorage|arrowstream)$/,
  /^(mysql|postgresql|mongodb|redis|sqlite|odbc|jdbc|ytsaurus|python)$/,
  /^(iceberg|deltalake|hudi|paimon|mergetree|prometheusquery)/,
  /^timeseries(selector|metrics|tags|samples|data)$/,
  /^(executable|execute|eval|input|merge|dictionary|loop|view|viewifpermitted|viewexplain)$/,
  /^(fuzzjson|fuzzquery)$/,
  /^(query_?id|initial_?query)/,
];

export function isForbiddenFunction(name: string): boolean {
  const lower = name.toLowerCase();
  return FORBIDDEN_FUNCTIONS.some(pattern => pattern.test(lower));
}
