/** ClickHouse's HTTP interface in front of an Executor. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { bodyOf, readBytes } from './body.js';
import { QUERY_IS_TOO_LARGE } from './exceptions.js';
import type { Executor, Job } from './executor.js';
import { contentTypeOf } from './formats.js';
import { QUERY_ID } from './query-id.js';
import { type EngineRequest, parseRequest, readMultipart, utf8 } from './request.js';
import { ResultWriter } from './response.js';
import type { Spool } from './spool.js';
import { insertFromFile, parseStatement, type Statement, withQueryId } from './statement.js';

export interface EngineServerOptions {
  readonly executor: Executor;
  /** Inserted data is spooled here. It must be the process's working directory: the engine finds files by name alone. */
  readonly spoolDirectory: string;
  readonly spool: Spool;
  readonly database: string;
  readonly version: string;
  /** Tells who asks whether this is the engine it thinks it is. */
  readonly identity: string;
  /** Of the one user; '' where none is needed. */
  readonly passwordSha256: string;
}

/** Clients close idle connections before this (`idle_socket_ttl`), as with a server's default. */
const KEEP_ALIVE_MS = 10_000;
const MAX_CONNECTIONS = 1_024;
/** As far into a body the end of an INSERT's own text is looked for. */
const HEAD_BYTES = 1 << 20;
const MAX_QUERY_BYTES = 16 << 20;
const DEFAULT_FORMAT = 'TabSeparated';

export function createEngineServer(options: EngineServerOptions): Server {
  const server = createServer((request, response) => {
    void answer(request, response, options);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  // A long insert is not a slow client.
  server.requestTimeout = 0;
  return server;
}

async function answer(message: IncomingMessage, response: ServerResponse, options: EngineServerOptions): Promise<void> {
  response.setHeader('X-Throughline-Engine', options.identity);
  const [path, search = ''] = (message.url ?? '/').split('?', 2);
  if (path !== '/' && path !== '/ping') {
    notFound(response, path);
    return;
  }
  if (path === '/ping' || (message.method === 'GET' && !/\bquery=/.test(search))) {
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8').end('Ok.\n');
    return;
  }
  await answerQuery(message, response, options);
}

async function answerQuery(message: IncomingMessage, response: ServerResponse, options: EngineServerOptions) {
  const left = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) left.abort();
  });
  let writer = new ResultWriter(response, false);
  try {
    const request = parseRequest(message, options.passwordSha256);
    writer = new ResultWriter(response, request.acceptsGzip);
    const queryId = request.queryId ?? randomUUID();
    response.setHeader('X-ClickHouse-Query-Id', queryId);
    const { statement, data } = await readStatement(message, request);
    const format = statement.format ?? request.defaultFormat ?? DEFAULT_FORMAT;
    response.setHeader('X-ClickHouse-Format', format);
    response.setHeader('Content-Type', contentTypeOf(format));
    const job = {
      statement,
      database: request.database ?? options.database,
      defaultFormat: request.defaultFormat ?? DEFAULT_FORMAT,
      settings: request.settings,
      queryId,
      sessionId: request.sessionId,
      role: request.role,
      mayStream: !request.waitsForEnd,
      signal: left.signal,
      write: (bytes: Uint8Array) => writer.write(bytes),
    };
    const counts = await (data === undefined
      ? options.executor.execute({ ...job, sql: utf8(textOf(statement)) })
      : insert(job, data, options));
    await writer.end(statement.verb, counts);
  } catch (error) {
    await writer.fail(error, options.version);
    // A body not read to its end would be taken for the next request.
    message.resume();
  }
}

/** Queries that are to be killed are looked for by the id that their client gave them. */
function textOf(statement: Statement): string {
  return statement.verb === 'KILL' ? withQueryId(statement, QUERY_ID) : statement.text;
}

/** The data of an INSERT: what came with its text, and the rest of the body. */
interface InsertData {
  readonly first: Buffer;
  readonly rest: AsyncIterator<Buffer>;
}

async function insert(
  job: Omit<Job, 'sql'>,
  { first, rest }: InsertData,
  { executor, spoolDirectory, spool }: EngineServerOptions,
) {
  const name = randomUUID();
  return spool.with(first, rest, join(spoolDirectory, name), () =>
    executor.execute({ ...job, sql: utf8(insertFromFile(job.statement, name)) }),
  );
}

/** The query is in the URL, in the body, in both one after the other, or a part of a form. */
async function readStatement(message: IncomingMessage, request: EngineRequest) {
  const rest = bodyOf(message);
  const contentType = message.headers['content-type'] ?? '';
  if (contentType.startsWith('multipart/form-data')) {
    const parts = readMultipart(contentType, await readWhole(rest, Buffer.alloc(0)));
    for (const [name, value] of parts) if (name !== 'query') request.settings.set(name, utf8(value));
    return { statement: parseStatement(parts.get('query') ?? request.query), data: undefined };
  }
  const text = request.query;
  const inserted = /^\s*INSERT\b/i.test(text) ? parseStatement(text) : undefined;
  if (inserted?.dataAt !== undefined) return withData(inserted, text, rest);
  const head = await readBytes(rest, HEAD_BYTES);
  const isWhole = head.length < HEAD_BYTES;
  const joined = text === '' ? head.toString('latin1') : `${text}\n${head.toString('latin1')}`;
  // What an INSERT has beyond its own text may be of any size, and binary.
  if (isWhole || /^\s*INSERT\b/i.test(joined)) {
    const statement = parseStatement(joined);
    if (statement.dataAt !== undefined) return withData(statement, joined, rest);
    if (isWhole) return { statement, data: undefined };
  }
  return { statement: parseStatement(await readWhole(rest, Buffer.from(joined, 'latin1'))), data: undefined };
}

function withData(statement: Statement, text: string, rest: AsyncIterator<Buffer>) {
  return { statement, data: { first: Buffer.from(text.slice(statement.dataAt), 'latin1'), rest } };
}

async function readWhole(body: AsyncIterator<Buffer>, first: Buffer): Promise<string> {
  const more = await readBytes(body, MAX_QUERY_BYTES);
  if (more.length >= MAX_QUERY_BYTES) throw QUERY_IS_TOO_LARGE(`A query may have ${MAX_QUERY_BYTES} bytes here`);
  return Buffer.concat([first, more]).toString('latin1');
}

function notFound(response: ServerResponse, path: string): void {
  response.statusCode = 404;
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.end(
    `There is no handle ${path}\n\nUse / or /ping for health checks.\nSend queries from your program with POST method or GET /?query=...\n`,
  );
}
