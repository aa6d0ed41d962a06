import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestEngine, type TestEngine } from '../support.js';

const MAX_MEMORY_BYTES = 800e6;
/** Some gigabytes, whatever the query itself may take. */
const GREEDY = 'SELECT length(groupArray(toString(number))) FROM numbers(100000000) SETTINGS max_memory_usage = 0';

let tested: TestEngine;

beforeAll(async () => {
  tested = await startTestEngine({ maxMemoryBytes: MAX_MEMORY_BYTES });
});

afterAll(() => tested?.close());

test('a query that would take more than the engine may have fails, retryably, and the others go on', async () => {
  const { store } = tested;
  await store.command('CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n');
  const greedy = store.query(GREEDY, undefined, { timeoutMs: 60_000 }).then(
    () => 'answered',
    error => error,
  );
  const modest: unknown[][][] = [];
  for (let i = 0; i < 10; i++) modest.push(await store.queryRows('SELECT 1'));
  expect(modest.flat(2)).toEqual(Array(10).fill(1));
  expect(await greedy).toMatchObject({ clickhouseCode: 241 });
  await store.command('INSERT INTO t SELECT number FROM numbers(1000)');
  expect(await store.queryRows('SELECT count() FROM t')).toEqual([['1000']]);
});
