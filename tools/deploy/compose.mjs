/** What is wrong with docker-compose.yml: by the schema of the Compose specification (dclint has it), and by our rules. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { parseDocument } from 'yaml';
import { listenerPorts } from './ports.mjs';

/** Order and looks are ours. */
const LOOKS = [
  'no-build-and-image',
  'no-unbound-port-interfaces',
  'require-quotes-in-ports',
  'service-container-name-regex',
  'service-dependencies-alphabetical-order',
  'service-keys-order',
  'service-ports-alphabetical-order',
  'services-alphabetical-order',
  'top-level-properties-order',
];

export function composeProblems(directory) {
  const file = join(directory, 'docker-compose.yml');
  const rules = Object.fromEntries(LOOKS.map(rule => [rule, 0]));
  const linter = new DCLinter({ rules, quiet: true, debug: false, exclude: [] });
  const schema = linter
    .lintFiles([file], false)
    .flatMap(({ messages }) => messages)
    .map(({ line, message }) => `docker-compose.yml:${line}: ${message}`);
  const document = parseDocument(readFileSync(file, 'utf8'), { merge: true });
  if (document.errors.length > 0) return document.errors.map(error => `docker-compose.yml: ${error.message}`);
  const { services = {}, volumes = {} } = document.toJS();
  const ports = listenerPorts(directory);
  const ours = Object.entries(services).flatMap(([name, service]) =>
    [...serviceProblems(service, services), ...portProblems(service, ports), ...volumeProblems(service, volumes)].map(
      problem => `docker-compose.yml: service ${name} ${problem}`,
    ),
  );
  return [...schema, ...ours];
}

function* serviceProblems(service, services) {
  if (!isPinned(service.image)) yield `has no pinned image: ${service.image}`;
  const { cpus, memory } = service.deploy?.resources?.limits ?? {};
  if (cpus === undefined || memory === undefined) yield 'has no limits of CPU and memory';
  const isOneShot = String(service.restart ?? '').startsWith('on-failure');
  if (service.healthcheck?.test === undefined && !isOneShot) yield 'has no health check';
  if (service.restart === undefined) yield 'has no restart policy';
  if (!service.security_opt?.includes('no-new-privileges:true')) yield 'may gain privileges';
  for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
    if (condition === 'service_healthy' && services[other]?.healthcheck?.test === undefined)
      yield `waits for the health of ${other}, which has no health check`;
  }
  for (const [key, value] of Object.entries(service.environment ?? {})) {
    if (/PASSWORD|SECRET|TOKEN/.test(key) && !/^\$\{\w+:\?[^}]+\}$/.test(value))
      yield `has ${key} with a value or a default in the file: take it from a variable that must be set`;
  }
}

/** Published to this machine alone, and what is published or probed is a port that something listens on. */
function* portProblems(service, ports) {
  for (const port of service.ports ?? []) {
    const [, host, published, target] = /^(.*):(\d+):(\d+)$/.exec(port) ?? [];
    if (!/^(127\.0\.0\.1|\$\{\w+:-127\.0\.0\.1\})$/.test(host ?? '')) yield `publishes ${port} to the network`;
    if (published !== target || !ports.has(Number(target))) yield `publishes ${port}, which no setting of ours opens`;
  }
  if (!String(service.image).startsWith('throughline:')) return;
  const probed = /127\.0\.0\.1:(\d+)/.exec(service.healthcheck?.test?.join(' ') ?? '')?.[1];
  if (probed !== undefined && ports.get(Number(probed)) !== 'metrics.port')
    yield `is probed on port ${probed}, which is not metrics.port of the image`;
}

function* volumeProblems(service, volumes) {
  for (const volume of service.volumes ?? []) {
    const [source] = String(volume).split(':');
    if (!/^[./]/.test(source) && !(source in volumes)) yield `uses the volume ${source}, which is not declared`;
  }
}

/** A version, not `latest` and not nothing. */
export function isPinned(image) {
  return /^[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[\da-f]{64})?$/.test(image ?? '');
}
