import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureVersion } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  migrate,
  type OpenStoreOptions,
  openSqlStore,
  openStore,
  type Store,
  withPatience,
} from '../../store/index.js';
import { columnOf } from './columns.js';
import { type Passing, type ProxyOptions, startProxy } from './proxy.js';
import { DATABASE, RETENTION, SILENT, startTestEngine, type TestEngine } from './support.js';

const CERTIFICATES = 'test/ingest/support/certificates';
const pem = (name: string) => join(CERTIFICATES, `${name}.pem`);
const read = (name: string) => readFileSync(pem(name));
const VERSION: SecureVersion = 'TLSv1.3';
const serverTls = { cert: read('server.cert'), key: read('server.key'), minVersion: VERSION };

let engine: TestEngine;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  engine = await startTestEngine();
  await migrate({ url: engine.engine.url, database: DATABASE, retention: RETENTION, logger: SILENT });
  await engine.store.command('CREATE TABLE things (n UInt64, text String) ENGINE = ReplacingMergeTree ORDER BY n');
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
afterAll(() => engine.close());

async function proxy(options: ProxyOptions) {
  const started = await startProxy(engine.engine.url, options);
  open.unshift(started);
  return started;
}

function storeAt(url: string, options: Partial<OpenStoreOptions> = {}): Store {
  const store = openStore({ url, database: DATABASE, logger: SILENT, ...options });
  open.unshift(store);
  return store;
}

const block = (numbers: readonly number[]) => [
  columnOf('n', 'UInt64', numbers),
  columnOf(
    'text',
    'String',
    numbers.map(number => `thing ${number}`),
  ),
];

describe('TLS', () => {
  it('trusts the authority it is given, and works both ways', async () => {
    const { url } = await proxy({ tls: serverTls });
    const store = storeAt(url, { tls: { caFile: pem('authority.cert') } });
    await store.insert('things', block([1, 2]), 2);
    expect(await store.queryRows('SELECT count() FROM things WHERE n <= 2')).toEqual([['2']]);
  });

  it('refuses a server that nobody it trusts vouches for, at once, and says what to look at', async () => {
    const { url } = await proxy({ tls: serverTls });
    const connection = { url, database: DATABASE };
    const refused = withPatience(() => migrate({ ...connection, retention: RETENTION, logger: SILENT }), {
      connection,
      logger: SILENT,
    });
    await expect(refused).rejects.toMatchObject({
      code: 'STORE_SETUP',
      retryable: false,
      message: expect.stringMatching(/TLS failed \([A-Z_]+\).*store\.clickhouse\.tls/),
    });
  });

  it('shows its certificate to a server that asks for one', async () => {
    const mutual = { ...serverTls, ca: read('authority.cert'), requestCert: true, rejectUnauthorized: true };
    const { url } = await proxy({ tls: mutual });
    const tls = { caFile: pem('authority.cert') };
    const shown = storeAt(url, { tls: { ...tls, certFile: pem('client.cert'), keyFile: pem('client.key') } });
    expect(await shown.queryRows('SELECT 1')).toEqual([[1]]);
    const connection = { url, database: DATABASE, tls };
    const refused = withPatience(() => migrate({ ...connection, retention: RETENTION, logger: SILENT }), {
      connection,
      logger: SILENT,
    });
    await expect(refused).rejects.toMatchObject({ code: 'STORE_SETUP', message: expect.stringMatching(/TLS failed/) });
  });

  it('says which file it cannot read', () => {
    expect(() => storeAt('https://127.0.0.1:1', { tls: { caFile: 'nowhere.pem' } })).toThrow(
      'cannot read nowhere.pem (store.clickhouse.tls)',
    );
  });
});

describe('compression', () => {
  it('gzip shrinks what goes out and what comes in', async () => {
    const sent: Passing[] = [];
    const encodings: unknown[] = [];
    const { url } = await proxy({
      request: passing => {
        sent.push(passing);
        return passing;
      },
      answer: answer => {
        encodings.push(answer.headers['content-encoding']);
        return answer;
      },
    });
    const store = storeAt(url, { compression: 'gzip' });
    const numbers = Array.from({ length: 5_000 }, (_, at) => at + 100_000);
    await store.insert('things', block(numbers), numbers.length);
    const [insert] = sent;
    expect(insert.headers['content-encoding']).toBe('gzip');
    expect(insert.body.length).toBeLessThan(gunzipSync(insert.body).length / 2);
    const rows = await store.queryRows('SELECT text FROM things WHERE n >= 100000 ORDER BY n');
    expect([rows.length, rows[0]]).toEqual([5_000, ['thing 100000']]);
    const { body } = await store.queryRaw('SELECT count() FROM things WHERE n >= 100000', 'CSV');
    expect(Buffer.from(body).toString()).toBe('5000\n');
    expect(encodings.at(-1)).toBe('gzip');
    expect(encodings.at(-2)).toBe('gzip');
  });

  it('none sends bytes as they are', async () => {
    const sent: Passing[] = [];
    const { url } = await proxy({
      request: passing => {
        sent.push(passing);
        return passing;
      },
    });
    await storeAt(url).insert('things', block([5]), 1);
    expect(sent[0].headers['content-encoding']).toBeUndefined();
    expect(sent[0].body.includes('thing 5')).toBe(true);
  });
});

