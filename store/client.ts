/** A Store over ClickHouse's HTTP interface. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import type { Logger } from 'pino';
import { toStoreError } from './clickhouse-errors.js';
import { insertClusterSettings, queryClusterSettings, type Settings } from './cluster.js';
import { type Connection, clientOptions, DEFAULT_TIMEOUT_MS } from './connection.js';
import { StoreError } from './errors.js';
import { encodeNativeBlock } from './native/index.js';
import type { NativeColumn, QueryOptions, QueryParameters, Store } from './types.js';

export interface OpenStoreOptions extends Connection {
  readonly logger: Logger;
}

/** Opens no connection: the server may come up later. */
export function openStore(options: OpenStoreOptions): Store {
  return new ClickHouseStore(options);
}

const MAX_RESULT_BYTES = 1 << 29;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** Inserts are few and large. */
const INSERT_SHARE = 0.25;

/** 64-bit integers as text, and no answer before it is known to be whole. */
const QUERY_SETTINGS = { output_format_json_quote_64bit_integers: 1, wait_end_of_query: 1 } as const;

/**
 * `async_insert` would acknowledge what is in memory only. Rows of one key within a block may wait for a merge like
 * those of two blocks: reads cope with both, and sorting out duplicates on insert costs as much as the insert itself.
 */
const INSERT_SETTINGS = { async_insert: 0, optimize_on_insert: 0 } as const;

interface Call {
  readonly query_id: string;
  readonly abort_signal: AbortSignal;
}

class ClickHouseStore implements Store {
  readonly database: string;
  readonly cluster: string | undefined;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  /** Apart, so that neither waits for the other's connections. */
  readonly #queries: ClickHouseClient;
  readonly #inserts: ClickHouseClient;
  readonly #querySettings: Settings;
  readonly #insertSettings: Settings;
  readonly #commandSettings: Settings;
  readonly #closing = new AbortController();

