import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, loadConfig } from '../../cli/config.js';
import { type Config, describeSettings, variableOf } from '../../schemas/index.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-settings-'));
});

afterAll(() => rm(directory, { recursive: true }));

function fileWith(content: unknown): string {
  const path = join(directory, 'throughline.yaml');
  writeFileSync(path, typeof content === 'string' ? content : stringify(content));
  return path;
}

function problemsOf(sources: Parameters<typeof loadConfig>[0]): readonly string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const at = (tree: unknown, key: string): unknown =>
  key.split('.').reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], tree);

/** `a.b` and a value → `{a: {b: value}}`. */
const treeOf = (key: string, value: unknown): unknown =>
  key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);

const SHA = 'ab'.repeat(32);
/** key → as a person writes it in the environment; what it means; where the parsed configuration has it. */
const EVERY: readonly [key: string, written: string, means: unknown, place?: string][] = [
  ['dataDir', '/var/lib/throughline', '/var/lib/throughline'],
  ['logLevel', 'debug', 'debug'],
  ['ingest.host', '0.0.0.0', '0.0.0.0'],
  ['ingest.http.port', '14318', 14_318],
  ['ingest.http.tls.certFile', 'c.pem', 'c.pem'],
  ['ingest.http.tls.keyFile', 'k.pem', 'k.pem'],
  ['ingest.http.tls.clientCaFile', 'ca.pem', 'ca.pem'],
  ['ingest.http.corsOrigins', 'https://a.example', ['https://a.example']],
  ['ingest.grpc.port', '14317', 14_317],
  ['ingest.grpc.tls.certFile', 'c.pem', 'c.pem'],
  ['ingest.grpc.tls.keyFile', 'k.pem', 'k.pem'],
  ['ingest.grpc.tls.clientCaFile', 'ca.pem', 'ca.pem'],
  ['ingest.maxRequestBytes', '32MiB', 33_554_432],
  ['ingest.maxInFlightBytes', '1GiB', 1_073_741_824],
  ['ingest.maxConnections', '10', 10],
  ['ingest.headersTimeout', '3s', 3_000, 'ingest.headersTimeoutMs'],
  ['ingest.bodyTimeout', '1m', 60_000, 'ingest.bodyTimeoutMs'],
  ['ingest.publishTimeout', '1.5s', 1_500, 'ingest.publishTimeoutMs'],
  ['ingest.maxConcurrentStreams', '7', 7],
  [
    'ingest.auth.tokens',
    `[{"token":"sha256:${SHA}","tenant":"bank","tier":"edge","maxSpansPerSecond":"20000"}]`,
    [{ token: `sha256:${SHA}`, tenant: 'bank', tier: 'edge', maxSpansPerSecond: 20_000 }],
  ],
  ['bus.kind', 'embedded', 'embedded'],
  ['bus.partitions', '16', 16],
  ['bus.embedded.maxBytes', '64MiB', 67_108_864],
  ['bus.kafka.brokers', 'a:9092, b:9092', ['a:9092', 'b:9092']],
  ['bus.kafka.topic', 'spans.v2', 'spans.v2'],
  ['bus.kafka.group', 'stitchers', 'stitchers'],
  ['bus.kafka.replicationFactor', '3', 3],
  ['bus.kafka.minInsyncReplicas', '2', 2],
  ['bus.kafka.retention', '3d', 259_200_000, 'bus.kafka.retentionMs'],
  ['bus.kafka.maxRecordBytes', '2MiB', 2_097_152],
  ['bus.kafka.compression', 'gzip', 'gzip'],
  ['bus.kafka.tls.enabled', 'true', 'true'],
  ['bus.kafka.tls.caFile', 'ca.pem', 'ca.pem'],
  ['bus.kafka.tls.certFile', 'c.pem', 'c.pem'],
  ['bus.kafka.tls.keyFile', 'k.pem', 'k.pem'],
  ['bus.kafka.sasl.mechanism', 'scram-sha-256', 'scram-sha-256'],
  ['bus.kafka.sasl.username', 'throughline', 'throughline'],
  ['bus.kafka.sasl.password', 'secret', 'secret'],
  ['stitcher.completeAfter', '250ms', 250, 'stitcher.completeAfterMs'],
  ['stitcher.idle', '9s', 9_000, 'stitcher.idleMs'],
  ['stitcher.maxOpen', '1h30m', 5_400_000, 'stitcher.maxOpenMs'],
  ['stitcher.lateness', '0s', 0, 'stitcher.latenessMs'],
  ['stitcher.auditEvery', '5s', 5_000, 'stitcher.auditEveryMs'],
  ['stitcher.maxMemory', '128MiB', 134_217_728, 'stitcher.maxMemoryBytes'],
  ['stitcher.maxClockSkew', '0s', 0, 'stitcher.maxClockSkewMs'],
  ['stitcher.maxSpansPerTrace', '500', 500],
  ['stitcher.flushEvery', '100ms', 100, 'stitcher.flushEveryMs'],
  ['stitcher.batchMaxBytes', '8MiB', 8_388_608],
  ['store.clickhouse.url', 'https://ch:8443', 'https://ch:8443'],
  ['store.clickhouse.database', 'apm', 'apm'],
  ['store.clickhouse.username', 'me', 'me'],
  ['store.clickhouse.password', 'p,[w', 'p,[w'],
  ['store.clickhouse.sql.username', 'reader', 'reader'],
  ['store.clickhouse.sql.password', 'p,[r', 'p,[r'],
  ['store.clickhouse.tls.caFile', 'ca.pem', 'ca.pem'],
  ['store.clickhouse.tls.certFile', 'c.pem', 'c.pem'],
  ['store.clickhouse.tls.keyFile', 'k.pem', 'k.pem'],
  ['store.clickhouse.compression', 'gzip', 'gzip'],
  ['store.clickhouse.requestTimeout', '45s', 45_000, 'store.clickhouse.requestTimeoutMs'],
  ['store.clickhouse.maxConnections', '8', 8],
  ['store.clickhouse.cluster', 'main', 'main'],
  ['store.clickhouse.insertQuorum', '3', 3],
  ['store.embedded.host', '::1', '::1'],
  ['store.embedded.port', '0', 0],
  ['store.embedded.maxSpool', '2MiB', 2_097_152, 'store.embedded.maxSpoolBytes'],
  ['store.embedded.hangTimeout', '5s', 5_000, 'store.embedded.hangTimeoutMs'],
  ['store.embedded.password', 'p,[e', 'p,[e'],
  ['store.embedded.maxMemory', '1GiB', 1_073_741_824, 'store.embedded.maxMemoryBytes'],
  ['store.retention.spans', '7d', 7, 'store.retention.spansDays'],
  ['store.retention.traces', '48h', 2, 'store.retention.tracesDays'],
  ['store.retention.rollups', '30d', 30, 'store.retention.rollupsDays'],
  ['analytics.host', 'localhost', 'localhost'],
  ['analytics.port', '14320', 14_320],
  ['analytics.tls.certFile', 'c.pem', 'c.pem'],
  ['analytics.tls.keyFile', 'k.pem', 'k.pem'],
  ['analytics.tls.clientCaFile', 'ca.pem', 'ca.pem'],
  [
    'analytics.auth.tokens',
    `[{"sha256":"${SHA}","role":"sql","tenant":"bank"}]`,
    [{ sha256: SHA, role: 'sql', tenant: 'bank' }],
    'analytics.tokens',
  ],
  ['analytics.rollupEvery', '2s', 2_000, 'analytics.rollupEveryMs'],
  ['analytics.sql.maxSeconds', '3', 3],
  ['analytics.sql.maxMemory', '2GiB', 2_147_483_648, 'analytics.sql.maxMemoryBytes'],
  ['analytics.sql.maxRows', '9', 9],
  ['slo.directory', 'slo', 'slo'],
  ['client.token', 'tl_x', 'tl_x'],
  ['client.caFile', 'ca.pem', 'ca.pem'],
  ['client.certFile', 'c.pem', 'c.pem'],
  ['client.keyFile', 'k.pem', 'k.pem'],
  ['metrics.host', '0.0.0.0', '0.0.0.0'],
  ['metrics.port', '0', 0],
  ['tiers', '[{"tier":"edge","where":{"cdn":["a","b"]}}]', [{ tier: 'edge', where: { cdn: ['a', 'b'] } }]],
  ['location.order', 'cloud.region, geo', ['cloud.region', 'geo']],
];
/** Settings that stop the start whatever they say. */
const NOT_YET = ['location.geoipFile'];

