import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PRIVATE_TABLES, TABLE_FUNCTIONS } from '../../analytics/sql/public-names.js';
import { SqlRunner } from '../../analytics/sql/run.js';
import { HIDDEN_TABLES, PUBLIC_TABLES } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertRevisions, insertSpans, LONDON, spanId, traceId } from './support/rows.js';
import { startStore, storeWith } from './support/store.js';

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  api = await startApi(store, { sql: { maxSeconds: 1, maxMemoryBytes: 100e6, maxRows: 100 } });
  const now = Date.now();
  const trace = { traceId: traceId(1), endMs: now - 1_000 };
  await insertRevisions(store, [
    { ...trace, durationMs: 100 },
    { ...trace, spans: 2, durationMs: 200 },
    { ...trace, traceId: traceId(2), durationMs: 300 },
    { ...trace, traceId: traceId(3), place: LONDON, hasRoot: false },
    { ...trace, traceId: traceId(4), spans: 1 },
    { ...trace, traceId: traceId(4), spans: 2, isDeleted: true },
    { ...trace, traceId: traceId(5), tenant: 'other', durationMs: 900 },
  ]);
  const span = { traceId: traceId(1), spanId: spanId(1), startMs: now };
  await insertSpans(store, [span, { ...span, spanId: spanId(2) }, { ...span, tenant: 'other' }]);
  // The same span again, received the day before: another partition.
  await insertSpans(store, [{ ...span, version: 2 }], now - 86_400_000);
  await store.command("INSERT INTO progress (name, instance, state) VALUES ('stitcher', 'a', '{}')");
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

async function rowsOf(query: string): Promise<unknown> {
  const response = await api.sql(query, '?format=JSONCompactEachRow');
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
}

describe('what a query sees', () => {
  test('current traces of this tenant alone, in the view, the table below it and the parameterised view', async () => {
    const durations = [[200], [300]];
    expect(await rowsOf('SELECT duration_ms FROM traces WHERE has_root ORDER BY 1')).toEqual(durations);
    expect(await rowsOf('SELECT duration_ns / 1e6 FROM trace_revisions WHERE has_root ORDER BY 1')).toEqual(durations);
    const now =
      "SELECT location, toUInt32(traces), toUInt32(unknown), p50_ms, p99_ms FROM latency_now(location = 'us-ny', window_s = 300)";
    expect(await rowsOf(now)).toEqual([['us-ny', 2, 0, 300, 300]]);
    expect(await rowsOf("SELECT toUInt32(traces) FROM latency_now(location = '', window_s = 300)")).toEqual([[3]]);
  });

  test('every span once, however often and on whatever days it was received', async () => {
    expect(await rowsOf('SELECT toUInt32(count()) FROM spans')).toEqual([[2]]);
  });

  test('`SELECT *` has the columns that are stored as part of others', async () => {
    const response = await api.sql(`SELECT * FROM spans WHERE span_id = '${spanId(2)}'`, '?format=JSONEachRow');
    expect(JSON.parse(await response.text())).toMatchObject({ resource: { 'service.name': 'web' }, duration_ms: 10 });
  });

  test('the rollup', async () => {
    const query =
      'SELECT toUInt32(sum(traces)), round(quantilesDDMerge(0.01, 1)(latency)[1] / 3e8, 1) FROM latency_rollup';
    await expect.poll(() => rowsOf(query)).toEqual([[3, 1]]);
  });

  test('only tables that are listed, public, hidden or private: whoever adds one decides which', async () => {
    const rows = await store.queryRows('SELECT name FROM system.tables WHERE database = currentDatabase()');
    const known = new Set([...PUBLIC_TABLES, ...HIDDEN_TABLES, ...PRIVATE_TABLES, ...TABLE_FUNCTIONS]);
    // On a cluster each has a `_local` one below it, which is refused for not being listed.
    expect(rows.flat().filter(name => !known.has(String(name).replace(/_local$/, '')))).toEqual([]);
  });
});

