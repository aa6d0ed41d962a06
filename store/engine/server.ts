/** ClickHouse's HTTP interface in front of an Executor. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzip } from 'node:zlib';
import { codeOf, messageOf, statusOf } from './exceptions.js';
import type { EngineResult, Executor } from './executor.js';
import { contentTypeOf } from './formats.js';
import { bodyOf, type EngineRequest, parseRequest, readText } from './request.js';
import { insertFromFile, parseStatement, type Statement } from './statement.js';

export interface EngineServerOptions {
  readonly executor: Executor;
  /** Inserted data is spooled here: binary, and never in this process's memory. */
  readonly spoolDirectory: string;
  readonly database: string;
  readonly version: string;
  /** Tells who asks whether this is the engine it thinks it is. */
  readonly identity: string;
}

/** Clients close idle connections before this (`idle_socket_ttl`), as with a server's default. */
const KEEP_ALIVE_MS = 10_000;
const MAX_QUERY_BYTES = 16 << 20;
const DEFAULT_FORMAT = 'TabSeparated';

export function createEngineServer(options: EngineServerOptions): Server {
  const server = createServer((request, response) => {
    void answer(request, response, options);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // A long insert is not a slow client.
  server.requestTimeout = 0;
  return server;
}

async function answer(message: IncomingMessage, response: ServerResponse, options: EngineServerOptions): Promise<void> {
  response.setHeader('X-Throughline-Engine', options.identity);
  const path = message.url?.split('?', 1)[0];
  const isGreeting = message.method === 'GET' && !message.url?.includes('query=');
  if (isGreeting && (path === '/ping' || path === '/')) {
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8').end('Ok.\n');
    return;
  }
  let queryId: string = randomUUID();
  try {
    const request = parseRequest(message);
    queryId = request.queryId ?? queryId;
    response.setHeader('X-ClickHouse-Query-Id', queryId);
    const { statement, result, format } = await execute(message, request, options);
    response.setHeader('X-ClickHouse-Format', format);
    response.setHeader('X-ClickHouse-Summary', summary(statement, result));
    response.setHeader('Content-Type', contentTypeOf(format));
    await send(response, result.bytes, request.acceptsGzip);
  } catch (error) {
    // A body not read to its end would be taken for the next request.
    message.resume();
    refuse(response, error, options.version);
  }
}

async function execute(
  message: IncomingMessage,
  request: EngineRequest,
  options: EngineServerOptions,
): Promise<{ statement: Statement; result: EngineResult; format: string }> {
  const body = bodyOf(message);
  const execution = {
    database: request.database ?? options.database,
    settings: readonlyForGet(message, request),
    sessionId: request.sessionId,
  };
  if (request.query !== '' && /^\s*INSERT\b/i.test(request.query) && message.method === 'POST') {
    const statement = parseStatement(request.query);
    if (!/\bSELECT\b/i.test(statement.bare) && !/\)\s*$/.test(statement.bare)) {
      const path = join(options.spoolDirectory, randomUUID());
      try {
        await pipeline(body, createWriteStream(path));
        const format = statement.format ?? DEFAULT_FORMAT;
        const sql = insertFromFile(statement, path);
        const result = await options.executor.execute(statement, sql, { ...execution, format });
        return { statement, result, format };
      } finally {
        await unlink(path).catch(() => {});
      }
    }
  }
  const rest = await readText(body, MAX_QUERY_BYTES);
  const statement = parseStatement(request.query === '' ? rest : `${request.query}\n${rest}`);
  const format = statement.format ?? request.defaultFormat ?? DEFAULT_FORMAT;
  const result = await options.executor.execute(statement, statement.text, { ...execution, format });
  return { statement, result, format };
}

/** A GET changes nothing, as in ClickHouse: it may set what it likes but `readonly`. */
function readonlyForGet(message: IncomingMessage, { settings }: EngineRequest): ReadonlyMap<string, string> {
  if (message.method !== 'GET' || (settings.get('readonly') ?? '0') !== '0') return settings;
  return new Map([...settings, ['readonly', '2']]);
}

function summary(statement: Statement, { rowsRead, bytesRead, elapsedSeconds }: EngineResult): string {
  const isInsert = statement.verb === 'INSERT';
  return JSON.stringify({
    read_rows: String(isInsert ? 0 : rowsRead),
    read_bytes: String(isInsert ? 0 : bytesRead),
    written_rows: String(isInsert ? rowsRead : 0),
    written_bytes: String(isInsert ? bytesRead : 0),
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: '0',
    elapsed_ns: String(Math.round(elapsedSeconds * 1e9)),
  });
}

async function send(response: ServerResponse, bytes: Uint8Array, isGzipped: boolean): Promise<void> {
  if (!isGzipped) {
    response.end(bytes);
    return;
  }
  const zipped = await new Promise<Buffer>((resolve, reject) => {
    gzip(bytes, { level: 1 }, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
  response.setHeader('Content-Encoding', 'gzip').end(zipped);
}

function refuse(response: ServerResponse, error: unknown, version: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const code = codeOf(error);
  response.statusCode = statusOf(code);
  response.setHeader('X-ClickHouse-Exception-Code', String(code));
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.end(`${messageOf(error)} (version ${version} (official build))\n`);
}
