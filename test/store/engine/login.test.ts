import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPassword, passwordDigest } from '../../../store/engine/login.js';
import { enginePassword, openStore, startEmbeddedEngine } from '../../../store/index.js';
import {
  DATABASE,
  engineOptions,
  remove,
  SILENT,
  startTestEngine,
  type TestEngine,
  temporaryDirectory,
} from '../support.js';

describe('the password', () => {
  it('is made once, long, and kept in a file that only its owner can read', async () => {
    const [one, other] = [await temporaryDirectory(), await temporaryDirectory()];
    const path = join(one, 'password');
    const password = enginePassword(one);
    expect(password).toMatch(/^[\w-]{32}$/);
    expect(enginePassword(other)).not.toBe(password);
    expect(readFileSync(path, 'utf8')).toBe(`${password}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o644);
    expect(enginePassword(one)).toBe(password);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, '\n');
    expect(() => enginePassword(one)).toThrow(/is empty: remove it/);
    await Promise.all([remove(one), remove(other)]);
  });

  it('is compared whole', () => {
    const digest = passwordDigest('right');
    expect(isPassword('right', digest)).toBe(true);
    for (const wrong of ['', 'righ', 'right ', 'Right', digest]) expect(isPassword(wrong, digest)).toBe(false);
  });
});

describe("the engine's port", () => {
  let test: TestEngine;
  let url: string;
  const PASSWORD = 'p:ä"ss/word';

  beforeAll(async () => {
    test = await startTestEngine({ password: PASSWORD });
    ({ url } = test.engine);
  });

  afterAll(() => test?.close());

  const query = (headers: Record<string, string>, parameters: Record<string, string> = {}, method = 'POST') =>
    fetch(`${url}/?${new URLSearchParams({ query: 'SELECT 1', ...parameters })}`, { method, headers });
  const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });

  it.each([
    ['as basic', basic(`default:${PASSWORD}`), {}],
    ['as parameters', {}, { user: 'default', password: PASSWORD }],
    ['as a parameter, of the only user', {}, { password: PASSWORD }],
  ])('takes it %s', async (_how, headers, parameters) => {
    const response = await query(headers as Record<string, string>, parameters as Record<string, string>);
    expect([response.status, await response.text()]).toEqual([200, '1\n']);
  });

  it.each([
    ['none', {}, {}],
    ['an empty one', basic('default:'), {}],
    ['a wrong one', basic(`default:${PASSWORD}x`), {}],
    ['the hash of it', basic(`default:${passwordDigest(PASSWORD)}`), {}],
    ['that of another user', basic(`admin:${PASSWORD}`), {}],
    ['a wrong parameter', {}, { user: 'default', password: 'x' }],
    ['the user alone', { 'x-clickhouse-user': 'default' }, {}],
  ])("refuses %s, by GET and by POST, with ClickHouse's own error", async (_what, headers, parameters) => {
    for (const method of ['GET', 'POST']) {
      const response = await query(headers as Record<string, string>, parameters as Record<string, string>, method);
      expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([403, '516']);
      expect(await response.text()).not.toContain(PASSWORD);
    }
  });

  it('takes no insert and no change from whoever has none', async () => {
    const login = basic(`default:${PASSWORD}`);
    const post = (body: string, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', headers, body });
    expect((await post('CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n', login)).status).toBe(200);
    expect((await post('INSERT INTO t VALUES (1)')).status).toBe(403);
    expect((await post('DROP TABLE t')).status).toBe(403);
    expect(await (await post('SELECT count() FROM t', login)).text()).toBe('0\n');
  });

  it('says that it is alive to anybody, since that is all it says', async () => {
    expect(await (await fetch(`${url}/ping`)).text()).toBe('Ok.\n');
  });

  it('does not have the password in the environment or the words of its process', async () => {
    const pid = test.engine.pid;
    for (const name of ['environ', 'cmdline']) {
      expect(readFileSync(`/proc/${pid}/${name}`, 'utf8')).not.toContain(PASSWORD);
    }
  });

  it('is used by our own client with its login', async () => {
    const ours = openStore({ url, database: DATABASE, username: 'default', password: PASSWORD, logger: SILENT });
    expect(await ours.queryRows('SELECT 1')).toEqual([[1]]);
    await ours.close();
  });

  it('is found by another process of ours, which needs the password, too', async () => {
    const second = await startEmbeddedEngine({ ...engineOptions(test.dataDir), password: PASSWORD });
    expect(second.pid).toBe(test.engine.pid);
    await second.close();
  });
});
