/** One HTTP request of ClickHouse's interface, taken apart: query, settings, parameters. */
import type { IncomingMessage } from 'node:http';
import { AUTHENTICATION_FAILED, BAD_ARGUMENTS, NOT_IMPLEMENTED } from './exceptions.js';
import { ENGINE_USER, isPassword } from './login.js';

export interface EngineRequest {
  /** Of the `query` parameter, Latin-1 of its bytes; '' without one: then the body is the query. */
  readonly query: string;
  readonly database: string | undefined;
  readonly queryId: string | undefined;
  readonly sessionId: string | undefined;
  /** The one role whose rights the query is content with. */
  readonly role: string | undefined;
  readonly defaultFormat: string | undefined;
  readonly acceptsGzip: boolean;
  /** Nothing is sent before the query has ended. */
  readonly waitsForEnd: boolean;
  /** ClickHouse settings of this query, and `param_…` values, as text. */
  readonly settings: Map<string, string>;
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
  'http_wait_end_of_query',
  'buffer_size',
  'stacktrace',
  'add_http_cors_header',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'client_protocol_version',
  'close_session',
]);

/** Throws an EngineException where the login is wrong, or something is asked for that is not there. */
export function parseRequest(message: IncomingMessage, passwordSha256: string): EngineRequest {
  const { searchParams } = new URL(message.url ?? '/', 'http://engine');
  requireLogin(message, searchParams, passwordSha256);
  const isOn = (name: string) => /^(1|true)$/i.test(searchParams.get(name) ?? '');
  if (isOn('compress') || isOn('decompress')) {
    throw NOT_IMPLEMENTED("ClickHouse's own compression is not available here; use Content-Encoding with gzip");
  }
  const settings = new Map([...searchParams].filter(([name]) => !OF_THE_INTERFACE.has(name)));
  const isReadonly = (settings.get('readonly') ?? '0') !== '0';
  // As in ClickHouse a GET changes nothing, but may set what it likes.
  if (message.method === 'GET' && !isReadonly) settings.set('readonly', '2');
  const header = (name: string) => message.headers[name]?.toString();
  return {
    query: latin1(searchParams.get('query') ?? ''),
    database: searchParams.get('database') ?? header('x-clickhouse-database'),
    queryId: searchParams.get('query_id') ?? undefined,
    sessionId: searchParams.get('session_id') ?? undefined,
    role: searchParams.get('role') ?? undefined,
    defaultFormat: searchParams.get('default_format') ?? header('x-clickhouse-format'),
    acceptsGzip: isOn('enable_http_compression') && /\bgzip\b/.test(header('accept-encoding') ?? ''),
    waitsForEnd: isOn('wait_end_of_query') || isOn('http_wait_end_of_query'),
    settings,
  };
}

/** One user, and its password in any of the ways in which ClickHouse takes one. */
function requireLogin(message: IncomingMessage, parameters: URLSearchParams, passwordSha256: string): void {
  const basic = /^Basic (.+)$/i.exec(message.headers.authorization ?? '')?.[1];
  const [basicUser, basicPassword] = basic === undefined ? [] : Buffer.from(basic, 'base64').toString().split(/:(.*)/s);
  const user = String(message.headers['x-clickhouse-user'] ?? parameters.get('user') ?? basicUser ?? '');
  const password = String(message.headers['x-clickhouse-key'] ?? parameters.get('password') ?? basicPassword ?? '');
  const isRight = passwordSha256 === '' ? password === '' : isPassword(password, passwordSha256);
  if ((user === '' || user === ENGINE_USER) && isRight) return;
  throw AUTHENTICATION_FAILED(
    `${user}: Authentication failed: password is incorrect, or there is no user with such name`,
  );
}

/**
 * The parts of a `multipart/form-data` body: the query, and parameters that were too long for the URL. `body` is Latin-1
 * of its bytes. The boundary cannot be in a part, or it would not be one.
 */
export function readMultipart(contentType: string, body: string): ReadonlyMap<string, string> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) throw BAD_ARGUMENTS('multipart/form-data without a boundary');
  const parts = new Map<string, string>();
  for (const part of `\r\n${body}`.split(`\r\n--${boundary}`).slice(1, -1)) {
    const headersEnd = part.indexOf('\r\n\r\n');
    const name = /\bname="([^"]*)"/i.exec(part.slice(0, headersEnd))?.[1];
    if (headersEnd < 0 || name === undefined) throw BAD_ARGUMENTS('a part of multipart/form-data has no name');
    parts.set(name, part.slice(headersEnd + 4));
  }
  return parts;
}

export function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The text whose bytes a Latin-1 string stands for. */
export function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
