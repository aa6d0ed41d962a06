/** One HTTP request of ClickHouse's interface, taken apart: query, data, settings, parameters. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { AUTHENTICATION_FAILED, BAD_ARGUMENTS, NOT_IMPLEMENTED } from './exceptions.js';

export interface EngineRequest {
  /** Text of the `query` parameter, '' without one: then the body is the query. */
  readonly query: string;
  readonly database: string | undefined;
  readonly queryId: string | undefined;
  readonly sessionId: string | undefined;
  readonly defaultFormat: string | undefined;
  readonly acceptsGzip: boolean;
  /** ClickHouse settings of this query, and `param_…` values, as text. */
  readonly settings: ReadonlyMap<string, string>;
}

/** Parameters of the interface that are no settings. */
const OF_THE_INTERFACE = new Set([
  'query',
  'database',
  'default_format',
  'query_id',
  'session_id',
  'session_timeout',
  'session_check',
  'user',
  'password',
  'quota_key',
  'role',
  'compress',
  'decompress',
  'enable_http_compression',
  'wait_end_of_query',
  'buffer_size',
  'stacktrace',
  'add_http_cors_header',
  'send_progress_in_http_headers',
  'http_wait_end_of_query',
  'http_headers_progress_interval_ms',
  'client_protocol_version',
  'close_session',
]);

/** Settings that would let a query reach out of the process, or that belong to it. */
const REFUSED_SETTINGS = /^(log_.*|query_profiler.*|allow_introspection_functions|min_bytes_to_use_mmap_io)$/;

export function parseRequest(message: IncomingMessage): EngineRequest {
  const { searchParams } = new URL(message.url ?? '/', 'http://engine');
  requireDefaultUser(message, searchParams);
  if (searchParams.get('compress') === '1' || searchParams.get('decompress') === '1') {
    throw NOT_IMPLEMENTED("ClickHouse's own compression is not available here; use Content-Encoding and gzip");
  }
  const settings = new Map<string, string>();
  for (const [name, value] of searchParams) {
    if (OF_THE_INTERFACE.has(name)) continue;
    if (!/^\w+$/.test(name)) throw BAD_ARGUMENTS(`no such setting: ${name}`);
    if (!REFUSED_SETTINGS.test(name)) settings.set(name, value);
  }
  const header = (name: string) => message.headers[name]?.toString();
  return {
    query: searchParams.get('query') ?? '',
    database: searchParams.get('database') ?? header('x-clickhouse-database'),
    queryId: searchParams.get('query_id') ?? undefined,
    sessionId: searchParams.get('session_id') ?? undefined,
    defaultFormat: searchParams.get('default_format') ?? header('x-clickhouse-format'),
    acceptsGzip:
      searchParams.get('enable_http_compression') === '1' && /\bgzip\b/.test(header('accept-encoding') ?? ''),
    settings,
  };
}

/** The embedded engine has one user, `default`, without a password, as a fresh server does. */
function requireDefaultUser(message: IncomingMessage, parameters: URLSearchParams): void {
  const basic = /^Basic (.+)$/i.exec(message.headers.authorization ?? '')?.[1];
  const [basicUser, basicPassword] = basic === undefined ? [] : Buffer.from(basic, 'base64').toString().split(/:(.*)/s);
  const user = message.headers['x-clickhouse-user'] ?? parameters.get('user') ?? basicUser ?? '';
  const password = message.headers['x-clickhouse-key'] ?? parameters.get('password') ?? basicPassword ?? '';
  if ((user === '' || user === 'default') && password === '') return;
  throw AUTHENTICATION_FAILED(
    `${user}: Authentication failed: the embedded engine has only the user default, without a password.`,
  );
}

/** The body, inflated. */
export function bodyOf(message: IncomingMessage): Readable {
  const encoding = message.headers['content-encoding']?.toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return message;
  if (encoding !== 'gzip') throw NOT_IMPLEMENTED(`content encoding ${encoding} is not available here; use gzip`);
  const gunzip = createGunzip();
  // Its error reaches whoever reads the inflated stream.
  pipeline(message, gunzip).catch(() => {});
  return gunzip;
}

export async function readText(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let byteLength = 0;
  for await (const chunk of body) {
    byteLength += (chunk as Buffer).length;
    if (byteLength > maxBytes) throw BAD_ARGUMENTS(`a query in the body may have ${maxBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
