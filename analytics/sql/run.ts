/** POST /api/v1/sql: one bounded, read-only SELECT. */
import { LOCAL_SUFFIX, type QueryOptions, type Store, StoreError } from '../../store/index.js';
import { ApiError } from '../errors.js';
import type { Parts } from '../settings.js';
import { checkedSelect } from './check.js';
import { PRIVATE_TABLES } from './public-names.js';

export interface SqlAnswer {
  readonly body: Uint8Array;
  readonly contentType: string;
}

/** ClickHouse's error codes for "this query wants too much". */
const LIMITS: ReadonlyMap<number, string> = new Map([
  [158, 'rows to read'],
  [191, 'rows in a set'],
  [241, 'memory'],
  [307, 'bytes to read'],
  [396, 'rows or bytes of the answer'],
]);

/** How long after its own limit a query is given up on. */
const GRACE_MS = 2_000;

/** What the public tables and views read. */
const TENANT_TABLES = [
  'spans',
  'trace_revisions',
  'latency_rollup',
  'slo_rollup',
  'slo_restatements',
  'slo_documents',
  'slo_reports',
  'slo_alerts',
];

type SqlParts = Pick<Parts, 'sqlStore' | 'sql' | 'tenant'>;

export class SqlRunner {
  readonly #parts: SqlParts;
  readonly #options: QueryOptions;
  #running = 0;

  constructor(parts: SqlParts) {
    this.#parts = parts;
    this.#options = {
      settings: settingsOf(parts),
      timeoutMs: parts.sql.maxSeconds * 1_000 + GRACE_MS,
      role: parts.sqlStore.role,
    };
  }

  /** `sql` is whatever came; throws an ApiError that says what is wrong with it. */
  async run(sql: string, format: string): Promise<SqlAnswer> {
    const { sqlStore, sql: limits } = this.#parts;
    const { store } = sqlStore;
    const query = checkedSelect(sql, store.database);
    if (this.#running >= limits.maxConcurrent) {
      throw new ApiError('SQL_BUSY', `${limits.maxConcurrent} queries are running already; try again`);
    }
    this.#running++;
    try {
      return await store.queryRaw(query, format, undefined, this.#options);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#running--;
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof StoreError)) return error;
    const limit = limitOf(error);
    if (limit !== undefined) {
      const { maxSeconds, maxMemoryBytes, maxRows } = this.#parts.sql;
      const limits = `${maxSeconds} s, ${maxMemoryBytes} bytes of memory, a quarter of it for the answer, ${maxRows} rows`;
      const message = `the query exceeds its limit of ${limit} (${limits}): ask for less. ${error.message}`;
      return new ApiError('SQL_LIMIT_EXCEEDED', message, error);
    }
    return error.retryable ? error : new ApiError('SQL_INVALID', error.message, error);
  }
}

function limitOf({ code, clickhouseCode = 0 }: StoreError): string | undefined {
  if (code === 'STORE_TIMEOUT') return 'time';
  return code === 'STORE_TOO_LARGE' ? (LIMITS.get(clickhouseCode) ?? 'bytes of the answer') : undefined;
}

function settingsOf({ sqlStore: { store, isReadonly }, sql, tenant }: SqlParts): Record<string, string | number> {
  return {
    // A user whose profile says so (with 2, so that the limits can be given) may not say it again.
    ...(!isReadonly && { readonly: 1 }),
    max_execution_time: sql.maxSeconds,
    timeout_overflow_mode: 'throw',
    max_memory_usage: sql.maxMemoryBytes,
    max_result_rows: sql.maxRows,
    // The answer is held here as well, as text.
    max_result_bytes: Math.trunc(sql.maxMemoryBytes / 4),
    result_overflow_mode: 'throw',
    max_threads: 2,
    // Rows that a merge has yet to collapse are not for people to see.
    final: 1,
    // What is stored as part of another column is public all the same: `end` and `resource` of spans.
    asterisk_include_alias_columns: 1,
    additional_table_filters: tableFilters(store, tenant),
    // On a cluster a subquery is right whatever it joins by: its rows are collected first, from all shards.
    distributed_product_mode: 'global',
  };
}

/** Rows of other tenants are not there, nor any of our own tables, whatever the text of a query says. */
function tableFilters({ database, cluster }: Store, tenant: string): string {
  const own = `tenant = '${escaped(tenant)}'`;
  // On a cluster the shards filter, where the rows are; what comes from them may be states of aggregates.
  const stored = (table: string) => `${database}.${table}${cluster === undefined ? '' : LOCAL_SUFFIX}`;
  const filters: [string, string][] = TENANT_TABLES.map(table => [stored(table), own]);
  for (const table of PRIVATE_TABLES) filters.push([stored(table), '0']);
  // One user runs every query of the embedded engine, so each would see the texts of all others.
  filters.push(['system.processes', '0']);
  return `{${filters.map(([table, filter]) => `'${table}':'${escaped(filter)}'`).join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
}
