/** Errors of the first contact with a server that no waiting cures, in words for whoever set it up. */
import { type Connection, displayUrl } from './connection.js';
import { StoreError } from './errors.js';

const LOGIN = new Set([
  192, // UNKNOWN_USER
  193, // WRONG_PASSWORD
  194, // REQUIRED_PASSWORD
  516, // AUTHENTICATION_FAILED
]);
const RIGHTS = new Set([
  164, // READONLY
  497, // ACCESS_DENIED
]);
const KEEPER = new Set([
  225, // NO_ZOOKEEPER
  392, // QUERY_IS_PROHIBITED: there is no distributed DDL
]);
const REPLICA_ALREADY_EXISTS = 253;
const TLS = /^ERR_(SSL|TLS)_|CERT|SELF_SIGNED|^UNABLE_TO_|^HOSTNAME_MISMATCH$/;

/** The error, or a STORE_SETUP that says what to do about it. */
export function explainSetup(error: StoreError, connection: Connection, role = 'store.clickhouse'): StoreError {
  const advice = adviceOn(error, connection, role);
  return advice === undefined ? error : setupError(`${displayUrl(connection.url)}: ${advice}`, error);
}

export function setupError(message: string, cause?: unknown): StoreError {
  return new StoreError('STORE_SETUP', message, { cause });
}

function adviceOn(error: StoreError, { username = 'default', cluster }: Connection, role: string): string | undefined {
  const { clickhouseCode = 0, message } = error;
  if (LOGIN.has(clickhouseCode)) {
    return `the server does not let user ${username} in: check ${role}.username and .password, and the hosts it may come from`;
  }
  if (RIGHTS.has(clickhouseCode)) {
    return `user ${username} lacks rights; grant what docs/clickhouse.md lists, or run throughline migrate as one who has them: ${message}`;
  }
  if (KEEPER.has(clickhouseCode)) {
    return `the cluster ${cluster} needs ClickHouse Keeper and distributed_ddl in its servers' configuration: ${message}`;
  }
  if (clickhouseCode === REPLICA_ALREADY_EXISTS) {
    return `Keeper still has tables of this name: the database was dropped without SYNC, or two servers share their macros: ${message}`;
  }
  const code = tlsCodeOf(error);
  return code === undefined
    ? undefined
    : `TLS failed (${code}): check the URL and store.clickhouse.tls (caFile of the authority that signed the server's certificate; certFile and keyFile if the server asks for one)`;
}

function tlsCodeOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause ? String(cause.code) : '';
    if (!(cause instanceof StoreError) && TLS.test(code)) return code;
  }
  return undefined;
}
