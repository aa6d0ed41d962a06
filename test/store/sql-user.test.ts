/** The users as docs/clickhouse.md makes them, in the real engine: grants, profile, and what each query of SQL says. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SqlRunner } from '../../analytics/sql/run.js';
import { migrations } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { RETENTION, remove, temporaryDirectory } from './support.js';

const document = readFileSync('docs/clickhouse.md', 'utf8').split('## A cluster')[0];
const grantsOf = (user: string) =>
  [...document.matchAll(/^(GRANT .*) TO (\w+);$/gm)].filter(([, , to]) => to === user).map(([, grant]) => grant);
const grants = grantsOf('throughline_sql');
const profile = /CREATE SETTINGS PROFILE throughline_sql SETTINGS([\s\S]*?);/.exec(document)?.[1] ?? '';
const settings = [...profile.matchAll(/(\w+) = (\d+)(?: MAX (\d+))?/g)];
const values = settings.map(([, name, value]) => `<${name}>${value}</${name}>`).join('');
const bounds = settings
  .filter(([, , , most]) => most !== undefined)
  .map(([, name, , most]) => `<${name}><max>${most}</max></${name}>`)
  .join('');
const PROFILE = `${values}<constraints>${bounds}</constraints>`;

let directory: string;

function run(rights: { profile: string; grants: readonly string[] }, statements: readonly string[]): string[] {
  const input = JSON.stringify({ ...rights, statements });
  const program = 'test/store/restricted-engine.mjs';
  const output = execFileSync(process.execPath, [program, join(directory, 'engine')], { input, encoding: 'utf8' });
  return JSON.parse(output.slice(output.lastIndexOf('\n')));
}

/** The settings that a query of /api/v1/sql is sent with, for a user whose profile is read-only. */
async function settingsOfQuery(): Promise<string> {
  let sent: Readonly<Record<string, string | number>> = {};
  const store = {
    database: 'throughline',
    queryRaw: (_sql, _format, _parameters, options) => {
      sent = options?.settings ?? {};
      return Promise.resolve({ body: new Uint8Array(), contentType: 'text/csv' });
    },
  } as Partial<Store> as Store;
  const sql = { maxSeconds: 10, maxMemoryBytes: 2 ** 30, maxRows: 100_000, maxConcurrent: 1 };
  await new SqlRunner({ sqlStore: { store, isReadonly: true }, tenant: 'bank', sql }).run('SELECT 1', 'CSV');
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return Object.entries(sent)
    .map(([name, value]) => `${name} = ${typeof value === 'number' ? value : quoted(value)}`)
    .join(', ');
}

beforeAll(async () => {
  directory = await temporaryDirectory();
  const tables = migrations(RETENTION).flatMap(({ statements }) => statements);
  const rows = ['bank', 'bank', 'other'].map(
    (tenant, at) =>
      `INSERT INTO spans (tenant, trace_id, received) SELECT '${tenant}', '${String(at).padStart(32, '0')}', now64(3)`,
  );
  const start = ['CREATE DATABASE throughline', 'USE throughline'];
  const own = { profile: '', grants: grantsOf('throughline') };
  const results = run(own, [...start, ...tables, ...rows, "KILL QUERY WHERE query_id = 'x' ASYNC"]);
  expect(results.filter(result => result !== '')).toEqual([]);
}, 60_000);
afterAll(() => remove(directory));

describe('the user for SQL', () => {
  it('is described in the document, as is the one that has made these tables and rows', () => {
    expect(grantsOf('throughline').length).toBe(2);
    expect(grants.length).toBe(12);
    expect(settings.map(([, name]) => name)).toContain('readonly');
  });

  it('may ask all that is public with the settings that are sent, and sees one tenant', async () => {
    const sent = await settingsOfQuery();
    expect(sent).not.toContain('readonly');
    const asked = [
      'SELECT count() FROM spans',
      'SELECT count() FROM traces',
      'SELECT count() FROM trace_revisions',
      'SELECT count() FROM latency_rollup',
      "SELECT traces FROM latency_now(location = '', window_s = 60)",
      'SELECT count() FROM slo_rollup',
      'SELECT count() FROM slo_restatements',
      'SELECT count() FROM slo_documents',
      'SELECT count() FROM slo_reports',
      'SELECT count() FROM slo_alerts',
      'SELECT count() FROM slo_budget',
      'SELECT count() FROM slo_status',
    ].map(sql => `${sql} SETTINGS ${sent}`);
    const [, ...answers] = run({ profile: PROFILE, grants }, ['USE throughline', ...asked]);
    expect(answers).toEqual(['2', ...Array(asked.length - 1).fill('0')]);
  });

  it('may do nothing else', () => {
    const refused: [sql: string, why: RegExp][] = [
      ['SELECT count() FROM trace_arrivals', /ACCESS_DENIED/],
      ['SELECT count() FROM progress', /ACCESS_DENIED/],
      ["INSERT INTO spans (tenant) SELECT 'x'", /ACCESS_DENIED|READONLY/],
      ['DROP TABLE spans', /ACCESS_DENIED|READONLY/],
      ['CREATE TABLE mine (a Int8) ENGINE = Memory', /ACCESS_DENIED|READONLY/],
      ["SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", /ACCESS_DENIED/],
      ['SELECT 1 SETTINGS readonly = 0', /READONLY/],
      ['SELECT 1 SETTINGS max_execution_time = 3600', /SETTING_CONSTRAINT_VIOLATION/],
      ['SELECT 1 SETTINGS max_memory_usage = 100000000000', /SETTING_CONSTRAINT_VIOLATION/],
    ];
    const [, ...answers] = run({ profile: PROFILE, grants }, ['USE throughline', ...refused.map(([sql]) => sql)]);
    for (const [at, [, why]] of refused.entries()) expect(answers[at]).toMatch(why);
  });

  it('may not be told readonly = 1: that is why the setting is not sent', () => {
    const [answer] = run({ profile: PROFILE, grants }, ['SELECT 1 SETTINGS readonly = 1']);
    expect(answer).toMatch(/READONLY/);
  });
});
