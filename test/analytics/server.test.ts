import { createServer } from 'node:net';
import { pino } from 'pino';
import { Counter, Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { STATUS } from '../../analytics/errors.js';
import { startAnalytics } from '../../analytics/index.js';
import { HealthAnswer, LatencyParameters, ReadyAnswer } from '../../schemas/index.js';
import { type Store, StoreError } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';

/** A store that is away: what the API does then, and everything that needs no store. */
const AWAY: Store = {
  database: 'default',
  query: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'connect ECONNREFUSED')),
  queryRows: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'connect ECONNREFUSED')),
  queryRaw: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'connect ECONNREFUSED')),
  command: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'connect ECONNREFUSED')),
  insert: () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'connect ECONNREFUSED')),
  ping: () => Promise.resolve(false),
  close: () => Promise.resolve(),
};

const registry = new Registry();
let api: TestApi;

beforeAll(async () => {
  new Counter({ name: 'somebody_elses_total', help: 'x', registers: [registry] }).inc(7);
  api = await startApi(AWAY, { registry });
});

afterAll(() => api?.close());

describe('with the store away', () => {
  test.each(['/api/v1/latency', '/api/v1/traces', `/api/v1/traces/${'0'.repeat(32)}`, '/api/v1/ledger'])(
    '%s answers 503 with Retry-After and tells nothing of where the store is',
    async path => {
      const response = await api.get(path);
      expect(response.headers.get('retry-after')).toBe('1');
      const error = await errorOf(response);
      expect(error).toMatchObject({ status: 503, code: 'API_STORE_UNAVAILABLE' });
      expect(error.message).not.toContain('ECONNREFUSED');
    },
  );

  test('so does the SQL path, after the check of the query', async () => {
    expect(await errorOf(await api.sql('SELECT 1'))).toMatchObject({ status: 503, code: 'API_STORE_UNAVAILABLE' });
    expect(await errorOf(await api.sql('DROP TABLE x'))).toMatchObject({ status: 400, code: 'SQL_REFUSED' });
  });

  test('a bad parameter is still a bad parameter', async () => {
    expect(await errorOf(await api.get('/api/v1/latency?quantile=9'))).toMatchObject({ status: 400 });
  });

  test('the process is healthy, but not ready, and says why', async () => {
    expect(await api.read(HealthAnswer, '/healthz')).toEqual({ status: 'ok' });
    const response = await api.get('/readyz');
    expect(response.status).toBe(503);
    const answer = ReadyAnswer.parse(await response.json());
    expect(answer).toEqual({ ready: false, reasons: ['the store does not answer'] });
  });
});

test('a question that takes more than the store may use is a 400, one the store does not understand a 500', async () => {
  for (const [code, expected] of [
    ['STORE_TOO_LARGE', { status: 400, code: 'API_QUESTION_TOO_LARGE' }],
    ['STORE_REJECTED', { status: 500, code: 'API_INTERNAL' }],
  ] as const) {
    const failing = await startApi({ ...AWAY, queryRows: () => Promise.reject(new StoreError(code, 'secret')) });
    const error = await errorOf(await failing.get('/api/v1/latency'));
    expect(error).toMatchObject(expected);
    expect(error.message).not.toContain('secret');
    await failing.close();
  }
});

test('readiness is that of the store and of whoever wired us', async () => {
  const up: Store = { ...AWAY, ping: () => Promise.resolve(true) };
  const ready = await startApi(up);
  expect(await ready.read(ReadyAnswer, '/readyz')).toEqual({ ready: true, reasons: [] });
  await ready.close();
  const waiting = await startApi(up, { readiness: async () => ({ ready: false, reasons: ['the stitcher starts'] }) });
  const response = await waiting.get('/readyz');
  expect([response.status, await response.json()]).toEqual([503, { ready: false, reasons: ['the stitcher starts'] }]);
  await waiting.close();
});

test('a store that hangs makes the API unready before a probe gives up', async () => {
  const hanging = await startApi({ ...AWAY, ping: () => new Promise<boolean>(() => {}) });
  const response = await fetch(`${hanging.url}/readyz`, { signal: AbortSignal.timeout(10_000) });
  expect([response.status, await response.json()]).toEqual([
    503,
    { ready: false, reasons: ['the store does not answer'] },
  ]);
  await hanging.close();
});

describe('what is not there', () => {
  test.each(['/', '/api', '/api/v1', '/api/v1/latency/', '/api/v1/nothing', '/api/v1/traces/1/spans'])(
    'GET %s is a 404',
    async path => {
      const error = await errorOf(await api.get(path));
      expect(error).toMatchObject({ status: 404, code: 'API_NOT_FOUND' });
    },
  );

  test.each([
    ['POST', '/api/v1/latency', 'GET'],
    ['DELETE', `/api/v1/traces/${'0'.repeat(32)}`, 'GET'],
    ['GET', '/api/v1/sql', 'POST'],
    ['PUT', '/healthz?x=1', 'GET'],
  ])('%s %s is a 405 that names the method', async (method, path, allowed) => {
    const response = await fetch(`${api.url}${path}`, { method });
    expect(response.headers.get('allow')).toBe(allowed);
    expect(await errorOf(response)).toMatchObject({ status: 405, code: 'API_METHOD_NOT_ALLOWED' });
  });

  test('a path that cannot be decoded is a 400', async () => {
    expect(await errorOf(await api.get('/api/v1/traces/%ff'))).toMatchObject({ status: 400 });
  });

  test.each(['/healthz', '/readyz', '/metrics', '/api/v1/openapi.json'])('%s takes no parameters', async path => {
    const error = await errorOf(await api.get(`${path}?pretty=1`));
    expect(error.message).toBe("pretty='1': no such parameter; this path takes none");
  });
});

