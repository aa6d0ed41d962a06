/** From what a call of ClickHouse throws to a StoreError. */
import { StoreError, type StoreErrorCode } from './errors.js';
import { ServerError } from './server-error.js';

/** TIMEOUT_EXCEEDED, TOO_SLOW. */
const TIMEOUTS = new Set([159, 160]);

/** TOO_MANY_ROWS, SET_SIZE_LIMIT_EXCEEDED, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES. */
const TOO_LARGE = new Set([158, 191, 241, 307, 396]);
const MEMORY_LIMIT_EXCEEDED = 241;

/** Of the server and its surroundings, not of what it was asked. */
const PASSING = new Set([
  32, // ATTEMPT_TO_READ_AFTER_EOF: another server of the cluster went away
  74, // CANNOT_READ_FROM_FILE_DESCRIPTOR
  75, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
  76, // CANNOT_OPEN_FILE
  198, // DNS_ERROR
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  203, // NO_FREE_CONNECTION
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  236, // ABORTED
  242, // TABLE_IS_READ_ONLY
  243, // NOT_ENOUGH_SPACE
  246, // CORRUPTED_DATA: a part on its disk, as a full one leaves it; a block that is wrong is INCORRECT_DATA
  252, // TOO_MANY_PARTS
  254, // NO_ACTIVE_REPLICAS
  279, // ALL_CONNECTION_TRIES_FAILED
  285, // TOO_FEW_LIVE_REPLICAS
  286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
  289, // REPLICA_IS_NOT_IN_QUORUM
  319, // UNKNOWN_STATUS_OF_INSERT
  369, // ALL_REPLICAS_ARE_STALE
  373, // SESSION_IS_LOCKED
  394, // QUERY_WAS_CANCELLED
  425, // SYSTEM_ERROR
  439, // CANNOT_SCHEDULE_TASK
  745, // SERVER_OVERLOADED
  999, // KEEPER_EXCEPTION
  1001, // STD_EXCEPTION: the file system, mostly
]);

/** A server that is out of memory as a whole says so; that passes. */
const SERVER_MEMORY = /\(total\)|\(for server\)|overcommit/i;

export function toStoreError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // Whatever is not an answer of ClickHouse is a matter of the way there: refused, reset, a proxy's page.
  if (!(thrown instanceof ServerError)) return new StoreError('STORE_UNAVAILABLE', message, { cause: thrown });
  const { code: clickhouseCode, type: clickhouseType } = thrown;
  return new StoreError(storeCode(clickhouseCode, message), `${clickhouseType ?? clickhouseCode}: ${message}`, {
    cause: thrown,
    clickhouseCode,
    clickhouseType,
  });
}

function storeCode(code: number, message: string): StoreErrorCode {
  if (PASSING.has(code) || (code === MEMORY_LIMIT_EXCEEDED && SERVER_MEMORY.test(message))) return 'STORE_UNAVAILABLE';
  if (TIMEOUTS.has(code)) return 'STORE_TIMEOUT';
  return TOO_LARGE.has(code) ? 'STORE_TOO_LARGE' : 'STORE_REJECTED';
}
