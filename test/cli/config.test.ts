import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ConfigError, loadConfig } from '../../cli/config.js';
import { describeSettings, variableOf } from '../../schemas/index.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-config-'));
});

afterAll(() => rm(directory, { recursive: true }));

function fileWith(text: string): string {
  const path = join(directory, 'throughline.yaml');
  writeFileSync(path, text);
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

describe('without any source', () => {
  test('ports and limits are the documented defaults', () => {
    const config = loadConfig({ env: {} });
    expect(config.ingest).toMatchObject({ host: '127.0.0.1', http: { port: 4318 }, grpc: { port: 4317 } });
    expect(config.ingest.maxRequestBytes).toBe(64 * 2 ** 20);
    expect(config.analytics.port).toBe(4320);
    expect(config.store.embedded.port).toBe(8123);
    expect(config.stitcher).toMatchObject({ completeAfterMs: 2_000, idleMs: 10_000, latenessMs: 86_400_000 });
    expect(config.store.retention).toEqual({ spansDays: 14, tracesDays: 90, rollupsDays: 400 });
  });

  test('the configuration is frozen throughout', () => {
    const config = loadConfig({ env: {} });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.ingest.http)).toBe(true);
    expect(Object.isFrozen(config.tiers[0])).toBe(true);
  });
});

describe('sources', () => {
  test('the example file is the defaults', () => {
    expect(loadConfig({ file: 'throughline.example.yaml', env: {} })).toEqual(loadConfig({ env: {} }));
  });

  test('the example file names every setting', () => {
    const text = readFileSync('throughline.example.yaml', 'utf8');
    const named = (key: string) => text.includes(`${key.slice(key.lastIndexOf('.') + 1)}:`);
    expect(describeSettings().filter(({ key }) => !named(key))).toEqual([]);
    expect(Object.keys(parse(text))).toEqual([...new Set(describeSettings().map(({ key }) => key.split('.')[0]))]);
  });

  test('flags beat the environment, the environment the file, the file the defaults', () => {
    const file = fileWith('dataDir: from-file\ningest:\n  http:\n    port: 1111\n  grpc:\n    port: 1112\n');
    const env = { THROUGHLINE_DATA_DIR: 'from-env', THROUGHLINE_INGEST_HTTP_PORT: '2222' };
    const config = loadConfig({ file, env, flags: { dataDir: 'from-flag' } });
    expect(config.dataDir).toBe('from-flag');
    expect(config.ingest.http.port).toBe(2222);
    expect(config.ingest.grpc.port).toBe(1112);
    expect(config.analytics.port).toBe(4320);
  });

  test('lists come from the environment with commas, or as JSON', () => {
    const config = loadConfig({
      env: {
        THROUGHLINE_INGEST_HTTP_CORS_ORIGINS: 'https://a.example, https://b.example',
        THROUGHLINE_INGEST_AUTH_TOKENS: '[{"token":"secret","tenant":"bank"}]',
        THROUGHLINE_LOCATION_ORDER: 'cloud.region',
      },
    });
    expect(config.ingest.http.corsOrigins).toEqual(['https://a.example', 'https://b.example']);
    expect(config.ingest.auth.tokens).toEqual([{ token: 'secret', tenant: 'bank' }]);
    expect(config.location.order).toEqual(['cloud.region']);
  });

  test('variables of others are none of ours', () => {
    expect(problemsOf({ env: { PATH: '/bin', THROUGHLINEX: '1' } })).toEqual([]);
  });
});

describe('names of environment variables', () => {
  test.each([
    ['ingest.http.port', 'THROUGHLINE_INGEST_HTTP_PORT'],
    ['ingest.maxRequestBytes', 'THROUGHLINE_INGEST_MAX_REQUEST_BYTES'],
    ['stitcher.completeAfter', 'THROUGHLINE_STITCHER_COMPLETE_AFTER'],
    ['analytics.sql.maxSeconds', 'THROUGHLINE_ANALYTICS_SQL_MAX_SECONDS'],
    ['store.clickhouse.url', 'THROUGHLINE_STORE_CLICKHOUSE_URL'],
    ['dataDir', 'THROUGHLINE_DATA_DIR'],
  ])('%s is %s', (key, variable) => {
    expect(variableOf(key.split('.'))).toBe(variable);
  });

  test('no two settings share one', () => {
    const variables = describeSettings().map(({ variable }) => variable);
    expect(new Set(variables).size).toBe(variables.length);
    expect(describeSettings().every(({ description }) => description.length > 3)).toBe(true);
  });
});

