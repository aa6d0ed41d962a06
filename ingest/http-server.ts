import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Answer, Signal } from './accept.js';
import { encodeAnswer, encodeRefusal, type Format } from './answers.js';
import { inflaterFor, overloaded, readBody, tooLarge } from './body.js';
import { allowBrowsers } from './cors.js';
import { IngestError, VERDICTS } from './errors.js';
import type { Lease } from './in-flight.js';
import { type Listener, listen } from './listen.js';
import type { Receiver } from './receiver.js';
import type { TlsMaterial } from './tls.js';
import { UnderWay } from './under-way.js';

const SIGNAL_PATHS: ReadonlyMap<string, Signal> = new Map([
  ['/v1/traces', 'traces'],
  ['/v1/metrics', 'metrics'],
  ['/v1/logs', 'logs'],
]);

/** Longer than the idle time of common load balancers, so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;

/** A media type and its parameters, as RFC 9110 writes them: what may be echoed. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+-]*"))*$/;

export interface HttpOptions {
  readonly tls: TlsMaterial | undefined;
  readonly corsOrigins: readonly string[];
}

/** OTLP/HTTP. Logging is the receiver's: nothing is logged per request. */
export function createHttpServer(receiver: Receiver, options: HttpOptions): Listener {
  return new HttpServer(receiver, options);
}

class HttpServer implements Listener {
  private readonly receiver: Receiver;
  private readonly underWay = new UnderWay();
  private readonly server: http.Server;
  private readonly routes: FastifyInstance;

  constructor(receiver: Receiver, { tls, corsOrigins }: HttpOptions) {
    this.receiver = receiver;
    this.routes = createRoutes(receiver, corsOrigins, handler => makeNodeServer(receiver, tls, handler));
    this.server = this.routes.server;
    this.server.prependListener('request', (request, response) => this.watch(request.socket, response));
  }

  async listen(host: string, port: number): Promise<number> {
    await this.routes.ready();
    return listen(this.server, host, port, 'ingest.http.port');
  }

  async close(): Promise<void> {
    // Ends idle connections too; what is left afterwards has never sent a whole request.
    const stopped = new Promise<void>(resolve => this.server.close(() => resolve()));
    await this.underWay.idle(this.receiver.drainTimeoutMs);
    this.server.closeAllConnections();
    await stopped;
    await this.routes.close();
  }

  /** A response that waits behind another one never closes if the connection does, so the socket is watched too. */
  private watch(socket: Socket, response: http.ServerResponse): void {
    const endRequest = this.underWay.begin();
    const end = () => {
      response.off('close', end);
      socket.off('close', end);
      endRequest();
    };
    response.once('close', end);
    // As many listeners as a client sends requests without waiting for answers.
    socket.setMaxListeners(0).once('close', end);
  }
}

type MakeServer = (handler: http.RequestListener) => http.Server;

function createRoutes(receiver: Receiver, corsOrigins: readonly string[], serverFactory: MakeServer): FastifyInstance {
  const server = fastify({
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    serverFactory,
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket),
    frameworkErrors: (_error, request, reply) =>
      refuse(receiver, request, reply, new IngestError('INGEST_NOT_FOUND', 'no such path')),
  });
  // Bodies are read by the handler, under the receiver's limits.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));
  allowBrowsers(server, corsOrigins, [...SIGNAL_PATHS.keys()]);
  for (const [path, signal] of SIGNAL_PATHS) {
    server.post(path, (request, reply) => exportSignal(receiver, signal, request, reply));
  }
  server.setNotFoundHandler((request, reply) => refuse(receiver, request, reply, noSuchRoute(request, reply)));
  server.setErrorHandler((error, request, reply) => refuse(receiver, request, reply, fromFramework(error)));
  return server;
}

function makeNodeServer(receiver: Receiver, tls: TlsMaterial | undefined, handler: http.RequestListener): http.Server {
  const { headersTimeoutMs, bodyTimeoutMs, maxConnections } = receiver.limits;
  const limits: http.ServerOptions = {
    headersTimeout: headersTimeoutMs,
    // The body's own timer answers first; this one ends connections whose refused body never stops.
    requestTimeout: headersTimeoutMs + 2 * bodyTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(5_000, headersTimeoutMs / 2)),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  };
  const server =
    tls === undefined
      ? http.createServer(limits, handler)
      : https.createServer({ ...limits, ...tlsOptions(tls) }, handler);
  server.maxConnections = maxConnections;
  return server;
}

function tlsOptions({ cert, key, clientCa }: TlsMaterial): https.ServerOptions {
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}

