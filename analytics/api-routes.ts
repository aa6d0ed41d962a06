/** The routes of the API, each with its parameters, answers and what it does. */
import { z } from 'zod';
import {
  HealthAnswer,
  LatencyAnswer,
  LatencyParameters,
  LedgerAnswer,
  NoParameters,
  ReadyAnswer,
  SqlBody,
  SqlParameters,
  TraceAnswer,
  TracePath,
  TracesAnswer,
  TracesParameters,
} from '../schemas/index.js';
import { ApiError } from './errors.js';
import { answerLatency } from './latency.js';
import { Ledger } from './ledger.js';
import { answerReadiness } from './readiness.js';
import { reportRoutes } from './report/routes.js';
import { type Route, type RouteAnswer, type RouteInput, route } from './routes.js';
import type { Parts } from './settings.js';
import { alertRoutes } from './slo/alerts/routes.js';
import type { SloDocuments } from './slo/documents.js';
import { sloRoutes } from './slo/routes.js';
import { SqlRunner } from './sql/run.js';
import { answerTrace } from './trace-answer.js';
import { answerTraces } from './trace-list.js';

const JSON_TYPE = 'application/json';
const TEXT = z.string();

export function apiRoutes(parts: Parts, documents: SloDocuments): Route[] {
  return [
    ...questionRoutes(parts),
    ...sloRoutes(parts, documents),
    ...alertRoutes(parts),
    ...reportRoutes(parts),
    sqlRoute(parts),
    ...operatorRoutes(parts),
  ];
}

function questionRoutes(parts: Parts): Route[] {
  const ledger = new Ledger(parts);
  return [
    route({
      method: 'GET',
      path: '/api/v1/latency',
      operationId: 'latency',
      summary: 'What response times users experience, by location and other groups.',
      query: LatencyParameters,
      answers: { [JSON_TYPE]: LatencyAnswer },
      errors: ['API_TOO_MANY_GROUPS', 'API_LOG_UNAVAILABLE'],
      handle: async ({ query }) => ({ body: await answerLatency(parts, query) }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/traces',
      operationId: 'traces',
      summary: 'Traces that ended in a window, the latest first, page by page.',
      query: TracesParameters,
      answers: { [JSON_TYPE]: TracesAnswer },
      errors: [],
      handle: async ({ query }) => ({ body: await answerTraces(parts, query) }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/traces/{trace_id}',
      operationId: 'trace',
      summary: 'One trace: its current revision, its critical path and its spans.',
      query: NoParameters,
      pathParameters: TracePath,
      answers: { [JSON_TYPE]: TraceAnswer },
      errors: ['API_NOT_FOUND'],
      handle: async ({ path }) => ({ body: await answerTrace(parts, path.trace_id) }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/ledger',
      operationId: 'ledger',
      summary: 'Where every span received has ended, of all tenants.',
      isOfAllTenants: true,
      query: NoParameters,
      answers: { [JSON_TYPE]: LedgerAnswer },
      errors: ['API_LOG_UNAVAILABLE'],
      handle: async () => ({ body: await ledger.answer() }),
    }),
  ];
}

function sqlRoute(parts: Parts): Route {
  const runner = new SqlRunner(parts);
  return route({
    method: 'POST',
    path: '/api/v1/sql',
    operationId: 'sql',
    summary: 'One read-only SELECT over the public tables, bounded in time, memory and rows.',
    role: 'sql',
    query: SqlParameters,
    body: { description: 'The SELECT, as text or in JSON.', content: { 'text/plain': TEXT, [JSON_TYPE]: SqlBody } },
    answers: { [JSON_TYPE]: z.looseObject({}).describe("ClickHouse's JSON format"), 'text/plain': TEXT },
    errors: ['API_BODY_INVALID', 'SQL_REFUSED', 'SQL_INVALID', 'SQL_LIMIT_EXCEEDED', 'API_BODY_TOO_LARGE', 'SQL_BUSY'],
    handle: async input => runner.run(queryOf(input), input.query.format ?? 'JSON'),
  });
}

/** Whatever is not JSON is the text itself: curl says it is a form unless told otherwise. */
function queryOf({ body, contentType }: Pick<RouteInput<unknown, unknown>, 'body' | 'contentType'>): string {
  if (contentType !== JSON_TYPE) return body;
  try {
    return SqlBody.parse(JSON.parse(body)).query;
  } catch (error) {
    throw new ApiError('API_BODY_INVALID', 'a JSON body must be {"query": "SELECT …"} and nothing else', error);
  }
}

function operatorRoutes(parts: Parts): Route[] {
  const { registry } = parts;
  return [
    route({
      method: 'GET',
      path: '/healthz',
      operationId: 'healthz',
      summary: 'Whether the process answers.',
      role: null,
      query: NoParameters,
      answers: { [JSON_TYPE]: HealthAnswer },
      errors: [],
      handle: async (): Promise<RouteAnswer> => ({ body: { status: 'ok' } satisfies HealthAnswer }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      operationId: 'readyz',
      summary: 'Whether questions can be answered now (200), or why not (503).',
      role: null,
      query: NoParameters,
      answers: { [JSON_TYPE]: ReadyAnswer },
      alsoStatus: [503],
      errors: [],
      handle: () => answerReadiness(parts),
    }),
    route({
      method: 'GET',
      path: '/metrics',
      operationId: 'metrics',
      summary: 'Counters for Prometheus, of all tenants.',
      isOfAllTenants: true,
      query: NoParameters,
      answers: { 'text/plain': TEXT },
      errors: [],
      handle: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
    }),
  ];
}
