/** A Store over ClickHouse's HTTP interface. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { toStoreError } from './clickhouse-errors.js';
import { insertClusterSettings, queryClusterSettings, type Settings } from './cluster.js';
import { type Connection, DEFAULT_TIMEOUT_MS } from './connection.js';
import { StoreError } from './errors.js';
import { type Answer, HttpTransport, type Question } from './http-transport.js';
import { encodeNativeBlock } from './native/index.js';
import type { NativeColumn, QueryOptions, QueryParameters, Store } from './types.js';

export interface OpenStoreOptions extends Connection {
  readonly logger: Logger;
}

/** Opens no connection: the server may come up later. */
export function openStore(options: OpenStoreOptions): Store {
  return new ClickHouseStore(options, options.database);
}

/** For what is asked before the database is there. */
export function openServer(options: OpenStoreOptions): Store {
  return new ClickHouseStore(options, undefined);
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** Inserts are few and large. */
const INSERT_SHARE = 0.25;

/**
 * 64-bit integers as text, and no answer before it is known to be whole. Answers are of few rows, and written by the thread
 * that reads them: handing them to others, which a server does by itself, took a quarter of a `SELECT 1`.
 */
const QUERY_SETTINGS = {
  output_format_json_quote_64bit_integers: 1,
  output_format_parallel_formatting: 0,
  wait_end_of_query: 1,
} as const;

/**
 * `async_insert` would acknowledge what is in memory only. Rows of one key within a block may wait for a merge like
 * those of two blocks: reads cope with both, and sorting out duplicates on insert costs as much as the insert itself.
 */
const INSERT_SETTINGS = { async_insert: 0, optimize_on_insert: 0 } as const;

class ClickHouseStore implements Store {
  readonly database: string;
  readonly cluster: string | undefined;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  /** Apart, so that neither waits for the other's connections. */
  readonly #queries: HttpTransport;
  readonly #inserts: HttpTransport;
  readonly #querySettings: Settings;
  readonly #insertSettings: Settings;
  readonly #commandSettings: Settings;
  readonly #closing = new AbortController();

  constructor({ logger, ...connection }: OpenStoreOptions, database: string | undefined) {
    this.database = connection.database;
    this.cluster = connection.cluster;
    this.#logger = logger;
    this.#timeoutMs = connection.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    // Every call under way listens; node takes more than ten for a leak and warns.
    setMaxListeners(0, this.#closing.signal);
    this.#queries = new HttpTransport(connection, { database });
    this.#inserts = new HttpTransport(connection, { database, share: INSERT_SHARE });
    this.#querySettings = { ...QUERY_SETTINGS, ...queryClusterSettings(connection) };
    this.#commandSettings = insertClusterSettings(connection);
    this.#insertSettings = { ...INSERT_SETTINGS, ...this.#commandSettings };
  }

  async query<Row>(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<Row[]> {
    return linesOf(await this.#ask(`${sql}\nFORMAT JSONEachRow`, parameters, options)) as Row[];
  }

  async queryRows(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<unknown[][]> {
    return linesOf(await this.#ask(`${sql}\nFORMAT JSONCompactEachRow`, parameters, options)) as unknown[][];
  }

  async queryRaw(sql: string, format: string, parameters?: QueryParameters, options?: QueryOptions) {
    if (!/^\w+$/.test(format)) throw new StoreError('STORE_REJECTED', `not the name of a format: ${format}`);
    return this.#ask(`${sql}\nFORMAT ${format}`, parameters, options);
  }

  async command(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<void> {
    // It may be an INSERT … SELECT, as durable as any insert.
    const settings = { ...this.#commandSettings, ...options?.settings };
    await this.#ask(sql, parameters, { ...options, settings });
  }

  async insert(table: string, columns: readonly NativeColumn[], rows: number, signal?: AbortSignal): Promise<void> {
    if (rows === 0) return;
    const block = encodeNativeBlock(columns, rows);
    const query = `INSERT INTO ${quoteName(table)} (${columns.map(({ name }) => quoteName(name)).join(', ')}) FORMAT Native`;
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      try {
        const question = { sql: query, data: block, settings: this.#insertSettings };
        await this.#call(this.#inserts, question, { ...(signal && { signal }) });
        return;
      } catch (error) {
        const { code, retryable, message } = toStoreError(error);
        if (!retryable || signal?.aborted || this.#closing.signal.aborted) throw error;
        this.#logger.warn({ table, rows, code, reason: message, retryInMs: waitMs }, 'the store did not take a block');
        await this.#pause(waitMs, signal);
      }
    }
  }

  ping(): Promise<boolean> {
    return this.#queries.ping(this.#timeoutMs);
  }

  async close(): Promise<void> {
    this.#closing.abort(new StoreError('STORE_UNAVAILABLE', 'the store was closed'));
    this.#queries.close();
    this.#inserts.close();
  }

  #ask(sql: string, parameters?: QueryParameters, options: QueryOptions = {}): Promise<Answer> {
    const limit = options.timeoutMs === undefined ? {} : { max_execution_time: options.timeoutMs / 1_000 };
    const settings = { ...this.#querySettings, ...limit, ...options.settings };
    return this.#call(this.#queries, { sql, parameters, settings, role: options.role }, options);
  }

  /** One call; it is given up, and killed, when its time is over, its caller aborts or the store closes. */
  async #call(
    transport: HttpTransport,
    question: Omit<Question, 'queryId'>,
    { timeoutMs = this.#timeoutMs, signal }: Pick<QueryOptions, 'timeoutMs' | 'signal'>,
  ): Promise<Answer> {
    const signals = [this.#closing.signal, signal];
    const aborted = signals.find(each => each?.aborted);
    if (aborted !== undefined) throw abortError(aborted);
    const queryId = randomUUID();
    const call = transport.send({ ...question, queryId });
    let givenUp: StoreError | undefined;
    const giveUp = (error: StoreError) => {
      givenUp ??= error;
      call.stop(error);
    };
    const timer = setTimeout(
      () => giveUp(new StoreError('STORE_TIMEOUT', `no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const unlink = onAbort(signals, cause => giveUp(abortError(cause)));
    try {
      return await call.answer;
    } catch (error) {
      if (givenUp === undefined) throw toStoreError(error);
      if (!this.#closing.signal.aborted) this.#kill(queryId);
      throw givenUp;
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }

  /** A server goes on with a query whose client has left. */
  #kill(queryId: string): void {
    this.command('KILL QUERY WHERE query_id = {id:String} ASYNC', { id: queryId }).catch(error =>
      this.#logger.debug({ queryId, reason: String(error) }, 'could not kill a query'),
    );
  }

  async #pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const stop = new AbortController();
    const unlink = onAbort([this.#closing.signal, signal], () => stop.abort());
    // The next attempt says why there is none.
    await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
    unlink();
  }
}

/** Once any of the signals aborts; what it returns undoes that, since they live longer than a call. */
function onAbort(signals: readonly (AbortSignal | undefined)[], act: (signal: AbortSignal) => void): () => void {
  const undo = signals.map(signal => {
    if (signal === undefined) return () => {};
    const abort = () => act(signal);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    return () => signal.removeEventListener('abort', abort);
  });
  return () => {
    for (const step of undo) step();
  };
}

function abortError({ reason }: AbortSignal): StoreError {
  if (reason instanceof StoreError) return reason;
  return new StoreError('STORE_UNAVAILABLE', 'the call was aborted', { cause: reason });
}

/** JSON escapes line ends within its values: those between are commas of one list. */
function linesOf({ body }: Answer): unknown[] {
  const text = body.toString().trimEnd();
  return text === '' ? [] : JSON.parse(`[${text.replaceAll('\n', ',')}]`);
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