async function exportSignal(
  receiver: Receiver,
  signal: Signal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const lease = receiver.inFlight.lease();
  try {
    const format = requireFormat(request);
    receiver.throwIfClosing();
    const sender = receiver.senders.identify(request.headers.authorization);
    sender.quota.admit();
    const answer = await acceptBody(receiver, request, lease, body =>
      receiver.acceptor.accept(signal, body, format, sender, lease),
    );
    receiver.answered('http', '200');
    if (receiver.isClosing) reply.header('connection', 'close');
    return reply
      .code(200)
      .header('content-type', contentTypeOf(request))
      .send(encodeAnswer(signal, answer, format));
  } catch (thrown) {
    return refuse(receiver, request, reply, thrown);
  } finally {
    lease.release();
  }
}

/** Not an async function, for the reason that `Acceptor.accept` gives. */
function acceptBody(
  receiver: Receiver,
  request: FastifyRequest,
  lease: Lease,
  accept: (body: Buffer) => Promise<Answer>,
): Promise<Answer> {
  return readRequestBody(receiver, request, lease).then(body => {
    lease.resize(body.length);
    return accept(body);
  });
}

function readRequestBody(receiver: Receiver, request: FastifyRequest, lease: Lease): Promise<Buffer> {
  const { maxRequestBytes, bodyTimeoutMs } = receiver.limits;
  const inflater = inflaterFor(request.headers['content-encoding']);
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes > maxRequestBytes) throw tooLarge(maxRequestBytes);
  if (!receiver.inFlight.hasRoomFor(announcedBytes)) throw overloaded();
  return readBody(request.raw, { inflater, limitBytes: maxRequestBytes, timeoutMs: bodyTimeoutMs, lease });
}

function formatOf(contentType: string | undefined): Format | undefined {
  if (contentType === undefined) return undefined;
  const parameters = contentType.indexOf(';');
  const mediaType = (parameters < 0 ? contentType : contentType.slice(0, parameters)).trim().toLowerCase();
  if (mediaType === 'application/x-protobuf') return 'protobuf';
  return mediaType === 'application/json' ? 'json' : undefined;
}

function requireFormat(request: FastifyRequest): Format {
  const format = formatOf(request.headers['content-type']);
  if (format !== undefined) return format;
  throw new IngestError(
    'INGEST_UNSUPPORTED_MEDIA_TYPE',
    'the content type must be application/x-protobuf or application/json',
  );
}

/** The request's content type, parameters included (checklist 2); the bare JSON type where it had none we speak. */
function contentTypeOf(request: FastifyRequest): string {
  const contentType = request.headers['content-type'];
  const format = formatOf(contentType);
  if (format === undefined || contentType === undefined) return 'application/json';
  if (MEDIA_TYPE.test(contentType)) return contentType;
  return format === 'json' ? 'application/json' : 'application/x-protobuf';
}

function refuse(receiver: Receiver, request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = receiver.refused('http', thrown);
  const { httpStatus, rpc, retryable } = error.verdict;
  const format = formatOf(request.headers['content-type']) ?? 'json';
  const delaySeconds = retryable ? receiver.retryDelaySeconds() : 0;
  if (retryable) reply.header('retry-after', String(delaySeconds));
  if (error.code === 'INGEST_UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
  // A body that comes too slowly will not end sooner for being thrown away.
  if (error.code === 'INGEST_BODY_TIMEOUT' || receiver.isClosing) reply.header('connection', 'close');
  return reply
    .code(httpStatus)
    .header('content-type', contentTypeOf(request))
    .send(encodeRefusal(rpc, error.message, delaySeconds, format));
}

function noSuchRoute(request: FastifyRequest, reply: FastifyReply): IngestError {
  const query = request.url.indexOf('?');
  const path = query < 0 ? request.url : request.url.slice(0, query);
  if (!SIGNAL_PATHS.has(path)) {
    return new IngestError('INGEST_NOT_FOUND', `no such path; there are: ${[...SIGNAL_PATHS.keys()].join(', ')}`);
  }
  reply.header('allow', 'POST');
  return new IngestError('INGEST_METHOD_NOT_ALLOWED', 'the method must be POST');
}

/** What fastify itself refuses (a content type it cannot parse, a header out of order) is the client's fault. */
function fromFramework(error: unknown): unknown {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (status === 415) return new IngestError('INGEST_UNSUPPORTED_MEDIA_TYPE', 'the content type cannot be parsed');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new IngestError('INGEST_UNDECODABLE', 'the request cannot be parsed');
  }
  return error;
}

/** Requests that never became one: malformed or too slow headers. There is no content type to answer in. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const { httpStatus, rpc } = VERDICTS[timedOut ? 'INGEST_BODY_TIMEOUT' : 'INGEST_UNDECODABLE'];
  const message = timedOut ? 'the request took too long to arrive' : 'the request is not HTTP/1.1';
  const body = encodeRefusal(rpc, message, 0, 'json');
  socket.write(
    `HTTP/1.1 ${httpStatus} ${http.STATUS_CODES[httpStatus]}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  );
  socket.end(body);
}
