import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { Counter, Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ApiToken, Callers } from '../../analytics/access.js';
import { makeToken } from '../../cli/token.js';
import type { Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertRevisions, insertSpans, spanId, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const sqlToken = makeToken();
const TOKENS: readonly ApiToken[] = [
  { token: 'reader', role: 'read' },
  { sha256: sqlToken.hash, role: 'sql' },
  { token: 'boss', role: 'admin' },
  { token: 'other-reader', role: 'read', tenant: 'other' },
  { token: 'other-boss', role: 'admin', tenant: 'other' },
];
const SLO = `apiVersion: openslo/v1
kind: SLO
metadata: { name: fast }
spec:
  service: bank
  indicator:
    metadata: { name: fast-enough }
    spec:
      thresholdMetric:
        metricSource: { type: throughline, spec: { operation: GET / } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ target: 0.99, op: lte, value: 300 }]
`;

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  api = await startApi(store, { tokens: TOKENS });
  const endMs = Date.now() - 1_000;
  await insertRevisions(store, [
    { traceId: traceId(1), endMs, durationMs: 100 },
    { traceId: traceId(2), endMs, durationMs: 900, tenant: 'other' },
    { traceId: traceId(3), endMs, durationMs: 900, tenant: 'other' },
  ]);
  const span = { traceId: traceId(1), spanId: spanId(1), startMs: endMs };
  await insertSpans(store, [span, { ...span, traceId: traceId(2), tenant: 'other' }]);
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

const bearer = (token: string | undefined) => (token === undefined ? {} : { authorization: `Bearer ${token}` });

function ask(token: string | undefined, method: string, path: string, body?: string): Promise<Response> {
  return fetch(`${api.url}${path}`, { method, headers: bearer(token), ...(body !== undefined && { body }) });
}

/** [method, path, body, least role]; what needs none has ''. */
const ROUTES: readonly (readonly [string, string, string | undefined, string])[] = [
  ['GET', '/healthz', undefined, ''],
  ['GET', '/readyz', undefined, ''],
  ['GET', '/metrics', undefined, 'read'],
  ['GET', '/api/v1/openapi.json', undefined, 'read'],
  ['GET', '/api/v1/latency', undefined, 'read'],
  ['GET', '/api/v1/traces', undefined, 'read'],
  ['GET', `/api/v1/traces/${traceId(1)}`, undefined, 'read'],
  ['GET', '/api/v1/ledger', undefined, 'read'],
  ['GET', '/api/v1/slos', undefined, 'read'],
  ['GET', '/api/v1/slos/x', undefined, 'read'],
  ['GET', '/api/v1/slos/x/status', undefined, 'read'],
  ['GET', '/api/v1/slos/x/budget', undefined, 'read'],
  ['GET', '/api/v1/slos/x/blame', undefined, 'read'],
  ['GET', '/api/v1/slos/x/restatements', undefined, 'read'],
  ['GET', '/api/v1/alerts', undefined, 'read'],
  ['GET', '/api/v1/reports', undefined, 'read'],
  ['GET', '/api/v1/reports/x', undefined, 'read'],
  ['POST', '/api/v1/sql', 'SELECT 1', 'sql'],
  ['POST', '/api/v1/reports', undefined, 'admin'],
  ['PUT', '/api/v1/slos/x', 'none', 'admin'],
  ['DELETE', '/api/v1/slos/x', undefined, 'admin'],
];

describe('roles', () => {
  test('the table of this test has every route of the API', async () => {
    const { paths } = (await (await ask('reader', 'GET', '/api/v1/openapi.json')).json()) as { paths: object };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, 'x')}`),
    );
    const tested = ROUTES.map(([method, path]) => `${method} ${path.replace(traceId(1), 'x')}`);
    expect(tested.sort()).toEqual(described.sort());
  });

  test.each(ROUTES)('%s %s (%s) needs the role "%s"', async (method, path, body, role) => {
    const statusOf = async (token: string | undefined) => {
      const response = await ask(token, method, path, body);
      await response.arrayBuffer();
      return response.status;
    };
    const rank = ['', 'read', 'sql', 'admin'].indexOf(role);
    for (const [token, own] of [
      ['reader', 1],
      [sqlToken.token, 2],
      ['boss', 3],
    ] as const) {
      if (own < rank) expect(await statusOf(token)).toBe(403);
      else expect([401, 403]).not.toContain(await statusOf(token));
    }
    for (const token of [undefined, 'nobody', '', sqlToken.hash]) {
      if (role === '') expect(await statusOf(token)).toBe(200);
      else expect(await statusOf(token)).toBe(401);
    }
  });

  test('a refusal says what is needed, in the header and in words', async () => {
    const unknown = await ask(undefined, 'GET', '/api/v1/latency');
    expect(unknown.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
    expect(await errorOf(unknown)).toMatchObject({ status: 401, code: 'API_UNAUTHENTICATED' });
    const weak = await ask('reader', 'POST', '/api/v1/sql', 'SELECT 1');
    expect(weak.headers.get('www-authenticate')).toMatch(/insufficient_scope/);
    const error = await errorOf(weak);
    expect(error).toMatchObject({ status: 403, code: 'API_FORBIDDEN' });
    expect(error.message).toMatch(/needs a token with the role sql; this one has read/);
  });

  test('it is checked before the body is read', async () => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.write('POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nSELECT');
    const answer = await new Promise<string>(resolve => socket.once('data', data => resolve(String(data))));
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  test('what changes something is not done by whoever may not', async () => {
    expect((await ask('reader', 'PUT', '/api/v1/slos/fast', SLO)).status).toBe(403);
    expect((await ask('boss', 'GET', '/api/v1/slos')).status).toBe(200);
    expect(await (await ask('boss', 'GET', '/api/v1/slos')).json()).toEqual({ slos: [] });
  });
});

describe('tenants', () => {
  const countOf = async (token: string) => {
    const answer = await ask(token, 'GET', '/api/v1/latency?window=5m');
    const { groups } = (await answer.json()) as { groups: { traces: number }[] };
    return groups[0]?.traces ?? 0;
  };

  test('a token sees its own in every answer and nothing of others', async () => {
    // From the store first, then from memory (docs/adr/074).
    for (let round = 0; round < 2; round++) {
      expect([await countOf('reader'), await countOf('other-reader')]).toEqual([1, 2]);
    }
    const traces = async (token: string) =>
      ((await (await ask(token, 'GET', '/api/v1/traces')).json()) as { traces: { trace_id: string }[] }).traces
        .map(trace => trace.trace_id)
        .sort();
    expect(await traces('reader')).toEqual([traceId(1)]);
    expect(await traces('other-reader')).toEqual([traceId(2), traceId(3)]);
    const traceStatus = async (token: string, id: number) =>
      (await ask(token, 'GET', `/api/v1/traces/${traceId(id)}`)).status;
    expect([await traceStatus('reader', 1), await traceStatus('reader', 2)]).toEqual([200, 404]);
    expect([await traceStatus('other-reader', 1), await traceStatus('other-reader', 2)]).toEqual([404, 200]);
  });

  test('SQL shows the rows of the tenant, whatever it asks for', async () => {
    const rows = async (token: string) =>
      (
        await ask(
          token,
          'POST',
          '/api/v1/sql?format=TSV',
          "SELECT DISTINCT tenant FROM spans UNION ALL SELECT DISTINCT tenant FROM traces WHERE tenant != '' OR 1",
        )
      ).text();
    expect(await rows('boss')).toBe('default\ndefault\n');
    expect(await rows('other-boss')).toBe('other\nother\n');
  });

  test('SLOs put by one are not there for another', async () => {
    const put = await ask('other-boss', 'PUT', '/api/v1/slos/fast', SLO);
    expect([put.status, await put.text()]).toEqual([200, expect.any(String)]);
    const names = async (token: string) =>
      ((await (await ask(token, 'GET', '/api/v1/slos')).json()) as { slos: { name: string }[] }).slos.map(s => s.name);
    expect(await names('other-boss')).toEqual(['fast']);
    expect(await names('boss')).toEqual([]);
    expect((await ask('boss', 'GET', '/api/v1/slos/fast')).status).toBe(404);
    expect((await ask('boss', 'DELETE', '/api/v1/slos/fast')).status).toBe(404);
    expect((await ask('other-boss', 'DELETE', '/api/v1/slos/fast')).status).toBe(200);
  });

  test.each(['/api/v1/ledger', '/metrics'])('%s, which counts all tenants, is not for a token of one', async path => {
    expect((await ask('reader', 'GET', path)).status).toBe(200);
    const error = await errorOf(await ask('other-boss', 'GET', path));
    expect(error).toMatchObject({ status: 403, code: 'API_FORBIDDEN' });
  });
});

test.each<[ApiToken, RegExp]>([
  [{ role: 'read' }, /analytics\.auth\.tokens\[0\] must have exactly one/],
  [{ role: 'read', token: '' }, /tokens\[0\]\.token must not be empty/],
  [{ role: 'read', sha256: 'ab' }, /tokens\[0\]\.sha256 must be 64 hex digits/],
])('an entry %j that is no token stops the start', (token, message) => {
  expect(() => new Callers([token], 'default')).toThrow(message);
});

describe('TLS and mutual TLS from files', () => {
  const pem = (name: string) => `test/ingest/support/certificates/${name}.pem`;
  const tls = { certFile: pem('server.cert'), keyFile: pem('server.key') };
  const ca = readFileSync(pem('authority.cert'));
  let secure: TestApi | undefined;

  afterEach(() => secure?.close());

  function statusOf(client: string | undefined): Promise<number> {
    const identity =
      client === undefined
        ? {}
        : { key: readFileSync(pem(`${client}.key`)), cert: readFileSync(pem(`${client}.cert`)) };
    const { port } = new URL(secure?.url ?? '');
    return new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/healthz', agent: false, ca, ...identity }, response =>
        resolve(response.resume().statusCode ?? 0),
      )
        .once('error', reject)
        .end();
    });
  }

  test('with TLS it answers over TLS, and plain text is not understood', async () => {
    secure = await startApi(store, { tls });
    expect(await statusOf(undefined)).toBe(200);
    await expect(secure.get('/healthz')).rejects.toThrow();
  });

  test('with an authority for clients a certificate of it is needed', async () => {
    secure = await startApi(store, { tls: { ...tls, clientCaFile: pem('authority.cert') } });
    expect(await statusOf('client')).toBe(200);
    await expect(statusOf(undefined)).rejects.toThrow();
    await expect(statusOf('stranger')).rejects.toThrow();
  });

  test.each([
    [{ ...tls, keyFile: 'nowhere.pem' }, /analytics\.tls\.keyFile: nowhere\.pem cannot be read/],
    [{ ...tls, keyFile: pem('client.key') }, /analytics\.tls: the files are no certificate with its key/],
  ])('what cannot be used stops the start: %j', async (files, message) => {
    await expect(startApi(store, { tls: files })).rejects.toThrow(message);
  });
});

describe('limits of connections', () => {
  test('whoever does not read its answer does not keep the process from ending', { timeout: 60_000 }, async () => {
    const registry = new Registry();
    const labels = Array.from({ length: 40_000 }, (_, at) => ({ at: `${'x'.repeat(500)}${at}` }));
    const counter = new Counter({ name: 'large_total', help: 'x', labelNames: ['at'], registers: [registry] });
    for (const each of labels) counter.inc(each);
    const closing = await startApi(store, { registry });
    const socket = connect(Number(new URL(closing.url).port), '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise(resolve => setTimeout(resolve, 1_000));
    await closing.close();
    socket.destroy();
  });

  let bounded: TestApi | undefined;

  afterEach(() => bounded?.close());

  const port = () => Number(new URL(bounded?.url ?? '').port);
  /** What a connection gets until it is closed. */
  function until(text: string): Promise<string> {
    const socket = connect(port(), '127.0.0.1');
    let got = '';
    socket.on('data', data => {
      got += String(data);
    });
    socket.on('error', () => {});
    socket.write(text);
    return new Promise(resolve => socket.once('close', () => resolve(got)));
  }

  test('headers and bodies that do not come are given up', async () => {
    bounded = await startApi(store, { apiLimits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
    expect(await until('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ')).toMatch(/^HTTP\/1\.1 408 /);
    const head = 'POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nSELECT';
    expect(await until(head)).toMatch(/^HTTP\/1\.1 408 /);
    expect((await bounded.get('/healthz')).status).toBe(200);
  });

  test('connections beyond the limit are closed unanswered', async () => {
    bounded = await startApi(store, { apiLimits: { maxConnections: 2 } });
    const held = await Promise.all(
      [1, 2].map(async () => {
        const socket = connect(port(), '127.0.0.1').on('error', () => {});
        await new Promise(resolve => socket.once('connect', resolve));
        return socket;
      }),
    );
    await expect.poll(() => until('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    for (const socket of held) socket.destroy();
    await expect.poll(async () => (await bounded?.get('/healthz'))?.status).toBe(200);
  });
});