describe('an insert whose answer is lost', () => {
  it.each(['none', 'gzip'] as const)('is sent again as it was and counts once (compression %s)', async compression => {
    const bodies: Buffer[] = [];
    let lost = 0;
    const { url } = await proxy({
      answer: (answer, { url: asked, body }) => {
        if (!asked.searchParams.get('query')?.startsWith('INSERT')) return answer;
        expect(answer.status).toBe(200);
        bodies.push(compression === 'gzip' ? gunzipSync(body) : body);
        return lost++ < 2 ? undefined : answer;
      },
    });
    const base = compression === 'gzip' ? 1_000 : 2_000;
    const numbers = Array.from({ length: 50 }, (_, at) => base + at);
    const within = `n >= ${base} AND n < ${base + 50}`;
    await engine.store.command('SYSTEM STOP MERGES');
    await storeAt(url, { compression }).insert('things', block(numbers), numbers.length);
    expect(bodies).toHaveLength(3);
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
    expect(await engine.store.queryRows(`SELECT count() FROM things WHERE ${within}`)).toEqual([['150']]);
    expect(await engine.store.queryRows(`SELECT count() FROM things FINAL WHERE ${within}`)).toEqual([['50']]);
  });

  it('is given up on after the time for one try, and tried again', async () => {
    let tries = 0;
    const { url } = await proxy({
      request: passing => {
        const isInsert = passing.url.searchParams.get('query')?.startsWith('INSERT');
        return isInsert && ++tries === 1 ? 'never' : passing;
      },
    });
    await storeAt(url, { requestTimeoutMs: 400 }).insert('things', block([7_000]), 1);
    expect(tries).toBe(2);
    expect(await engine.store.queryRows('SELECT count() FROM things FINAL WHERE n = 7000')).toEqual([['1']]);
  });
});

describe('a login', () => {
  /** A server with users: lets in whom it knows, and gives each the profile of that user. */
  function server(users: Readonly<Record<string, { password: string; readonly?: string }>>, seen: string[] = []) {
    return proxy({
      request: ({ url, body, headers }) => {
        const [user, password] = Buffer.from((headers.authorization ?? '').slice('Basic '.length), 'base64')
          .toString()
          .split(':');
        seen.push(user);
        const known = users[user];
        if (known === undefined || known.password !== password) {
          const text = `Code: 516. DB::Exception: ${user}: Authentication failed. (AUTHENTICATION_FAILED)`;
          const failed = { 'x-clickhouse-exception-code': '516' };
          return { answer: { status: 403, headers: failed, body: Buffer.from(text) } };
        }
        if (known.readonly !== undefined) {
          // A profile's value may be repeated, not changed.
          if ((url.searchParams.get('readonly') ?? known.readonly) !== known.readonly) {
            const text = "Code: 164. DB::Exception: Cannot modify 'readonly' setting in readonly mode. (READONLY)";
            return {
              answer: { status: 500, headers: { 'x-clickhouse-exception-code': '164' }, body: Buffer.from(text) },
            };
          }
          if (known.readonly === '1' && url.searchParams.has('wait_end_of_query')) {
            const text = "Code: 164. DB::Exception: Cannot modify 'x' setting in readonly mode. (READONLY)";
            return {
              answer: { status: 500, headers: { 'x-clickhouse-exception-code': '164' }, body: Buffer.from(text) },
            };
          }
          url.searchParams.set('readonly', known.readonly);
        }
        const { authorization: _own, ...rest } = headers;
        return { url, body, headers: rest };
      },
    });
  }

  it('with a wrong password ends at once, names the setting and not the password', async () => {
    const { url } = await server({ main: { password: 'right' } });
    const connection = { url, database: DATABASE, username: 'main', password: 'wrong-hunter2' };
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const error = await withPatience(() => migrate({ ...connection, retention: RETENTION, logger }), {
      connection,
      logger,
    }).catch(thrown => thrown);
    expect(error).toMatchObject({ code: 'STORE_SETUP', retryable: false });
    expect(error.message).toMatch(/does not let user main in: check store\.clickhouse\.username and \.password/);
    expect(JSON.stringify([error.message, error.stack, String(error.cause), lines])).not.toContain('hunter2');
  });

  it('of its own serves SQL alone, and no query of it says readonly', async () => {
    const seen: string[] = [];
    const { url } = await server({ main: { password: 'm' }, reader: { password: 'r', readonly: '2' } }, seen);
    const options = { url, database: DATABASE, username: 'main', password: 'm', logger: SILENT };
    const main = storeAt(url, options);
    const sql = await openSqlStore(main, options, { username: 'reader', password: 'r' });
    open.unshift(sql.store);
    expect(sql.isReadonly).toBe(true);
    seen.length = 0;
    const limits = { settings: { max_result_rows: 5, final: 1 } };
    await sql.store.queryRaw('SELECT count() FROM spans', 'CSV', undefined, limits);
    await main.queryRows('SELECT 1');
    expect(seen).toEqual(['reader', 'main']);
    await expect(sql.store.command('DROP TABLE spans')).rejects.toThrow(/readonly/i);
    await expect(sql.store.queryRows('SELECT 1', {}, { settings: { readonly: 0 } })).rejects.toThrow(/readonly/i);
  });

  it('of its own that is not read-only is made so by every query', async () => {
    const { url } = await server({ main: { password: 'm' }, reader: { password: 'r' } });
    const options = { url, database: DATABASE, username: 'main', password: 'm', logger: SILENT };
    const sql = await openSqlStore(storeAt(url, options), options, { username: 'reader', password: 'r' });
    open.unshift(sql.store);
    expect(sql.isReadonly).toBe(false);
  });

  it('of its own with readonly = 1 is refused, for it could be given no limits', async () => {
    const { url } = await server({ main: { password: 'm' }, reader: { password: 'r', readonly: '1' } });
    const options = { url, database: DATABASE, username: 'main', password: 'm', logger: SILENT };
    await expect(
      openSqlStore(storeAt(url, options), options, { username: 'reader', password: 'r' }),
    ).rejects.toMatchObject({ code: 'STORE_SETUP', message: expect.stringMatching(/set readonly = 2 in its profile/) });
  });

  it('of its own with a wrong password names the setting', async () => {
    const { url } = await server({ main: { password: 'm' } });
    const options = { url, database: DATABASE, username: 'main', password: 'm', logger: SILENT };
    await expect(
      openSqlStore(storeAt(url, options), options, { username: 'reader', password: 'x' }),
    ).rejects.toMatchObject({
      code: 'STORE_SETUP',
      message: expect.stringMatching(/check store\.clickhouse\.sql\.username/),
    });
  });
});