describe('durations and sizes are read as people write them', () => {
  test.each([
    ['250ms', 250],
    ['1.5s', 1_500],
    ['1h30m', 5_400_000],
  ])('%s', (text, ms) => {
    const env = { THROUGHLINE_INGEST_BODY_TIMEOUT: text };
    expect(loadConfig({ env }).ingest.bodyTimeoutMs).toBe(ms);
  });

  test.each([
    ['512KiB', 524_288],
    ['1.5MiB', 1_572_864],
    ['2MB', 2_000_000],
    ['4096B', 4_096],
  ])('%s', (text, bytes) => {
    const env = { THROUGHLINE_INGEST_MAX_REQUEST_BYTES: text };
    expect(loadConfig({ env }).ingest.maxRequestBytes).toBe(bytes);
  });
});

describe('a setting that cannot be stops the start and names key, value and what would be valid', () => {
  test.each([
    ['ingest:\n  http:\n    port: 99999\n', /^ingest\.http\.port is 99999: give a whole number from 0 to 65535$/],
    ['ingest:\n  http:\n    prt: 1\n', /^ingest\.http\.prt is not a setting; did you mean ingest\.http\.port\?$/],
    ['stitcher:\n  idle: 10\n', /^stitcher\.idle is 10: give a duration such as/],
    ['stitcher:\n  idle: 0s\n', /^stitcher\.idle is "0s": give a duration/],
    ['ingest:\n  maxRequestBytes: 64\n', /^ingest\.maxRequestBytes is 64: give a size such as/],
    ['bus:\n  kind: rabbit\n', /^bus\.kind is "rabbit": give one of embedded, kafka$/],
    ['bus: 7\n', /^bus is 7: give a section/],
    ['tiers: edge\n', /^tiers\.0.*give \{tier, where\}/],
    ['tiers:\n  - { tier: edge }\n', /^tiers\.0\.where/],
    ['ingest:\n  auth:\n    tokens: [{ tenant: a }]\n', /^ingest\.auth\.tokens\.0 .*give either token or sha256/],
    ['stitcher:\n  completeAfter: 20s\n', /^stitcher\.completeAfter must not exceed stitcher\.idle$/],
    ['ingest:\n  maxInFlightBytes: 1MiB\n', /^ingest\.maxRequestBytes must not exceed ingest\.maxInFlightBytes$/],
    ['analytics:\n  port: 4318\n', /^analytics\.port is 4318, as ingest\.http\.port is/],
    ['- 1\n', /give settings as "key: value" lines/],
    ['ingest: {\n', /throughline\.yaml: .*line/],
  ])('%s', (text, message) => {
    const problems = problemsOf({ file: fileWith(text), env: {} });
    expect(problems.join('\n')).toMatch(message);
    expect(problems).toHaveLength(1);
  });

  test('an unknown variable is named, with the nearest one', () => {
    expect(problemsOf({ env: { THROUGHLINE_INGEST_HTTP_PROT: '1' } })).toEqual([
      'THROUGHLINE_INGEST_HTTP_PROT is not a setting; did you mean THROUGHLINE_INGEST_HTTP_PORT?',
    ]);
  });

  test('all problems come at once', () => {
    const env = { THROUGHLINE_INGEST_HTTP_PORT: 'x', THROUGHLINE_NOPE: '1' };
    expect(problemsOf({ env, file: fileWith('stitcher:\n  idle: soon\n') })).toHaveLength(3);
  });

  test('a file that is not there', () => {
    expect(problemsOf({ file: join(directory, 'none.yaml'), env: {} })[0]).toMatch(/none\.yaml cannot be read/);
  });
});
