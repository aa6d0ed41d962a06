/** The store as other rooms see it: one ClickHouse, embedded or not, behind one client code path. */

/** Layout that protobuf and Native share: LEB128 length + UTF-8, `count` times, in the first `byteLength` bytes. */
export interface NativeStrings {
  readonly bytes: Uint8Array;
  readonly byteLength: number;
  readonly count: number;
}

/**
 * One column's data, without per-row objects. Numbers are little-endian as in memory; a fixed column's bytes are
 * exactly `width × rows` long (or longer: only that much is written).
 */
export type NativeData =
  | { readonly kind: 'fixed'; readonly width: number; readonly bytes: Uint8Array }
  | { readonly kind: 'string'; readonly values: NativeStrings }
  /** Index 0 of the dictionary is ''. `indexes` has one entry a row. */
  | { readonly kind: 'lowCardinality'; readonly dictionary: NativeStrings; readonly indexes: Uint32Array }
  /** `ends[i]` is the cumulative number of elements after row i. `element` has `ends[rows - 1]` rows. */
  | { readonly kind: 'array'; readonly ends: BigUint64Array; readonly element: NativeData }
  | { readonly kind: 'map'; readonly ends: BigUint64Array; readonly keys: NativeData; readonly values: NativeData };

export interface NativeColumn {
  readonly name: string;
  /** The ClickHouse type, as in the table: `Map(LowCardinality(String), String)`. */
  readonly type: string;
  readonly data: NativeData;
}

export type QueryParameter = string | number | bigint | readonly QueryParameter[];
export type QueryParameters = Readonly<Record<string, QueryParameter>>;

export interface QueryOptions {
  /** Passed as ClickHouse settings of this query. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Milliseconds after which the query is given up and killed. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** The one role whose rights the query is content with. */
  readonly role?: string | undefined;
}

export interface Store {
  readonly database: string;
  /** Set where the tables are distributed over its shards (store/cluster.ts). */
  readonly cluster?: string | undefined;
  /** Rows as objects (JSONEachRow): 64-bit integers come as strings, times as ISO-like text. Parameters bind `{name:Type}`. */
  query<Row>(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<Row[]>;
  /** Rows as arrays in column order (JSONCompactEachRow): for reading many rows at once. */
  queryRows(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<unknown[][]>;
  /** The result as the server formats it, not parsed. `sql` must not contain a FORMAT clause. */
  queryRaw(
    sql: string,
    format: string,
    parameters?: QueryParameters,
    options?: QueryOptions,
  ): Promise<{ body: Uint8Array; contentType: string }>;
  /** A statement without a result (DDL, INSERT … SELECT). */
  command(sql: string, parameters?: QueryParameters, options?: QueryOptions): Promise<void>;
  /**
   * Inserts one block; resolves once it is durable. Retries the identical block on transient failure until `signal`
   * aborts; all tables tolerate a repeated insert. Rejects with a StoreError: `retryable` false means the block is wrong.
   */
  insert(table: string, columns: readonly NativeColumn[], rows: number, signal?: AbortSignal): Promise<void>;
  ping(): Promise<boolean>;
  close(): Promise<void>;
}
