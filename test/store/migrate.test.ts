import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrations, OLDEST_READABLE_VERSION } from '../../schemas/index.js';
import { migrate, openStore } from '../../store/index.js';
import { RETENTION, SILENT, startTestEngine, type TestEngine } from './support.js';

let test: TestEngine;
const newest = Math.max(...migrations(RETENTION).map(({ version }) => version));

beforeAll(async () => {
  test = await startTestEngine();
});
afterAll(() => test.close());

const run = (options: Partial<Parameters<typeof migrate>[0]> = {}) =>
  migrate({ url: test.engine.url, database: 'bank', retention: RETENTION, logger: SILENT, ...options });

async function ask(sql: string): Promise<unknown[][]> {
  const store = openStore({ url: test.engine.url, database: 'bank', logger: SILENT });
  return store.queryRows(sql).finally(() => store.close());
}

it('makes the database, its tables and views, once', async () => {
  expect(await run()).toEqual({ from: 0, to: newest });
  expect(await run()).toEqual({ from: newest, to: newest });
  const names = (await ask("SELECT name FROM system.tables WHERE database = 'bank' ORDER BY name")).flat();
  expect(names).toEqual(
    expect.arrayContaining([
      'latency_now',
      'latency_rollup',
      'progress',
      'spans',
      'trace_arrivals',
      'trace_revisions',
      'traces',
    ]),
  );
  expect(await ask('SELECT count() FROM schema_migrations')).toEqual([[String(migrations(RETENTION).length)]]);
});

it('makes views that answer', async () => {
  expect(await ask("SELECT location, traces FROM latency_now(location = 'New York', window_s = 300)")).toEqual([
    ['New York', '0'],
  ]);
  expect(await ask('SELECT count() FROM traces')).toEqual([['0']]);
});

it('may be run by two processes at once', async () => {
  const results = await Promise.all([run({ database: 'both' }), run({ database: 'both' })]);
  expect(results.map(({ to }) => to)).toEqual([newest, newest]);
});

it('changes how long what is there is kept', async () => {
  await run({ retention: { ...RETENTION, spansDays: 7, rollupsDays: 90 } });
  const kept = async (table: string) => {
    const [[engine]] = await ask(`SELECT engine_full FROM system.tables WHERE database = 'bank' AND name = '${table}'`);
    return /toIntervalDay\((\d+)\)/.exec(String(engine))?.[1];
  };
  expect([await kept('spans'), await kept('latency_rollup'), await kept('trace_revisions')]).toEqual([
    '7',
    '90',
    '3650',
  ]);
  await run();
  expect(await kept('spans')).toBe('3650');
});

it('takes tables of one server for none of a cluster', async () => {
  await expect(run({ cluster: 'main' })).rejects.toMatchObject({
    code: 'STORE_SETUP',
    message: expect.stringMatching(
      /^the tables of bank are those of one server: give another store\.clickhouse\.database/,
    ),
  });
});

it('says how parts are merged where nobody has said so before', async () => {
  const settings = async (table: string) => {
    const [[engine]] = await ask(`SELECT engine_full FROM system.tables WHERE database = 'bank' AND name = '${table}'`);
    return String(engine).match(/(?:min_level_for_wide_part|merge_selector_base|min_age_to_force_merge\w+) = \d+/g);
  };
  expect(await settings('spans')).toEqual(['min_level_for_wide_part = 1', 'merge_selector_base = 10']);
  expect(await settings('trace_revisions')).toEqual(['min_level_for_wide_part = 1']);
  expect(await settings('trace_arrivals')).toEqual([
    'min_level_for_wide_part = 1',
    'merge_selector_base = 10',
    'min_age_to_force_merge_seconds = 86400',
    'min_age_to_force_merge_on_partition_only = 1',
  ]);
  const store = openStore({ url: test.engine.url, database: 'bank', logger: SILENT });
  await store.command('ALTER TABLE spans MODIFY SETTING merge_selector_base = 7');
  await store.close();
  await run();
  expect(await settings('spans')).toEqual(['min_level_for_wide_part = 1', 'merge_selector_base = 7']);
});

it('is refused where the tables are newer than the program', async () => {
  const store = openStore({ url: test.engine.url, database: 'bank', logger: SILENT });
  await store.command(`INSERT INTO schema_migrations (version, name) VALUES (${newest + 1}, 'of the future')`);
  await store.close();
  await expect(run()).rejects.toMatchObject({
    code: 'STORE_VERSION',
    message: `the tables are of version ${newest + 1}, this program knows ${newest}: update it`,
  });
});

it('is refused where the tables are of a version that has other columns', async () => {
  await run({ database: 'old' });
  const store = openStore({ url: test.engine.url, database: 'old', logger: SILENT });
  await store.command('TRUNCATE TABLE schema_migrations');
  await store.command(`INSERT INTO schema_migrations (version, name) VALUES (${OLDEST_READABLE_VERSION - 1}, 'old')`);
  await store.close();
  await expect(run({ database: 'old' })).rejects.toMatchObject({
    code: 'STORE_VERSION',
    message: expect.stringMatching(/^the tables of old are of version 5, this program reads 6 and later: start with /),
  });
});

it('is refused for a cluster that the server does not know, and for a database whose name is none', async () => {
  await expect(run({ cluster: 'main', database: 'other' })).rejects.toMatchObject({
    code: 'STORE_SETUP',
    retryable: false,
    message: expect.stringMatching(/^the server knows no cluster main \(remote_servers\); it knows: /),
  });
  await expect(run({ database: 'a; DROP' })).rejects.toMatchObject({ code: 'STORE_REJECTED' });
});

it('waits for no server', async () => {
  await expect(run({ url: 'http://127.0.0.1:9' })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    retryable: true,
  });
});
