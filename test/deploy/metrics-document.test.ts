import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePorts, Throughline } from '../support/throughline.js';

const document = readFileSync('docs/operations.md', 'utf8');
const section = (title: string) => document.split(`\n## ${title}\n`)[1].split('\n## ')[0];
const documented = [...section('Metrics').matchAll(/^\| `(throughline_\w+)` \| (\w+) \|/gm)].map(
  ([, name, type]) => `${name} ${type}`,
);

let throughline: Throughline | undefined;
let metrics: string;
const exposed: string[] = [];

beforeAll(async () => {
  const [port] = await freePorts(1);
  metrics = `http://127.0.0.1:${port}/metrics`;
  throughline = await Throughline.start({ settings: { THROUGHLINE_METRICS_PORT: String(port) } });
  const text = await (await fetch(metrics)).text();
  exposed.push(...[...text.matchAll(/^# TYPE (throughline_\w+ \w+)$/gm)].map(([, type]) => type));
});

afterAll(() => throughline?.destroy());

describe('docs/operations.md', () => {
  test('lists exactly the metrics that a process of all roles has, with their types', () => {
    expect(exposed.length).toBeGreaterThan(20);
    expect([...documented].sort()).toEqual([...exposed].sort());
  });

  test('names the alerts that there are, which are on metrics that there are', () => {
    const rules = readFileSync('deploy/prometheus/throughline.rules.yaml', 'utf8');
    const alerts = parse(rules).groups[0].rules.map(({ alert }: { alert: string }) => alert);
    expect([...section('Alerts').matchAll(/^\| `(\w+)` \|/gm)].map(([, alert]) => alert)).toEqual(alerts);
    const names = new Set(exposed.map(each => each.split(' ')[0]));
    const used = [...rules.matchAll(/throughline_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter(name => !names.has(name))).toEqual([]);
  });
});

test('the API has the same metrics as metrics.port', async () => {
  const text = await (await fetch(`${throughline?.api}/metrics`)).text();
  expect([...text.matchAll(/^# TYPE (throughline_\w+ \w+)$/gm)].map(([, type]) => type)).toEqual(exposed);
});