test('metrics hold those of the process and the times of requests by route, never by id', async () => {
  await api.get(`/api/v1/traces/${'0'.repeat(32)}`);
  const response = await api.get('/metrics');
  const text = await response.text();
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(text).toContain('somebody_elses_total 7');
  expect(text).toMatch(/throughline_api_request_seconds_count\{route="\/api\/v1\/traces\/\{trace_id\}",status="503"\}/);
  expect(text).toContain('throughline_rollup_failures_total');
  expect(text).not.toContain('0'.repeat(32));
});

test('a port that is taken stops the start', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const start = startAnalytics({
    store: AWAY,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    host: '127.0.0.1',
    port,
    offsets: () => Promise.reject(new Error('unused')),
    log: () => Promise.reject(new Error('unused')),
    readiness: async () => ({ ready: true, reasons: [] }),
    clock: Date.now,
    sql: { maxSeconds: 1, maxMemoryBytes: 1, maxRows: 1 },
  });
  await expect(start).rejects.toThrow(/EADDRINUSE/);
  await new Promise(resolve => other.close(resolve));
});

test('after close nothing listens, and requests under way have been answered', async () => {
  const closing = await startApi(AWAY);
  const pending = closing.get('/healthz');
  await pending;
  await closing.close();
  await expect(fetch(`${closing.url}/healthz`)).rejects.toThrow();
});

describe('the OpenAPI document', () => {
  const Schema = z.record(z.string(), z.unknown());
  const Content = z.record(z.string().regex(/^\w+\/\w+$/), z.strictObject({ schema: Schema }));
  const Operation = z.strictObject({
    operationId: z.string().regex(/^\w+$/),
    summary: z.string().min(1),
    parameters: z.array(
      z.strictObject({
        name: z.string(),
        in: z.enum(['path', 'query']),
        required: z.boolean(),
        description: z.string().min(1),
        schema: Schema,
      }),
    ),
    requestBody: z.strictObject({ required: z.literal(true), description: z.string(), content: Content }).optional(),
    security: z.array(z.record(z.string(), z.array(z.enum(['read', 'sql', 'admin'])))),
    responses: z.record(
      z.string().regex(/^[1-5]\d\d$/),
      z.strictObject({ description: z.string().min(1), content: Content }),
    ),
  });
  /** The parts of OpenAPI 3.1 that we use, strictly. */
  const Document = z.strictObject({
    openapi: z.literal('3.1.0'),
    info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
    paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(['get', 'post', 'put', 'delete']), Operation)),
    components: z.strictObject({
      schemas: z.record(z.string(), Schema),
      securitySchemes: z.strictObject({
        token: z.looseObject({ type: z.literal('http'), scheme: z.literal('bearer') }),
      }),
    }),
  });

  const read = () => api.read(Document, '/api/v1/openapi.json');

  test('is a valid one and holds every path', async () => {
    const { paths } = await read();
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method} ${path}`),
    );
    expect(operations.sort()).toEqual([
      'delete /api/v1/slos/{name}',
      'get /api/v1/alerts',
      'get /api/v1/latency',
      'get /api/v1/ledger',
      'get /api/v1/openapi.json',
      'get /api/v1/reports',
      'get /api/v1/reports/{id}',
      'get /api/v1/slos',
      'get /api/v1/slos/{name}',
      'get /api/v1/slos/{name}/blame',
      'get /api/v1/slos/{name}/budget',
      'get /api/v1/slos/{name}/restatements',
      'get /api/v1/slos/{name}/status',
      'get /api/v1/traces',
      'get /api/v1/traces/{trace_id}',
      'get /healthz',
      'get /metrics',
      'get /readyz',
      'post /api/v1/reports',
      'post /api/v1/sql',
      'put /api/v1/slos/{name}',
    ]);
  });

  test('describes the parameters that are checked, and path parameters where the path has them', async () => {
    const { paths } = await read();
    const latency = paths['/api/v1/latency'].get?.parameters ?? [];
    expect(latency.map(({ name }) => name).sort()).toEqual(Object.keys(LatencyParameters.shape).sort());
    for (const [path, methods] of Object.entries(paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters } of Object.values(methods)) {
        expect(parameters.filter(each => each.in === 'path').map(({ name }) => name)).toEqual(inPath);
      }
    }
  });

  test('has unique operation ids, and references that lead somewhere', async () => {
    const document = await read();
    const ids = Object.values(document.paths).flatMap(methods => Object.values(methods).map(each => each.operationId));
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target);
    expect(references.length).toBeGreaterThan(0);
    for (const target of references) {
      expect(target).toMatch(/^#\/components\/schemas\//);
      expect(document.components.schemas).toHaveProperty(target.split('/')[3]);
    }
  });

  test('names every error there is, under its status', async () => {
    const document = await read();
    const text = JSON.stringify(document);
    const ofNoRoute = ['API_METHOD_NOT_ALLOWED', 'API_TLS_UNREADABLE', 'API_TOKEN_INVALID'];
    for (const code of Object.keys(STATUS).filter(each => !ofNoRoute.includes(each))) expect(text).toContain(code);
  });
});
