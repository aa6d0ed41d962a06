/** Each mistake is made in a copy; the check of `npm run check` must find it. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

let deployProblems: (directory: string) => string[];
let directory: string;

beforeAll(async () => {
  // Plain JavaScript, since it runs before anything is built.
  const path = new URL('../../tools/check-deploy.mjs', import.meta.url).href;
  ({ deployProblems } = await import(path));
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-deploy-'));
  for (const name of ['Dockerfile', 'docker-compose.yml', 'throughline.example.yaml', 'deploy']) {
    cpSync(name, join(directory, name), { recursive: true });
  }
});

afterEach(() => rmSync(directory, { recursive: true }));

test('what is in the repository has nothing wrong', () => {
  expect(deployProblems(directory)).toEqual([]);
});

const KUBERNETES = 'deploy/kubernetes';

test.each<[mistake: string, file: string, from: string | RegExp, to: string, finding: RegExp]>([
  [
    'a key that compose does not know',
    'docker-compose.yml',
    'read_only: true',
    'readonly: true',
    /additional properties/,
  ],
  [
    'a value of the wrong kind',
    'docker-compose.yml',
    'stop_grace_period: 60s',
    'stop_grace_period: [1]',
    /must be string/,
  ],
  [
    'an image without a version',
    'docker-compose.yml',
    'apache/kafka:4.1.1',
    'apache/kafka:latest',
    /kafka has no pinned/,
  ],
  ['a service without limits', 'docker-compose.yml', /memory: 4g/, 'pids: 9', /clickhouse has no limits/],
  ['a service without a health check', 'docker-compose.yml', / {4}healthcheck: \*ready\n/, '', /has no health check/],
  [
    'a password in the file',
    'docker-compose.yml',
    /\$\{CLICKHOUSE_PASSWORD:\?[^}]*\}/,
    'hunter2',
    /PASSWORD with a value/,
  ],
  [
    'a default for a password',
    'docker-compose.yml',
    /CLICKHOUSE_PASSWORD:\?[^}]*/,
    'P:-hunter2',
    /PASSWORD with a value/,
  ],
  ['a port open to the network', 'docker-compose.yml', /:-127\.0\.0\.1\}:4318/, ':-0.0.0.0}:4318', /to the network/],
  ['a port that nothing listens on', 'docker-compose.yml', '4320:4320', '4321:4321', /no setting of ours opens/],
  [
    'a probe of another port',
    'docker-compose.yml',
    '127.0.0.1:9464',
    '127.0.0.1:4320',
    /not metrics\.port of the image/,
  ],
  [
    'a volume that is not declared',
    'docker-compose.yml',
    /\n {2}kafka-data:\n/,
    '\n',
    /volume kafka-data, which is not/,
  ],
  ['an image that exposes another port', 'Dockerfile', 'EXPOSE 4317', 'EXPOSE 4316', /EXPOSE/],
  [
    'a field that Kubernetes does not know',
    `${KUBERNETES}/ingest.yaml`,
    'appProtocol:',
    'protocolOfApp:',
    /protocolOfApp/,
  ],
  ['a value of the wrong kind there', `${KUBERNETES}/ingest.yaml`, 'replicas: 2', "replicas: 'two'", /not assignable/],
  [
    'an enumeration misspelt',
    `${KUBERNETES}/stitch.yaml`,
    'kind: HorizontalPodAutoscaler',
    'kind: Horizontal',
    /Horizontal/,
  ],
  ['a required field left out', `${KUBERNETES}/stitch.yaml`, /\n {2}maxReplicas: 16/, '', /maxReplicas/],
  [
    'more stitchers than partitions',
    `${KUBERNETES}/stitch.yaml`,
    'maxReplicas: 16',
    'maxReplicas: 17',
    /17 replicas for 16/,
  ],
  ['a root user', `${KUBERNETES}/analytics.yaml`, 'runAsNonRoot: true', 'runAsNonRoot: false', /may run as root/],
  ['a container without limits', `${KUBERNETES}/migrate.yaml`, /limits: .*/, 'limits: {}', /no limits/],
  ['a probe of another path', `${KUBERNETES}/stitch.yaml`, '/readyz', '/healthz', /no readinessProbe of \/readyz/],
  ['a selector that selects nothing', `${KUBERNETES}/ingest.yaml`, 'selector: { app', 'selector: { apps', /selects 0/],
  [
    'a service to no port of the pod',
    `${KUBERNETES}/analytics.yaml`,
    'port: 4320, target',
    'port: 80, target',
    /has port 80/,
  ],
  [
    'a Secret that is not there',
    `${KUBERNETES}/stitch.yaml`,
    'secretRef: { name: t',
    'secretRef: { name: s',
    /the Secret s/,
  ],
  ['too little time to drain', `${KUBERNETES}/stitch.yaml`, 'Seconds: 75', 'Seconds: 30', /too little time to drain/],
  ['a file that is not applied', `${KUBERNETES}/kustomization.yaml`, 'migrate.yaml, ', '', /lacks migrate\.yaml/],
])('%s is found', (_mistake, file, from, to, finding) => {
  const path = join(directory, file);
  const before = readFileSync(path, 'utf8');
  const after = before.replace(from, to);
  expect(after).not.toBe(before);
  writeFileSync(path, after);
  expect(deployProblems(directory).join('\n')).toMatch(finding);
});
