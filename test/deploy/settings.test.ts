/** The settings in compose file, image and manifests are settings, and a process would start with them. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../cli/config.js';

type Env = Record<string, string>;

const image: Env = Object.fromEntries(
  [...readFileSync('Dockerfile', 'utf8').matchAll(/(THROUGHLINE_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
);

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }).services as Record<
  string,
  { image: string; command: string[]; environment: Env }
>;
const ours = Object.values(compose).filter(service => service.image.startsWith('throughline:'));

/** As compose fills variables in. */
const filled = (env: Env): Env =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace(/\$\{\w+:\?[^}]*\}/, 'secret')]));

const objects = readdirSync('deploy/kubernetes').flatMap(file =>
  parseAllDocuments(readFileSync(`deploy/kubernetes/${file}`, 'utf8')).map(document => document.toJS()),
);
const dataOf = (kind: string): Env => {
  const object = objects.find(each => each.kind === kind);
  return object.data ?? object.stringData;
};

const COMMANDS = ['analytics', 'ingest', 'migrate', 'stitch'];

describe('the image', () => {
  test('listens on every address of its container, health and metrics included', () => {
    const { ingest, analytics, metrics } = loadConfig({ env: image });
    expect([ingest.host, analytics.host, metrics.host]).toEqual(['0.0.0.0', '0.0.0.0', '0.0.0.0']);
    expect(metrics.port).toBe(9464);
  });
});

describe('docker-compose.yml', () => {
  test('has a service for every role', () => {
    expect(ours.map(({ command }) => command[0]).sort()).toEqual(COMMANDS);
  });

  test.each(ours.map(service => [service.command[0], service.environment] as const))('%s would start', (_role, env) => {
    const { bus, store } = loadConfig({ env: { ...image, ...filled(env) } });
    expect([bus.kind, bus.kafka.brokers]).toEqual(['kafka', ['kafka:9092']]);
    expect(Object.keys(compose)).toContain(new URL(store.clickhouse.url ?? '').hostname);
    expect([store.clickhouse.password, store.clickhouse.sql.password]).toEqual(['secret', 'secret']);
  });
});

describe('the manifests', () => {
  test('have a workload for every role, of the same image', () => {
    const containers = objects.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    expect(containers.map(({ args }) => args[0]).sort()).toEqual(COMMANDS);
    expect(new Set(containers.map(each => each.image))).toEqual(new Set([ours[0].image]));
  });

  test('have settings with which a process would start', () => {
    const { bus, store } = loadConfig({ env: { ...image, ...dataOf('ConfigMap'), ...dataOf('Secret') } });
    expect(bus.kind).toBe('kafka');
    expect(bus.kafka).toMatchObject({ replicationFactor: 3, minInsyncReplicas: 2 });
    expect(store.clickhouse.sql.username).toBe('throughline_sql');
  });

  test('keep secrets out of the ConfigMap, and out of the repository', () => {
    expect(Object.keys(dataOf('ConfigMap')).filter(name => /PASSWORD|TOKEN|USERNAME/.test(name))).toEqual([]);
    const secrets = Object.entries(dataOf('Secret')).filter(([name]) => name.endsWith('_PASSWORD'));
    expect(secrets.map(([, value]) => value)).toEqual(['REPLACE', 'REPLACE']);
  });
});

test('the SQL user of compose has the rights and limits that docs/clickhouse.md gives it', () => {
  const xml = readFileSync('deploy/clickhouse/sql-user.xml', 'utf8');
  const document = readFileSync('docs/clickhouse.md', 'utf8').split('## A cluster')[0];
  const granted = [...xml.matchAll(/<query>(.*?)<\/query>/g)].map(([, grant]) => grant);
  expect(granted).toEqual([...document.matchAll(/^(GRANT .*) TO throughline_sql;$/gm)].map(([, grant]) => grant));
  const profile = /CREATE SETTINGS PROFILE throughline_sql SETTINGS([\s\S]*?);/.exec(document)?.[1] ?? '';
  const limits = [...profile.matchAll(/(\w+) = (\d+)(?: MAX (\d+))?/g)];
  expect(limits.length).toBeGreaterThan(5);
  for (const [, name, value, most] of limits) {
    expect(xml).toContain(`<${name}>${value}</${name}>`);
    if (most !== undefined) expect(xml).toContain(`<${name}><max>${most}</max></${name}>`);
  }
});
