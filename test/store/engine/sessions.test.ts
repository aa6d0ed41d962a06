/** Sessions are used again by queries under the same terms (store/engine/session-pool.ts): nothing of one reaches the next. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DATABASE, post, startTestEngine, type TestEngine } from '../support.js';

let test: TestEngine;
let url: string;

beforeAll(async () => {
  test = await startTestEngine();
  url = test.engine.url;
  await test.store.command('CREATE TABLE things (n UInt64) ENGINE = MergeTree ORDER BY n');
});
afterAll(() => test.close());

it('parameters are those of the query', async () => {
  const ask = 'SELECT {a:String} FORMAT TSVRaw';
  for (const value of ['one', 'two', "it's", '']) {
    expect((await post(url, ask, { param_a: value })).text).toBe(`${value}\n`);
  }
  const { status, text } = await post(url, ask, { param_b: 'another' });
  expect([status, text]).toEqual([500, expect.stringContaining('Substitution `a` is not set')]);
  expect((await post(url, ask)).status).toBe(500);
});

it('settings are those of the query, however many there are', async () => {
  const ask = "SELECT toUInt32(getSetting('max_block_size')), {a:UInt8}";
  for (let round = 0; round < 2; round++) {
    for (let size = 1_000; size < 1_040; size++) {
      const answer = await post(url, ask, { max_block_size: String(size), param_a: String(round) });
      expect(answer.text).toBe(`${size}\t${round}\n`);
    }
  }
});

it('the database is that of the query', async () => {
  for (const database of ['default', DATABASE, 'default']) {
    expect((await post(url, 'SELECT currentDatabase()', { database })).text).toBe(`${database}\n`);
  }
});

it('one that may only read leaves no other unable to write, and none that writes lets it', async () => {
  for (let round = 0; round < 3; round++) {
    expect((await post(url, 'INSERT INTO things SELECT 1')).status).toBe(200);
    expect((await post(url, 'INSERT INTO things SELECT 1', { readonly: '1' })).text).toContain('READONLY');
    expect((await post(url, 'SELECT 1', { readonly: '1' })).text).toBe('1\n');
  }
});

it('an answer that broke off leaves nothing before the next one', async () => {
  const breaking = 'SELECT throwIf(number = 150000) FROM numbers(200000) SETTINGS max_block_size = 1000';
  for (let round = 0; round < 3; round++) {
    await post(url, breaking).catch(() => {});
    expect((await post(url, 'SELECT 7')).text).toBe('7\n');
  }
});

it('what a statement makes for itself is gone after it', async () => {
  expect((await post(url, 'CREATE TEMPORARY TABLE mine (n UInt8) ENGINE = Memory')).status).toBe(200);
  expect((await post(url, 'SELECT * FROM mine')).status).toBe(404);
  expect((await post(url, 'SET max_block_size = 17')).status).toBe(200);
  expect((await post(url, "SELECT getSetting('max_block_size') = 17")).text).toBe('0\n');
});

it.each(["a'b", 'a*/ SELECT 2 /*', 'ü \\'])('a query is killed by its id: %s', async query_id => {
  const id = query_id.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  const endless = post(url, 'SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1', { query_id });
  for (let killed = ''; killed === ''; ) killed = (await post(url, `KILL QUERY WHERE query_id = '${id}'`)).text;
  expect(await endless).toMatchObject({ status: 500, text: expect.stringContaining('QUERY_WAS_CANCELLED') });
  expect((await post(url, 'SELECT 1', { query_id })).text).toBe('1\n');
});
