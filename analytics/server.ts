/** The HTTP server: fastify with our routes, our errors and our limits. Nothing is logged per request. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { NoParameters } from '../schemas/index.js';
import { type Caller, Callers } from './access.js';
import { apiRoutes } from './api-routes.js';
import { ApiError, asApiError } from './errors.js';
import { makeHttpServer } from './listener.js';
import { createRequestMetrics, type RequestMetrics } from './metrics.js';
import { openApiDocument } from './openapi.js';
import { parseParameters } from './parameters.js';
import { accessOf, type Route, type RouteAnswer, route } from './routes.js';
import type { Parts } from './settings.js';
import { SloDocuments } from './slo/documents.js';

/** A SELECT that people write is not longer. */
const MAX_BODY_BYTES = 256 * 1024;
const RETRY_AFTER_SECONDS = 1;
/** At closing: who has not read its answer by then does not get it. */
const LAST_ANSWERS_MS = 10_000;
export function createServer(parts: Parts, documents: SloDocuments): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    serverFactory: handler => makeHttpServer(handler, parts.tls, parts.apiLimits),
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => refuse(parts, reply, error),
  });
  // Bodies are texts to us whatever they call themselves; routes look at the type where it matters.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const tenants = new TenantRoutes(parts, documents);
  const routes = tenants.of(parts.tenant);
  const metrics = createRequestMetrics(parts.registry);
  const callers = new Callers(parts.tokens, parts.tenant);
  for (const [position, each] of routes.entries()) {
    serve(server, each, metrics, { callers, routeFor: caller => tenants.of(caller.tenant)[position] });
  }
  server.addHook('preClose', async () => {
    const timer = setTimeout(() => server.server.closeAllConnections(), LAST_ANSWERS_MS);
    server.server.once('close', () => clearTimeout(timer));
  });
  server.setNotFoundHandler((request, reply) => refuse(parts, reply, noSuchRoute(routes, request, reply)));
  server.setErrorHandler((error, _request, reply) => refuse(parts, reply, error));
  return server;
}

/** The same routes for each tenant: one answers for its own and knows of no other. */
class TenantRoutes {
  readonly #parts: Parts;
  readonly #routes = new Map<string, readonly Route[]>();

  constructor(parts: Parts, documents: SloDocuments) {
    this.#parts = parts;
    this.#routes.set(parts.tenant, withDocument(apiRoutes(parts, documents)));
  }

  /** Tenants come from the configured tokens, so there are not many. */
  of(tenant: string): readonly Route[] {
    const known = this.#routes.get(tenant);
    if (known !== undefined) return known;
    // The folder of SLO documents is the default tenant's.
    const parts = { ...this.#parts, tenant, slo: {} };
    const routes = withDocument(apiRoutes(parts, new SloDocuments(parts)));
    this.#routes.set(tenant, routes);
    return routes;
  }
}

function withDocument(routes: readonly Route[]): readonly Route[] {
  const all: Route[] = [...routes];
  let document: object | undefined;
  all.push(
    route({
      method: 'GET',
      path: '/api/v1/openapi.json',
      operationId: 'openapi',
      summary: 'This document.',
      query: NoParameters,
      answers: { 'application/json': z.looseObject({}) },
      errors: [],
      handle: async () => {
        document ??= openApiDocument(all);
        return { body: document };
      },
    }),
  );
  return all;
}

interface Admission {
  readonly callers: Callers;
  readonly routeFor: (caller: Caller) => Route;
}

function serve(server: FastifyInstance, each: Route, metrics: RequestMetrics, { callers, routeFor }: Admission): void {
  const access = accessOf(each);
  const admitted = new WeakMap<FastifyRequest, Caller>();
  server.route({
    method: each.method,
    url: each.path.replaceAll('{', ':').replaceAll('}', ''),
    bodyLimit: each.body?.maxBytes ?? MAX_BODY_BYTES,
    // Before a byte of the body is read.
    onRequest: async request => {
      admitted.set(request, callers.admit(request.headers.authorization, access));
    },
    handler: async (request, reply) => {
      const caller = admitted.get(request);
      if (caller === undefined) throw new Error('a request was not admitted');
      const answer = await routeFor(caller).handle({
        query: parseParameters(each.query, request.query),
        path: each.pathParameters === undefined ? {} : parseParameters(each.pathParameters, request.params),
        body: typeof request.body === 'string' ? request.body : '',
        contentType: mediaTypeOf(request.headers['content-type']),
      });
      return send(reply, answer);
    },
    onResponse: async (_request, reply) => metrics.answered(each.path, reply.statusCode, reply.elapsedTime / 1_000),
  });
}

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0].trim().toLowerCase();
}

function send(
  reply: FastifyReply,
  { status = 200, contentType = 'application/json', body }: RouteAnswer,
): FastifyReply {
  const isBytes = typeof body === 'string' || body instanceof Uint8Array;
  // Text of the store or the registry, whose type carries its charset already.
  return reply
    .code(status)
    .header('content-type', contentType)
    .header('cache-control', 'no-store')
    .send(isBytes ? Buffer.from(body) : Buffer.from(JSON.stringify(body)));
}

function refuse(parts: Pick<Parts, 'logger'>, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = asApiError(thrown);
  if (error.httpStatus >= 500) parts.logger.error({ err: error.cause ?? error }, error.message);
  if (error.code === 'API_UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer realm="throughline"');
  if (error.code === 'API_FORBIDDEN') reply.header('www-authenticate', 'Bearer error="insufficient_scope"');
  if (error.retryable) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  return send(reply, { status: error.httpStatus, body: { error: { code: error.code, message: error.message } } });
}

function noSuchRoute(routes: readonly Route[], request: FastifyRequest, reply: FastifyReply): ApiError {
  const path = request.url.split('?')[0];
  const methods = routes.filter(each => patternOf(each).test(path)).map(each => each.method);
  if (methods.length === 0) {
    return new ApiError('API_NOT_FOUND', `there is no ${path}; GET /api/v1/openapi.json lists the paths`);
  }
  reply.header('allow', methods.join(', '));
  return new ApiError('API_METHOD_NOT_ALLOWED', `${path} takes ${methods.join(', ')}, not ${request.method}`);
}

function patternOf({ path }: Route): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}
