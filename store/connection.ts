/** How a ClickHouse is reached: address, login, TLS, compression. What is secret here is in no message and no log. */
import { readFileSync } from 'node:fs';
import { ClickHouseLogLevel, type createClient } from '@clickhouse/client';
import { StoreError } from './errors.js';

export interface TlsFiles {
  /** PEM file of the authority that signed the server's certificate; without it those that Node knows. */
  readonly caFile?: string | undefined;
  /** PEM files of a certificate to show to the server, and of its key. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface Connection {
  /** Of the HTTP interface: `http://127.0.0.1:8123`. */
  readonly url: string;
  readonly database: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Of requests and answers; none. */
  readonly compression?: 'none' | 'gzip' | undefined;
  /** How long one attempt of anything may take that was not given a time of its own; 2 min. */
  readonly requestTimeoutMs?: number | undefined;
  /** For queries; inserts have a quarter as many of their own. 32. */
  readonly maxConnections?: number | undefined;
  /** Name of the cluster whose replicated and distributed tables these are (docs/clickhouse.md). */
  readonly cluster?: string | undefined;
  /** On a cluster: replicas that hold an insert before it counts; a majority. */
  readonly insertQuorum?: number | 'auto' | undefined;
}

export const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_CONNECTIONS = 32;
/** Of the client itself: above any timeout of ours, which also kills the query. */
const CLIENT_TIMEOUT_MS = 3_600_000;
/** Servers close idle connections after 10 s and more; whoever closes first must be us. */
const IDLE_SOCKET_MS = 2_500;
/** Measured on blocks of real spans: a fifth of the bytes; level 6 makes 5 % less of it for 2.5 times the CPU. */
const GZIP_LEVEL = 1;

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;

/** Options of the ClickHouse client; `share` is the part of the connections that it may open. */
export function clientOptions(connection: Connection, share = 1): ClientOptions {
  const { url, username, password, tls, compression, maxConnections = DEFAULT_CONNECTIONS } = connection;
  return {
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && tlsOptions(tls)),
    ...(compression === 'gzip' && {
      compression: { request: { codec: 'gzip', level: GZIP_LEVEL }, response: true },
    }),
    application: 'throughline',
    request_timeout: CLIENT_TIMEOUT_MS,
    max_open_connections: Math.ceil(maxConnections * share),
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_MS },
    // Large parameters go into the body: a URL may have 4 to 8 kB on its way.
    use_multipart_params_auto: true,
    log: { level: ClickHouseLogLevel.OFF },
  };
}

function tlsOptions({ caFile, certFile, keyFile }: TlsFiles): Pick<ClientOptions, 'tls'> {
  if (caFile === undefined) return {};
  const ca_cert = readPem(caFile);
  if (certFile === undefined || keyFile === undefined) return { tls: { ca_cert } };
  return { tls: { ca_cert, cert: readPem(certFile), key: readPem(keyFile) } };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StoreError('STORE_SETUP', `cannot read ${path} (store.clickhouse.tls)`, { cause: error });
  }
}

/** The address for people to read: without a login, and without what follows the path. */
export function displayUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
