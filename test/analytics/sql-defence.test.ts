/**
 * What POST /api/v1/sql must never do: through the API, and once more past the check of the text, with no more than the
 * settings that its queries run with, as if the check had a hole.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SqlRunner } from '../../analytics/sql/run.js';
import { PUBLIC_TABLES } from '../../schemas/index.js';
import type { QueryOptions, Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { sqlStoreOf, startStore, storeWith } from './support/store.js';

const SECRET = 'the-secret-of-the-file';
const LIMITS = { maxSeconds: 1, maxMemoryBytes: 100e6, maxRows: 100, maxConcurrent: 4 };

let store: Store;
let api: TestApi;
let canary: Server;
let port: number;
let visits = 0;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-sql-'));
  writeFileSync(join(directory, 'secret.csv'), `${SECRET}\n`);
  canary = createServer(socket => {
    visits++;
    socket.destroy();
  });
  await new Promise<void>(resolve => canary.listen(0, '127.0.0.1', resolve));
  ({ port } = canary.address() as { port: number });
  store = await startStore();
  api = await startApi(store, { sql: LIMITS });
});

afterAll(async () => {
  await api?.close();
  await store?.close();
  await new Promise(resolve => canary.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

const placed = (sql: string) =>
  sql
    .replaceAll('SECRET_FILE', join(directory, 'secret.csv'))
    .replaceAll('OUT_FILE', join(directory, 'out'))
    .replaceAll('HOST', `127.0.0.1:${port}`);

/** Files, network, programs, writes: the engine refuses them by itself, too. */
const BEYOND: readonly [what: string, sql: string][] = [
  ['the function file', "SELECT file('SECRET_FILE')"],
  ['the table function file', "SELECT * FROM file('SECRET_FILE', 'CSV', 'a String')"],
  ['a file by its name', "SELECT * FROM 'SECRET_FILE'"],
  ['fileCluster', "SELECT * FROM fileCluster('default', 'SECRET_FILE', 'CSV', 'a String')"],
  ['url', "SELECT * FROM url('http://HOST/', 'CSV', 'a String')"],
  ['urlCluster', "SELECT * FROM urlCluster('default', 'http://HOST/', 'CSV', 'a String')"],
  ['s3', "SELECT * FROM s3('http://HOST/bucket/key', 'CSV', 'a String')"],
  ['gcs', "SELECT * FROM gcs('http://HOST/bucket/key', 'CSV', 'a String')"],
  ['hdfs', "SELECT * FROM hdfs('hdfs://HOST/x', 'CSV', 'a String')"],
  ['azureBlobStorage', "SELECT * FROM azureBlobStorage('http://HOST/', 'c', 'b', 'a', 'k', 'CSV', 'auto', 'a String')"],
  ['remote', "SELECT * FROM remote('HOST', system.one)"],
  ['remoteSecure', "SELECT * FROM remoteSecure('HOST', system.one)"],
  ['mysql', "SELECT * FROM mysql('HOST', 'd', 't', 'u', 'p')"],
  ['postgresql', "SELECT * FROM postgresql('HOST', 'd', 't', 'u', 'p')"],
  ['mongodb', "SELECT * FROM mongodb('HOST', 'd', 't', 'u', 'p', 'a String')"],
  ['redis', "SELECT * FROM redis('HOST', 'key', 'key String')"],
  ['sqlite', "SELECT * FROM sqlite('SECRET_FILE', 't')"],
  ['odbc', "SELECT * FROM odbc('DSN=x', 'd', 't')"],
  ['iceberg', "SELECT * FROM iceberg('http://HOST/x')"],
  ['executable', "SELECT * FROM executable('id', TSV, 'a String')"],
  ['Python', "SELECT * FROM Python('x')"],
  ['INTO OUTFILE', "SELECT 1 INTO OUTFILE 'OUT_FILE'"],
  ['a second statement', 'SELECT 1; DROP TABLE spans'],
  ['a second SELECT', 'SELECT 1; SELECT 2'],
  ['INSERT', "INSERT INTO slo_documents (name) VALUES ('pwned')"],
  ['INSERT … SELECT', 'INSERT INTO spans SELECT * FROM spans'],
  ['INSERT INTO FUNCTION file', "INSERT INTO FUNCTION file('OUT_FILE', 'CSV', 'a UInt8') VALUES (1)"],
  ['CREATE', 'CREATE TABLE pwned (n UInt8) ENGINE = Memory'],
  [
    'CREATE DICTIONARY',
    "CREATE DICTIONARY d (n UInt64) PRIMARY KEY n SOURCE(HTTP(url 'http://HOST/' format 'CSV')) LIFETIME(1) LAYOUT(FLAT())",
  ],
  ['DROP', 'DROP TABLE spans'],
  ['ALTER', 'ALTER TABLE spans DELETE WHERE 1'],
  ['SYSTEM', 'SYSTEM SHUTDOWN'],
  ['SET', 'SET readonly = 0'],
  ['SETTINGS', 'SELECT 1 SETTINGS readonly = 0'],
  ['a dictionary', "SELECT dictGet('d', 'n', toUInt64(1))"],
];

