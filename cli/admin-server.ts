/**
 * /healthz, /readyz and /metrics of a process, whatever roles it has: for probes and for Prometheus. It listens before
 * the roles start and until after they have ended, so that a process that waits or drains says so. No question of it
 * takes parameters, and no answer has a setting in it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Readiness } from '../analytics/index.js';

export interface AdminServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly registry: Registry;
  readonly readiness: () => Promise<Readiness>;
  readonly logger: Logger;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Longer than the pauses between two scrapes or probes, so that they can keep their connection. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** An answer under way may take so long; a connection that has asked nothing is no reason to stay. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A few probes and scrapers; whoever opens more is something else. */
const MAX_CONNECTIONS = 64;

/** Resolves once it listens. Rejects if the port cannot be had. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { host, port, logger } = options;
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS };
  const server = createServer(timeouts, (request, response) => {
    answerTo(request, options).then(
      answer => send(response, request, answer),
      error => {
        logger.error({ err: error }, `${request.url} could not be answered`);
        send(response, request, { ...text('it could not be answered; the log says why'), status: 500 });
      },
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const listensOn = (server.address() as AddressInfo).port;
  logger.info({ host, port: listensOn }, 'health and metrics listen');
  return {
    port: listensOn,
    close: () =>
      new Promise(resolve => {
        const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

async function answerTo(request: IncomingMessage, { registry, readiness }: AdminServerOptions): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { ...text('only GET is answered'), status: 405 };
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      return json(200, { alive: true });
    case '/readyz': {
      const { ready, reasons } = await readiness();
      return json(ready ? 200 : 503, { ready, reasons });
    }
    case '/metrics':
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    default:
      return { ...text('there are /healthz, /readyz and /metrics'), status: 404 };
  }
}

function json(status: number, body: object): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(body) };
}

function text(body: string): Omit<Answer, 'status'> {
  return { contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function send(response: ServerResponse, { method }: IncomingMessage, { status, contentType, body }: Answer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(method === 'HEAD' ? undefined : body);
}