describe('bodies and formats', () => {
  test('JSON is the default', async () => {
    const response = await api.sql('SELECT 1 AS one');
    expect(response.headers.get('content-type')).toMatch(/application\/json/);
    expect(await response.json()).toMatchObject({
      meta: [{ name: 'one', type: 'UInt8' }],
      data: [{ one: 1 }],
      rows: 1,
    });
  });

  test.each([
    ['CSV', '1,"x"\n'],
    ['csvwithnames', '"a","b"\n1,"x"\n'],
    ['TSV', '1\tx\n'],
    ['JSONEachRow', '{"a":1,"b":"x"}\n'],
  ])('format=%s', async (format, text) => {
    const response = await api.sql("SELECT 1 AS a, 'x' AS b;", `?format=${format}`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(text);
  });

  test.each<[type: string, body: string]>([
    ['application/json', '{"query":"SELECT 7"}'],
    ['application/json; charset=utf-8', '{"query":"SELECT 7"}'],
    ['application/x-www-form-urlencoded', 'SELECT 7 -- as curl -d sends it'],
    ['application/sql', 'SELECT 7'],
  ])('a body of type %s', async (type, body) => {
    const response = await api.sql(body, '?format=CSV', { 'content-type': type });
    expect(await response.text()).toBe('7\n');
  });

  test('unicode goes through unharmed', async () => {
    expect(await rowsOf("SELECT 'São Paulo 東京 🚀'")).toEqual([['São Paulo 東京 🚀']]);
  });

  test.each(['{"query":7}', '{"query":"SELECT 1","format":"CSV"}', '[]', 'SELECT 1'])(
    'the JSON body %s is refused',
    async body => {
      const error = await errorOf(await api.sql(body, '', { 'content-type': 'application/json' }));
      expect(error).toMatchObject({ status: 400, code: 'API_BODY_INVALID' });
    },
  );

  test('an unknown format or parameter is refused', async () => {
    const error = await errorOf(await api.sql('SELECT 1', '?format=Parquet'));
    expect(error).toMatchObject({ status: 400, code: 'API_PARAMETER_INVALID' });
    expect(error.message).toMatch(/format='Parquet'.*JSONEachRow/);
    const other = await errorOf(await api.sql('SELECT 1', '?max_threads=64'));
    expect(other.message).toMatch(/max_threads='64': no such parameter/);
  });
});

describe('refusals', () => {
  test.each([
    ['DROP TABLE spans', 'SQL_REFUSED'],
    ['SELECT 1; SELECT 2', 'SQL_REFUSED'],
    ['SELECT * FROM progress', 'SQL_REFUSED'],
    ["SELECT file('/etc/hostname')", 'SQL_REFUSED'],
    ["SELECT 1 INTO OUTFILE '/tmp/throughline-test'", 'SQL_REFUSED'],
    ['', 'SQL_REFUSED'],
    ['SELECT nosuchcolumn FROM spans', 'SQL_INVALID'],
    ['SELECT FROM WHERE', 'SQL_REFUSED'],
    ['SELECT 1 +', 'SQL_INVALID'],
    ["SELECT throwIfNot('x')", 'SQL_INVALID'],
    ["SELECT toUInt8('x')", 'SQL_INVALID'],
  ])('%s', async (query, code) => {
    expect(await errorOf(await api.sql(query))).toMatchObject({ status: 400, code });
  });

  test('a mistake is told in the words of ClickHouse', async () => {
    const error = await errorOf(await api.sql('SELECT nosuchcolumn FROM spans'));
    expect(error.message).toMatch(/nosuchcolumn/);
  });

  test.each([
    ['time', 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))'],
    ['memory', 'SELECT length(groupArray(toString(number))) FROM numbers(100000000)'],
    ['rows or bytes of the answer', 'SELECT number FROM numbers(101)'],
    ['rows or bytes of the answer', "SELECT repeat('x', 999900 + number) FROM numbers(30)"],
  ])('a query beyond its limit of %s', async (limit, query) => {
    const error = await errorOf(await api.sql(query));
    expect(error).toMatchObject({ status: 400, code: 'SQL_LIMIT_EXCEEDED' });
    expect(error.message).toContain(limit);
  });

  test('as many rows as the limit are given', async () => {
    expect(await rowsOf('SELECT number FROM numbers(100)')).toHaveLength(100);
  });

  test('a query that fails half way leaves nothing of its answer to the next one', async () => {
    await api.sql('SELECT number FROM numbers(101)', '?format=CSV');
    expect(await rowsOf('SELECT 1')).toEqual([[1]]);
  });

  test('a body that is too large', async () => {
    const error = await errorOf(await api.sql(`SELECT '${'x'.repeat(300_000)}'`));
    expect(error).toMatchObject({ status: 413, code: 'API_BODY_TOO_LARGE' });
  });

  test('what slips through the check still cannot write or read private rows', async () => {
    // Straight to the store, with the settings of the SQL path, as if the check were not there.
    let settings: Readonly<Record<string, string | number>> = {};
    const spy = storeWith(store, {
      queryRaw: (sql, format, parameters, options) => {
        settings = options?.settings ?? {};
        return store.queryRaw(sql, format, parameters, options);
      },
    });
    const runner = new SqlRunner({
      sqlStore: { store: spy, isReadonly: false },
      tenant: 'default',
      sql: { maxSeconds: 1, maxMemoryBytes: 1e8, maxRows: 10, maxConcurrent: 1 },
    });
    await runner.run('SELECT 1', 'CSV');
    const raw = async (sql: string) =>
      Buffer.from((await store.queryRaw(sql, 'CSV', undefined, { settings })).body).toString();
    expect(await raw('SELECT count() FROM progress')).toBe('0\n');
    expect(await raw("SELECT count() FROM traces WHERE tenant = 'other'")).toBe('0\n');
    await expect(raw("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')")).rejects.toThrow(
      /readonly|not allowed|privileges/i,
    );
    await expect(store.command('DROP TABLE spans', undefined, { settings })).rejects.toThrow(/readonly/i);
  });

  test('more queries at a time than are allowed wait for later', async () => {
    const busy = await startApi(store, { sql: { maxSeconds: 1, maxMemoryBytes: 1e8, maxRows: 10, maxConcurrent: 0 } });
    const response = await busy.sql('SELECT 1');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await errorOf(response)).toMatchObject({ status: 429, code: 'SQL_BUSY' });
    await busy.close();
  });
});