/** A certificate without its key is no TLS, a password without its user no login, a login without its server none. */
function companionsOf(key: string): readonly string[] {
  if (key === 'bus.kafka.minInsyncReplicas') return ['bus.kafka.replicationFactor'];
  const section = /^(?:.*\.(?:tls|sql|sasl)|client)\b/.exec(key)?.[0];
  const ofServer = key.startsWith('store.clickhouse.') ? ['store.clickhouse.url'] : [];
  if (section === undefined) return ofServer;
  return [...ofServer, ...EVERY.map(([other]) => other).filter(other => other.startsWith(`${section}.`))];
}

const writtenOf = new Map(EVERY.map(([key, written]) => [key, written]));

describe('every setting', () => {
  test('is in the table of this test', () => {
    const keys = describeSettings().map(({ key }) => key);
    expect([...EVERY.map(([key]) => key), ...NOT_YET].sort()).toEqual([...keys].sort());
  });

  test.each(EVERY)('%s is taken from its variable', (key, written, means, place = key) => {
    const env: Record<string, string> = { [variableOf(key.split('.'))]: written };
    for (const other of companionsOf(key)) env[variableOf(other.split('.'))] ??= writtenOf.get(other) ?? '';
    expect(at(loadConfig({ env }), place)).toEqual(means);
  });

  test.each(EVERY)('%s is taken from the file', (key, written, means, place = key) => {
    const flags: Record<string, string> = {};
    for (const other of companionsOf(key)) if (other !== key) flags[other] = writtenOf.get(other) ?? '';
    // In a file lists are lists, numbers numbers; the words are the same.
    const value = Array.isArray(means) ? means : typeof means === 'number' && /^\d+$/.test(written) ? means : written;
    expect(at(loadConfig({ file: fileWith(treeOf(key, value)), env: {}, flags }), place)).toEqual(means);
  });

  test('has a default that it takes back when written as documented', () => {
    const defaults = loadConfig({ env: {} });
    const env: Record<string, string> = {};
    for (const { variable, defaultText } of describeSettings()) if (defaultText !== '') env[variable] = defaultText;
    expect(Object.keys(env).length).toBeGreaterThan(35);
    expect(loadConfig({ env })).toEqual(defaults);
  });

  test.each(NOT_YET)('%s stops the start, since this version would not do what it says', key => {
    const problems = problemsOf({ env: { [variableOf(key.split('.'))]: 'x' } });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${key} is not available in this version`))]);
  });
});

test('rates of a token are written as people write them', () => {
  const token = { token: 'x', tenant: 'bank', maxSpansPerSecond: 5, maxBytesPerSecond: '1MiB' };
  const { tokens } = loadConfig({ file: fileWith({ ingest: { auth: { tokens: [token] } } }), env: {} }).ingest.auth;
  expect(tokens).toEqual([{ ...token, maxBytesPerSecond: 1_048_576 }]);
});

test('bus.kind kafka without brokers stops the start', () => {
  expect(problemsOf({ env: { THROUGHLINE_BUS_KIND: 'kafka' } })).toEqual([
    'bus.kafka.brokers must name at least one host:port for bus.kind kafka',
  ]);
});

test.each(['0.0.0.0', '::', '10.0.0.1', 'db.example', '128.0.0.1'])('the embedded engine cannot listen on %s', host => {
  expect(problemsOf({ env: { THROUGHLINE_STORE_EMBEDDED_HOST: host } })).toEqual([
    expect.stringMatching(/^store\.embedded\.host must be a loopback address/),
  ]);
});

describe('a ClickHouse server', () => {
  const clickhouse = (settings: object) => problemsOf({ file: fileWith({ store: { clickhouse: settings } }), env: {} });
  const url = 'https://ch:8443';

  test.each([
    ['a cluster of no server', { cluster: 'main' }, 'store.clickhouse.cluster needs store.clickhouse.url'],
    ['a login to no server', { username: 'me' }, 'store.clickhouse.username needs store.clickhouse.url'],
    [
      'a password of nobody',
      { url, sql: { password: 'x' } },
      /^store\.clickhouse\.sql\.password .*needs store\.clickhouse\.sql\.username/,
    ],
    [
      'an authority without TLS',
      { url: 'http://ch', tls: { caFile: 'a' } },
      /^store\.clickhouse\.tls\.caFile .*needs an https URL/,
    ],
    [
      'a certificate without its key',
      { url, tls: { caFile: 'a', certFile: 'c' } },
      /tls\.certFile .*needs store\.clickhouse\.tls\.keyFile/,
    ],
    [
      'a key without its certificate',
      { url, tls: { caFile: 'a', keyFile: 'k' } },
      /tls\.keyFile .*needs store\.clickhouse\.tls\.certFile/,
    ],
    ['a quorum of nobody', { insertQuorum: 0 }, /insertQuorum is 0: give auto or a whole number from 1 to 100/],
  ])('%s stops the start', (_case, settings, message) => {
    const problems = clickhouse(settings);
    expect(problems).toEqual([typeof message === 'string' ? message : expect.stringMatching(message)]);
  });

  test('must not carry its login in the URL, which is not shown', () => {
    const [problem, ...others] = clickhouse({ url: 'https://me:hunter2@ch:8443' });
    expect(others).toEqual([]);
    expect(problem).toMatch(/^store\.clickhouse\.url .*must not hold a user: give store\.clickhouse\.username/);
    expect(problem).not.toContain('hunter2');
  });
});

describe('names of environment variables', () => {
  const part = fc.stringMatching(/^[a-z]{1,8}([A-Z][a-z]{0,6}){0,3}$/);

  test('are the key with dots and capitals as underscores, upper case', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), keys => {
        const variable = variableOf(keys);
        expect(variable).toMatch(/^THROUGHLINE(_[A-Z]+)+$/);
        const letters = (text: string) => text.replace(/[^A-Za-z]/g, '').toUpperCase();
        expect(letters(variable)).toBe(letters(`throughline${keys.join('')}`));
        const breaks = keys.length + keys.join('').replace(/[^A-Z]/g, '').length;
        expect(variable.split('_').length - 1).toBe(breaks);
      }),
    );
  });
});

describe('a location', () => {
  const order = (config: Config) => config.location.order;

  test('may be a plain list, in the file and in THROUGHLINE_LOCATION', () => {
    expect(order(loadConfig({ file: fileWith({ location: ['cloud.region'] }), env: {} }))).toEqual(['cloud.region']);
    expect(order(loadConfig({ env: { THROUGHLINE_LOCATION: 'geo,cloud.region' } }))).toEqual(['geo', 'cloud.region']);
  });

  test('that is neither names the setting', () => {
    expect(problemsOf({ file: fileWith('location: 7\n'), env: {} })).toEqual([
      expect.stringMatching(/^location\.order is 7: give a list of geo/),
    ]);
    expect(problemsOf({ env: { THROUGHLINE_LOCATION: 'moon' } })).toEqual([
      expect.stringMatching(
        /^location\.order\.0 \(THROUGHLINE_LOCATION\) is "moon": give one of geo, geoip, cloud\.region$/,
      ),
    ]);
  });
});

describe('a message', () => {
  test('names the variable a value came from', () => {
    expect(problemsOf({ env: { THROUGHLINE_BUS_PARTITIONS: 'many' } })).toEqual([
      'bus.partitions (THROUGHLINE_BUS_PARTITIONS) is "many": give a whole number from 1 to 1024',
    ]);
  });

  test.each([
    ['token and sha256', `[{"token":"hunter2","sha256":"${SHA}","tenant":"a"}]`],
    ['a tenant that cannot be', '[{"token":"hunter2","tenant":"a b"}]'],
    ['a number as token', '[{"token":42424242,"tenant":"a"}]'],
    ['not JSON', '[{"token":"hunter2"'],
    ['an unknown key', '[{"token":"hunter2","tenant":"a","teir":"x"}]'],
  ])('never shows a token: %s', (_case, text) => {
    const problems = problemsOf({ env: { THROUGHLINE_INGEST_AUTH_TOKENS: text } });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n')).toMatch(/ingest\.auth\.tokens/);
    expect(problems.join('\n')).not.toMatch(/hunter2|42424242/);
  });

  test('never shows a token of the API, nor one for it', () => {
    for (const [variable, text] of [
      ['THROUGHLINE_ANALYTICS_AUTH_TOKENS', '[{"token":"hunter2","role":"king"}]'],
      ['THROUGHLINE_ANALYTICS_AUTH_TOKENS', '[{"token":42424242,"role":"read"}]'],
    ]) {
      const problems = problemsOf({ env: { [variable]: text } });
      expect(problems.join('\n')).toMatch(/analytics\.auth\.tokens/);
      expect(problems.join('\n')).not.toMatch(/hunter2|42424242/);
    }
    const [problem] = problemsOf({ file: fileWith('client:\n  token: 31337\n'), env: {} });
    expect(problem).toMatch(/^client\.token /);
    expect(problem).not.toContain('31337');
  });

  test('never shows a password', () => {
    const problems = problemsOf({ file: fileWith('store:\n  clickhouse:\n    password: 31337\n'), env: {} });
    expect(problems).toEqual([expect.stringMatching(/^store\.clickhouse\.password .*give text, in quotes/)]);
    expect(problems[0]).not.toContain('31337');
  });

  test.each(['36h', '0d', '1d1s', '14'])('retention of %s is not whole days', text => {
    expect(problemsOf({ env: { THROUGHLINE_STORE_RETENTION_SPANS: text } })).toEqual([
      expect.stringMatching(/^store\.retention\.spans .*give whole days such as 14d$/),
    ]);
  });
});

describe('all problems come at once', () => {
  test('wrong values and combinations of the others', () => {
    const file = fileWith('bus:\n  partitions: none\n  prtitions: 1\nstitcher:\n  completeAfter: 1h\n  idle: 1m\n');
    expect(problemsOf({ file, env: {} })).toEqual([
      expect.stringMatching(/^bus\.partitions is "none"/),
      expect.stringMatching(/^bus\.prtitions is not a setting; did you mean bus\.partitions\?/),
      'stitcher.completeAfter must not exceed stitcher.idle',
    ]);
  });

  test('a combination with a wrong value is not judged by the default in its place', () => {
    const file = fileWith('stitcher:\n  completeAfter: 20s\n  idle: soon\n');
    expect(problemsOf({ file, env: {} })).toEqual([expect.stringMatching(/^stitcher\.idle is "soon"/)]);
  });

  test('a file whose section is no section keeps its problem beside a variable of that section', () => {
    const problems = problemsOf({ file: fileWith('bus: 7\n'), env: { THROUGHLINE_BUS_PARTITIONS: '2' } });
    expect(problems).toEqual([expect.stringMatching(/^bus is 7: give a section/)]);
  });
});

describe('a file', () => {
  test('with a section whose lines are all comments is as if it had none', () => {
    expect(loadConfig({ file: fileWith('ingest:\n  # host: x\n  http:\n'), env: {} })).toEqual(loadConfig({ env: {} }));
  });

  test('with a setting that has no value is wrong', () => {
    expect(problemsOf({ file: fileWith('ingest:\n  host:\n'), env: {} })).toEqual([
      expect.stringMatching(/^ingest\.host is null: give a host name/),
    ]);
  });

  test('with the same key twice names the line', () => {
    expect(problemsOf({ file: fileWith('dataDir: a\ndataDir: b\n'), env: {} })).toEqual([
      expect.stringMatching(/throughline\.yaml: .*line 2/s),
    ]);
  });

  test('that is empty is the defaults', () => {
    expect(loadConfig({ file: fileWith('# nothing\n'), env: {} })).toEqual(loadConfig({ env: {} }));
  });
});