/** Doors of the embedded engine that its role for SQL, and its read-only session, keep shut. */
const PRIVATE: readonly [what: string, sql: string][] = [
  ['KILL', 'KILL QUERY WHERE 1'],
  ['SETTINGS of a subquery', 'SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)'],
  ['another tenant', "SELECT * FROM (SELECT * FROM spans SETTINGS additional_table_filters = '{}')"],
  ['SETTINGS without a value', 'SELECT * FROM (SELECT 1 SETTINGS final)'],
  ['another role', 'SET ROLE throughline_owner'],
  ['a role beside a query', 'SET ROLE ALL; SELECT 1'],
  ['a private table', 'SELECT * FROM progress'],
  ['a private table in a subquery', 'SELECT * FROM (SELECT 1 WHERE 1 IN (SELECT 1 FROM trace_arrivals))'],
  ['the tables of migrations', 'SELECT * FROM schema_migrations'],
  ['users', 'SELECT * FROM system.users'],
  ['roles', 'SELECT * FROM system.roles'],
  ['SHOW', 'SHOW ACCESS'],
];

/** What the engine shows to anybody: the check of the text keeps it out, and of what matters there are no rows. */
const OF_THE_SERVER: readonly [what: string, sql: string][] = [
  ['system.processes', 'SELECT query FROM system.processes'],
  ['system.tables', "SELECT * FROM system.tables WHERE name = 'progress'"],
  ['information_schema', "SELECT * FROM information_schema.tables WHERE table_name = 'progress'"],
  ['INFORMATION_SCHEMA', "SELECT * FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'progress'"],
];

/** Harmless, and none of a stranger's business. */
const IDLE: readonly [what: string, sql: string][] = [
  ['system.settings', 'SELECT * FROM system.settings'],
  ['getSetting', "SELECT getSetting('additional_table_filters')"],
  ['getSettingOrDefault', "SELECT getSettingOrDefault('readonly', 1)"],
  ['SHOW', 'SHOW TABLES'],
  ['sleep', 'SELECT sleep(3)'],
  ['sleepEachRow', 'SELECT sleepEachRow(1) FROM numbers(100)'],
  ['a hidden table', 'SELECT * FROM slo_documents'],
];

async function expectNothingHappened(): Promise<void> {
  expect(visits).toBe(0);
  expect(existsSync(join(directory, 'out'))).toBe(false);
  const tables = (await store.queryRows('SELECT name FROM system.tables WHERE database = currentDatabase()')).flat();
  expect(tables).toContain('spans');
  expect(tables).not.toContain('pwned');
  expect(await store.queryRows("SELECT count() FROM slo_documents WHERE name = 'pwned'")).toEqual([['0']]);
}

describe('through the API', () => {
  test.each([...BEYOND, ...PRIVATE, ...OF_THE_SERVER, ...IDLE])('%s is refused', async (_what, sql) => {
    const error = await errorOf(await api.sql(placed(sql)));
    expect(error).toMatchObject({ status: 400, code: 'SQL_REFUSED' });
    expect(error.message).not.toContain(SECRET);
    await expectNothingHappened();
  });
});

describe('past the check, with the settings of the path alone', () => {
  let options: QueryOptions = {};

  beforeAll(async () => {
    const spy = storeWith(store, {
      queryRaw: (sql, format, parameters, sent) => {
        options = { ...sent, timeoutMs: 20_000 };
        return store.queryRaw(sql, format, parameters, sent);
      },
    });
    const runner = new SqlRunner({ sqlStore: { ...sqlStoreOf(store), store: spy }, tenant: 'default', sql: LIMITS });
    await runner.run('SELECT 1', 'CSV');
  });

  test('its session is read-only', () => {
    expect(options.settings?.readonly).toBe(1);
  });

  test.each([...BEYOND, ...PRIVATE])('%s is refused by the engine', async (_what, sql) => {
    await expect(store.queryRaw(placed(sql), 'CSV', undefined, options)).rejects.toThrow();
    await expect(store.command(placed(sql), undefined, options)).rejects.toThrow();
    await expectNothingHappened();
  });

  test.each(OF_THE_SERVER)('of %s there are no rows', async (_what, sql) => {
    expect(Buffer.from((await store.queryRaw(sql, 'CSV', undefined, options)).body).toString()).toBe('');
  });

  test('what is public is there', async () => {
    for (const table of PUBLIC_TABLES) await store.queryRaw(`SELECT * FROM ${table}`, 'CSV', undefined, options);
    await store.queryRaw("SELECT traces FROM latency_now(location = '', window_s = 60)", 'CSV', undefined, options);
  });

  test.each([
    ['time', 159, 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))'],
    ['time asleep', 159, 'SELECT sum(sleepEachRow(0.00003)) FROM numbers(1000000)'],
    ['memory', 241, 'SELECT length(groupArray(toString(number))) FROM numbers(100000000)'],
    ['rows', 396, 'SELECT number FROM numbers(101)'],
    ['bytes', 396, "SELECT repeat('x', 999900 + number) FROM numbers(30)"],
  ])('a query has no more %s than its limit', async (_what, code, sql) => {
    const error = await store.queryRaw(sql, 'CSV', undefined, options).then(
      () => expect.unreachable('it was answered'),
      thrown => thrown,
    );
    // By its own limit: another one would have stopped it, too, later.
    expect(error).toMatchObject({ clickhouseCode: code });
    if (code === 159) expect(error.message).toMatch(/maximum: 1000/);
  });
});
