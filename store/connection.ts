/** How a ClickHouse is reached: address, login, TLS, compression. What is secret here is in no message and no log. */
import { readFileSync } from 'node:fs';
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

/** `share` is the part of the connections that may be opened. */
export function connectionsOf({ maxConnections = DEFAULT_CONNECTIONS }: Connection, share: number): number {
  return Math.ceil(maxConnections * share);
}

/** The `Authorization` header: from the options, else from the URL, else ClickHouse's own default. */
export function loginOf({ url, username, password }: Connection): string {
  const inUrl = new URL(url);
  const user = username ?? (decodeURIComponent(inUrl.username) || 'default');
  const secret = password ?? decodeURIComponent(inUrl.password);
  return `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
}

/** As Node's TLS takes it. */
export function tlsOf({ tls }: Connection): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  if (tls?.caFile === undefined) return {};
  const ca = readPem(tls.caFile);
  if (tls.certFile === undefined || tls.keyFile === undefined) return { ca };
  return { ca, cert: readPem(tls.certFile), key: readPem(tls.keyFile) };
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
