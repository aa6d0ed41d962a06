/**
 * What may go wrong with the store (docs/errors.md).
 *
 * STORE_UNAVAILABLE  no connection, the server is starting, stopping, overloaded or short of memory; the same call may
 *                    succeed later
 * STORE_TIMEOUT      the query took longer than it was given
 * STORE_TOO_LARGE    the query wants more memory, rows or bytes than it was given
 * STORE_REJECTED     the server refused the statement or the block: it will refuse it again
 * STORE_SETUP        the server is not what the configuration says: login, rights, version, cluster, certificates
 * STORE_VERSION      the store's tables are newer than this program, or too old for it
 * STORE_ENGINE       the embedded engine cannot be started
 */
export type StoreErrorCode =
  | 'STORE_UNAVAILABLE'
  | 'STORE_TIMEOUT'
  | 'STORE_TOO_LARGE'
  | 'STORE_REJECTED'
  | 'STORE_SETUP'
  | 'STORE_VERSION'
  | 'STORE_ENGINE';

export interface StoreErrorDetails {
  readonly cause?: unknown;
  /** ClickHouse's own code and name: 60, UNKNOWN_TABLE. */
  readonly clickhouseCode?: number | undefined;
  readonly clickhouseType?: string | undefined;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  /** Whether the same call may succeed later without anyone changing it. */
  readonly retryable: boolean;
  readonly clickhouseCode: number | undefined;
  readonly clickhouseType: string | undefined;

  constructor(code: StoreErrorCode, message: string, details: StoreErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = code === 'STORE_UNAVAILABLE' || code === 'STORE_TIMEOUT';
    this.clickhouseCode = details.clickhouseCode;
    this.clickhouseType = details.clickhouseType;
  }
}
