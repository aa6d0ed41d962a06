/** Every parameter of the API, as its own OpenAPI document lists them, times what a stranger may write into it. */
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Store } from '../../store/index.js';
import { startApi, type TestApi } from './support/api.js';
import { INJECTIONS } from './support/injections.js';
import { insertRevisions, insertSpans, spanId, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const SECRET_FILE = '/etc/passwd';
const AT_ONCE = 6;

let store: Store;
let api: TestApi;
let canary: Server;
let canaryUrl: string;
let visits = 0;

beforeAll(async () => {
  canary = createServer((_request, response) => {
    visits++;
    response.end('1\n');
  });
  await new Promise<void>(resolve => canary.listen(0, '127.0.0.1', resolve));
  canaryUrl = `http://127.0.0.1:${(canary.address() as { port: number }).port}/`;
  store = await startStore();
  api = await startApi(store);
  const endMs = Date.now() - 1_000;
  await insertRevisions(store, [
    { traceId: traceId(1), endMs },
    { traceId: traceId(2), endMs, tenant: 'other', service: 'of-the-other' },
  ]);
  await insertSpans(store, [{ traceId: traceId(1), spanId: spanId(1), startMs: endMs }]);
});

afterAll(async () => {
  await api?.close();
  await store?.close();
  await new Promise(resolve => canary.close(resolve));
});

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
}
interface Case {
  readonly method: string;
  readonly path: string;
  readonly parameter: Parameter;
  readonly others: readonly Parameter[];
}

/** Something that each path parameter takes. */
const VALID: Readonly<Record<string, string>> = { trace_id: traceId(1), name: 'fast', id: 'none' };

async function everyParameter(): Promise<Case[]> {
  type Operations = Record<string, { parameters: Parameter[] }>;
  const { paths } = (await (await api.get('/api/v1/openapi.json')).json()) as { paths: Record<string, Operations> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { parameters }]) =>
      parameters.map(parameter => ({
        method: method.toUpperCase(),
        path,
        parameter,
        others: parameters.filter(other => other !== parameter && other.in === 'path'),
      })),
    ),
  );
}

async function ask({ method, path, parameter, others }: Case, value: string) {
  // A lone surrogate cannot be encoded: it goes as the bytes that it would have been.
  const encoded = value === '\ud800' ? '%ed%a0%80' : encodeURIComponent(value);
  let url = path;
  for (const { name } of others) url = url.replace(`{${name}}`, VALID[name] ?? 'x');
  if (parameter.in === 'path') url = url.replace(`{${parameter.name}}`, encoded);
  else url += `?${parameter.name}=${encoded}`;
  const body = method === 'GET' || method === 'DELETE' ? undefined : 'SELECT 1';
  const response = await fetch(api.url + url, { method, ...(body !== undefined && { body }) });
  return {
    url: `${method} ${url.slice(0, 200)}`,
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  };
}

/** What no question may change. */
async function standing(): Promise<unknown> {
  const tables = await store.queryRows(
    'SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name',
  );
  const counts = [];
  for (const table of ['spans', 'trace_revisions', 'slo_documents', 'slo_reports', 'slo_alerts', 'schema_migrations']) {
    counts.push([table, await store.queryRows(`SELECT count() FROM ${table}`)]);
  }
  return { tables, counts };
}

test('no parameter lets anything through', { timeout: 300_000 }, async () => {
  const cases = await everyParameter();
  expect(cases.length).toBeGreaterThan(40);
  const before = await standing();
  const values = INJECTIONS.map(text =>
    text.replace('CANARY_URL', canaryUrl).replace('CANARY_FILE', SECRET_FILE).replace('CANARY_OUT', '/nowhere/out'),
  );
  const work = cases.flatMap(each => values.map(value => ({ each, value })));
  const statuses = new Map<number, number>();
  const next = async (): Promise<void> => {
    for (let item = work.pop(); item !== undefined; item = work.pop()) {
      const { url, status, headers, text } = await ask(item.each, item.value);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // 414 and the like are the framework's, for paths that are too long.
      expect([200, 400, 404, 414], `${url}: ${text.slice(0, 300)}`).toContain(status);
      expect(text, url).not.toMatch(/root:x:0|of-the-other|DB::Exception|schema_migrations/);
      expect(headers.get('x-injected'), url).toBeNull();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  expect(await standing()).toEqual(before);
  expect(visits).toBe(0);
  // Values that are merely odd are answered: the defence is not that nothing is.
  expect(statuses.get(200) ?? 0).toBeGreaterThan(50);
  expect(statuses.get(400) ?? 0).toBeGreaterThan(500);
});