describe('a server', () => {
  const migrateAt = (url: string) => () => migrate({ url, database: DATABASE, retention: RETENTION, logger: SILENT });

  it('of an old version is refused', async () => {
    const old = Buffer.from('{"version":"23.8.2.7"}\n');
    const { url } = await proxy({ request: () => ({ answer: { status: 200, headers: {}, body: old } }) });
    await expect(migrateAt(url)()).rejects.toMatchObject({
      code: 'STORE_SETUP',
      message: 'the server is ClickHouse 23.8.2.7: update it to 24.8 or newer',
    });
  });

  it('where the user may not make tables is refused with what to do', async () => {
    const denied = Buffer.from('Code: 497. DB::Exception: u: Not enough privileges. (ACCESS_DENIED)');
    const { url } = await proxy({
      request: passing =>
        passing.body.toString().includes('CREATE DATABASE')
          ? { answer: { status: 500, headers: { 'x-clickhouse-exception-code': '497' }, body: denied } }
          : passing,
    });
    const connection = { url, database: 'new' };
    const refused = withPatience(() => migrate({ ...connection, retention: RETENTION, logger: SILENT }), {
      connection,
      logger: SILENT,
    });
    await expect(refused).rejects.toMatchObject({
      code: 'STORE_SETUP',
      message: expect.stringMatching(/user default lacks rights; grant what docs\/clickhouse\.md lists/),
    });
  });

  it('that is not there yet is waited for, and the log says so without the login', async () => {
    let isUp = false;
    const { url } = await proxy({
      request: passing => passing,
      answer: answer => (isUp ? answer : undefined),
    });
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const connection = { url: url.replace('://', '://someone:hunter2@'), database: DATABASE };
    const waiting = withPatience(migrateAt(url), { connection, logger });
    setTimeout(() => {
      isUp = true;
    }, 1_200);
    const { from, to } = await waiting;
    expect([from, to]).toEqual([to, expect.any(Number)]);
    expect(lines.map(line => JSON.parse(line)).map(({ msg, url: shown }) => [msg, shown])).toEqual([
      ['waiting for ClickHouse', url],
      ['ClickHouse is there', url],
    ]);
    expect(lines.join()).not.toContain('hunter2');
  });

  it('is no longer waited for when the signal says so', async () => {
    const stop = new AbortController();
    const connection = { url: 'http://127.0.0.1:9', database: DATABASE };
    const waiting = withPatience(migrateAt(connection.url), { connection, logger: SILENT, signal: stop.signal });
    setTimeout(() => stop.abort(), 300);
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
