/** POST /api/v1/sql: one bounded, read-only SELECT. */
import { type QueryOptions, StoreError } from '../../store/index.js';
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

type SqlParts = Pick<Parts, 'store' | 'sql' | 'tenant'>;

export class SqlRunner {
  readonly #parts: SqlParts;
  readonly #options: QueryOptions;
  #running = 0;

  constructor(parts: SqlParts) {
    this.#parts = parts;
    this.#options = { settings: settingsOf(parts), timeoutMs: parts.sql.maxSeconds * 1_000 + GRACE_MS };
  }

  /** `sql` is whatever came; throws an ApiError that says what is wrong with it. */
  async run(sql: string, format: string): Promise<SqlAnswer> {
    const { store, sql: limits } = this.#parts;
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

function settingsOf({ store, sql, tenant }: SqlParts): Record<string, string | number> {
  return {
    readonly: 1,
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
    additional_table_filters: tableFilters(store.database, tenant),
  };
}

/** Rows of other tenants are not there, nor any of our own tables, whatever the text of a query says. */
function tableFilters(database: string, tenant: string): string {
  const own = `tenant = '${escaped(tenant)}'`;
  const filters: [string, string][] = ['spans', 'trace_revisions', 'latency_rollup'].map(table => [
    `${database}.${table}`,
    own,
  ]);
  for (const table of PRIVATE_TABLES) filters.push([`${database}.${table}`, '0']);
  return `{${filters.map(([table, filter]) => `'${table}':'${escaped(filter)}'`).join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
}
