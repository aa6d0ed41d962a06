import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Context, type Span, SpanKind } from '@opentelemetry/api';
import { contextOf, inSpan, type ServiceTracing } from './tracing.js';

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly context: Context;
  readonly span: Span;
}

export type Handler = (request: Request) => Promise<object>;

export interface Service {
  readonly url: string;
  close(): Promise<void>;
}

const FAILED_STATUS = 502;

/** Notes on the server span what the caller is about to read. */
async function answered(span: Span, handle: () => Promise<object>): Promise<object> {
  let status = FAILED_STATUS;
  try {
    const body = await handle();
    status = 200;
    return body;
  } finally {
    span.setAttribute('http.response.status_code', status);
  }
}

/** A service of the bank on a free port: each request is a server span, a handler that throws a failed one. */
export async function startService(tracing: ServiceTracing, handle: Handler): Promise<Service> {
  const server: Server = createServer(async (message, response) => {
    const path = message.url ?? '/';
    const attributes = { 'http.request.method': 'GET', 'url.path': path, 'url.scheme': 'http' };
    const work = { name: `GET ${path}`, kind: SpanKind.SERVER, attributes };
    let status = 200;
    let body: object = {};
    try {
      body = await inSpan(tracing.tracer, contextOf(message.headers), work, (context, span) =>
        answered(span, () => handle({ path, headers: message.headers, context, span })),
      );
    } catch (error) {
      status = FAILED_STATUS;
      body = { error: error instanceof Error ? error.message : String(error) };
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await new Promise(closed => {
        server.close(closed);
        server.closeAllConnections();
      });
      await tracing.shutdown();
    },
  };
}
