import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore, type Store, StoreError } from '../../store/index.js';
import { columnOf } from './columns.js';
import { DATABASE, SILENT, startTestEngine, type TestEngine } from './support.js';

let test: TestEngine;
let store: Store;

beforeAll(async () => {
  test = await startTestEngine();
  store = test.store;
  await store.command('CREATE TABLE things (n UInt64, text String) ENGINE = MergeTree ORDER BY n');
});
afterAll(() => test.close());

async function errorOf(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => undefined,
    thrown => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error;
}

const endless = 'SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1';
const block = (...numbers: number[]) => [
  columnOf('n', 'UInt64', numbers),
  columnOf(
    'text',
    'String',
    numbers.map(number => `thing ${number}`),
  ),
];

describe('a query', () => {
  it('gives rows as objects, 64-bit integers and times as text', async () => {
    const sql =
      "SELECT toUInt64({n:UInt64}) AS n, toDateTime64('2026-11-24 10:00:00.123456789', 9, 'UTC') AS t, true AS b";
    expect(await store.query(sql, { n: '18446744073709551615' })).toEqual([
      { n: '18446744073709551615', t: '2026-11-24 10:00:00.123456789', b: true },
    ]);
  });

  it('gives rows as arrays in the order of columns', async () => {
    expect(await store.queryRows("SELECT 'b', 1, ['x'], map('k', 'v')")).toEqual([['b', 1, ['x'], { k: 'v' }]]);
    expect(await store.queryRows('SELECT 1 WHERE 0')).toEqual([]);
  });

  it('gives a result as the server formats it', async () => {
    const { body, contentType } = await store.queryRaw('SELECT {a:String} AS a', 'CSVWithNames', { a: 'é' });
    expect(new TextDecoder().decode(body)).toBe('"a"\n"é"\n');
    expect(contentType).toMatch(/^text\/csv/);
    const native = await store.queryRaw('SELECT toUInt8(number) FROM numbers(3)', 'Native');
    expect([...native.body.slice(-3)]).toEqual([0, 1, 2]);
    expect((await errorOf(store.queryRaw('SELECT 1', 'CSV; DROP'))).code).toBe('STORE_REJECTED');
  });

  it('has any number of others beside it without a warning of node', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    await Promise.all(Array.from({ length: 30 }, () => store.queryRows('SELECT 1')));
    await new Promise(setImmediate);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('takes settings', async () => {
    const one = { settings: { max_threads: 1 } };
    expect(await store.queryRows("SELECT toUInt8(getSetting('max_threads'))", {}, one)).toEqual([[1]]);
    const readonly = { settings: { readonly: 1, max_result_rows: 5 } };
    expect(await store.queryRows('SELECT 1', {}, readonly)).toEqual([[1]]);
    const error = await errorOf(store.queryRows('SELECT number FROM numbers(10)', {}, readonly));
    expect(error).toMatchObject({ code: 'STORE_TOO_LARGE', retryable: false, clickhouseCode: 396 });
  });

  it('that is wrong is rejected with ClickHouse’s code and name', async () => {
    expect(await errorOf(store.query('SELECT * FROM nowhere'))).toMatchObject({
      code: 'STORE_REJECTED',
      retryable: false,
      clickhouseCode: 60,
      clickhouseType: 'UNKNOWN_TABLE',
    });
  });

  it('is given up and killed when its time is over', async () => {
    expect((await errorOf(store.query(endless, {}, { timeoutMs: 250 }))).code).toBe('STORE_TIMEOUT');
    await noneRuns();
  });

  it('is given up and killed when its caller aborts', async () => {
    const stop = new AbortController();
    const answer = errorOf(store.query(endless, {}, { signal: stop.signal }));
    while ((await running()) === 0) await new Promise(next => setTimeout(next, 10));
    stop.abort(new Error('enough'));
    const { code, cause } = await answer;
    expect([code, cause]).toEqual(['STORE_UNAVAILABLE', new Error('enough')]);
    await noneRuns();
  });

  it('may have more parameters than a URL holds', async () => {
    const ids = Array.from({ length: 5_000 }, (_, at) => `id-${at}`);
    expect(await store.queryRows('SELECT length({ids:Array(String)}), {ids:Array(String)}[5000]', { ids })).toEqual([
      ['5000', 'id-4999'],
    ]);
  });
});

async function running(): Promise<number> {
  const [[count]] = await store.queryRows(
    "SELECT count() FROM system.processes WHERE query LIKE '%numbers(600)%' AND query NOT LIKE '%processes%'",
  );
  return Number(count);
}

async function noneRuns(): Promise<void> {
  while ((await running()) > 0) await new Promise(next => setTimeout(next, 10));
}

describe('an insert', () => {
  it('is there when it resolves', async () => {
    await store.insert('things', block(1, 2, 3), 3);
    expect(await store.queryRows('SELECT * FROM things ORDER BY n')).toEqual([
      ['1', 'thing 1'],
      ['2', 'thing 2'],
      ['3', 'thing 3'],
    ]);
    await store.insert('things', block(), 0);
  });

  it('that does not fit its table is rejected at once', async () => {
    expect(await errorOf(store.insert('nowhere', block(1), 1))).toMatchObject({
      code: 'STORE_REJECTED',
      retryable: false,
    });
    const wrongColumn = [columnOf('other', 'UInt64', [1])];
    expect(await errorOf(store.insert('things', wrongColumn, 1))).toMatchObject({ code: 'STORE_REJECTED' });
    const wrongType = [columnOf('n', 'Array(UInt8)', [[1]])];
    expect(await errorOf(store.insert('things', wrongType, 1))).toMatchObject({ retryable: false });
  });

  it('is tried again until the server is there', async () => {
    const port = await freePort();
    const early = openStore({ url: `http://127.0.0.1:${port}`, database: DATABASE, logger: SILENT });
    const inserted = early.insert('things', block(10), 1);
    const late = await startTestEngine({ port });
    await late.store.command('CREATE TABLE IF NOT EXISTS things (n UInt64, text String) ENGINE = MergeTree ORDER BY n');
    // The engine may have answered before the table was there.
    await inserted.catch(error => expect(error).toMatchObject({ clickhouseCode: 60 }));
    await early.insert('things', block(11), 1);
    expect(await late.store.queryRows('SELECT n FROM things WHERE n = 11')).toEqual([['11']]);
    await early.close();
    await late.close();
  });

  it('is given up when its caller aborts, or the store closes', async () => {
    const away = openStore({ url: `http://127.0.0.1:${await freePort()}`, database: DATABASE, logger: SILENT });
    const stop = new AbortController();
    const aborted = errorOf(away.insert('things', block(1), 1, stop.signal));
    setTimeout(() => stop.abort(), 250);
    expect(await aborted).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    const closed = errorOf(away.insert('things', block(1), 1));
    setTimeout(() => away.close(), 250);
    expect(await closed).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });
});

describe('a store without a server', () => {
  it('says so and is no error of the query', async () => {
    const away = openStore({ url: `http://127.0.0.1:${await freePort()}`, database: DATABASE, logger: SILENT });
    expect(await away.ping()).toBe(false);
    expect(await errorOf(away.query('SELECT 1'))).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    await away.close();
  });

  it('says so for a server that lets nobody in', async () => {
    const other = openStore({ url: test.engine.url, database: DATABASE, username: 'a', password: 'b', logger: SILENT });
    expect(await errorOf(other.query('SELECT 1'))).toMatchObject({ code: 'STORE_REJECTED', clickhouseCode: 516 });
    await other.close();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  await new Promise(closed => server.close(closed));
  return port;
}