  constructor({ logger, ...connection }: OpenStoreOptions) {
    this.database = connection.database;
    this.cluster = connection.cluster;
    this.#logger = logger;
    this.#timeoutMs = connection.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    // Every call under way listens; node takes more than ten for a leak and warns.
    setMaxListeners(0, this.#closing.signal);
    const { database } = connection;
    this.#queries = createClient({ ...clientOptions(connection), database });
    this.#inserts = createClient({ ...clientOptions(connection, INSERT_SHARE), database });
    this.#querySettings = { ...QUERY_SETTINGS, ...queryClusterSettings(connection) };
    this.#commandSettings = insertClusterSettings(connection);
    this.#insertSettings = { ...INSERT_SETTINGS, ...this.#commandSettings };
  }

  async query<Row>(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<Row[]> {
    return this.#call(options, async call => {
      const result = await this.#queries.query({
        ...call,
        ...this.#bound(sql, parameters, options),
        format: 'JSONEachRow',
      });
      return (await result.json<Row>()) as Row[];
    });
  }

  async queryRows(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<unknown[][]> {
    return this.#call(options, async call => {
      const query = { ...call, ...this.#bound(sql, parameters, options), format: 'JSONCompactEachRow' as const };
      const result = await this.#queries.query(query);
      return (await result.json()) as unknown[][];
    });
  }

  async queryRaw(sql: string, format: string, parameters?: QueryParameters, options?: QueryOptions) {
    if (!/^\w+$/.test(format)) throw new StoreError('STORE_REJECTED', `not the name of a format: ${format}`);
    return this.#call(options, async call => {
      const query = this.#bound(`${sql}\nFORMAT ${format}`, parameters, options);
      const { stream, response_headers } = await this.#queries.exec({ ...call, ...query });
      const body = await collect(stream);
      return { body, contentType: String(response_headers['content-type'] ?? 'application/octet-stream') };
    });
  }

  async command(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<void> {
    // It may be an INSERT … SELECT, as durable as any insert.
    const settings = { ...this.#commandSettings, ...options?.settings };
    const bound = this.#bound(sql, parameters, { ...options, settings });
    await this.#call(options, call => this.#queries.command({ ...call, ...bound }));
  }

  async insert(table: string, columns: readonly NativeColumn[], rows: number, signal?: AbortSignal): Promise<void> {
    if (rows === 0) return;
    const block = encodeNativeBlock(columns, rows);
    const query = `INSERT INTO ${quoteName(table)} (${columns.map(({ name }) => quoteName(name)).join(', ')}) FORMAT Native`;
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      try {
        await this.#insertOnce(query, block, signal);
        return;
      } catch (error) {
        const { code, retryable, message } = toStoreError(error);
        if (!retryable || signal?.aborted || this.#closing.signal.aborted) throw error;
        this.#logger.warn({ table, rows, code, reason: message, retryInMs: waitMs }, 'the store did not take a block');
        await this.#pause(waitMs, signal);
      }
    }
  }

  async ping(): Promise<boolean> {
    return (await this.#queries.ping()).success;
  }

  async close(): Promise<void> {
    this.#closing.abort(new StoreError('STORE_UNAVAILABLE', 'the store was closed'));
    await Promise.all([this.#queries.close(), this.#inserts.close()]);
  }

  #bound(query: string, parameters: QueryParameters | undefined, options: QueryOptions = {}) {
    const limit = options.timeoutMs === undefined ? {} : { max_execution_time: options.timeoutMs / 1_000 };
    return {
      query,
      ...(parameters !== undefined && { query_params: { ...parameters } }),
      ...(options.role !== undefined && { role: options.role }),
      clickhouse_settings: { ...this.#querySettings, ...limit, ...options.settings },
    };
  }

  #insertOnce(query: string, block: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    return this.#call(signal === undefined ? {} : { signal }, async call => {
      // A stream is consumed by the attempt; the block under it stays.
      const values = Readable.from([block], { objectMode: false });
      const { stream } = await this.#inserts.exec({
        ...call,
        query,
        values,
        clickhouse_settings: this.#insertSettings,
      });
      await collect(stream);
    });
  }

  /** Runs one call; it is given up, and killed, when its time is over, its caller aborts or the store closes. */
  async #call<Result>(options: QueryOptions = {}, run: (call: Call) => Promise<Result>): Promise<Result> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const query_id = randomUUID();
    const stop = new AbortController();
    const timeout = () => stop.abort(new StoreError('STORE_TIMEOUT', `no answer within ${timeoutMs} ms`));
    const timer = setTimeout(timeout, timeoutMs);
    const unlink = link(stop, [this.#closing.signal, options.signal]);
    try {
      stop.signal.throwIfAborted();
      return await run({ query_id, abort_signal: stop.signal });
    } catch (error) {
      if (!stop.signal.aborted) throw toStoreError(error);
      if (!this.#closing.signal.aborted) this.#kill(query_id);
      const { reason } = stop.signal;
      if (reason instanceof StoreError) throw reason;
      throw new StoreError('STORE_UNAVAILABLE', 'the call was aborted', { cause: reason });
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }

  /** A server goes on with a query whose client has left. */
  #kill(queryId: string): void {
    this.#queries
      .command({ query: 'KILL QUERY WHERE query_id = {id:String} ASYNC', query_params: { id: queryId } })
      .catch(error => this.#logger.debug({ queryId, reason: String(error) }, 'could not kill a query'));
  }

  async #pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const stop = new AbortController();
    const unlink = link(stop, [this.#closing.signal, signal]);
    // The next attempt says why there is none.
    await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
    unlink();
  }
}

/** Aborts with any of the signals; what it returns undoes that, since they live longer than a call. */
function link(stop: AbortController, signals: readonly (AbortSignal | undefined)[]): () => void {
  const undo: (() => void)[] = [];
  for (const signal of signals) {
    const abort = () => stop.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    undo.push(() => signal?.removeEventListener('abort', abort));
  }
  return () => {
    for (const step of undo) step();
  };
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let byteLength = 0;
  for await (const chunk of stream) {
    byteLength += (chunk as Buffer).length;
    if (byteLength > MAX_RESULT_BYTES) {
      throw new StoreError('STORE_TOO_LARGE', `the result has more than ${MAX_RESULT_BYTES} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks, byteLength);
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
