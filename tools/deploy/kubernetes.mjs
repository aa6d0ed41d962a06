/** What is wrong with the manifests in deploy/kubernetes: by Kubernetes' own types (kubernetes-models), and by our rules. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isPinned } from './compose.mjs';
import { listenerPorts } from './ports.mjs';
import { typeProblems } from './typed.mjs';

/** Where kubernetes-models has a kind. Those that are not here are not used. */
const MODULES = {
  v1: 'v1',
  'apps/v1': 'apps/v1',
  'autoscaling/v2': 'autoscaling/v2',
  'batch/v1': 'batch/v1',
  'policy/v1': 'policy/v1',
};

export function kubernetesProblems(directory) {
  const folder = join(directory, 'deploy', 'kubernetes');
  const files = readdirSync(folder).filter(name => name.endsWith('.yaml') && name !== 'kustomization.yaml');
  const problems = [];
  const objects = [];
  for (const file of files) {
    for (const document of parseAllDocuments(readFileSync(join(folder, file), 'utf8'))) {
      problems.push(...document.errors.map(error => `${file}: ${error.message}`));
      const value = document.toJS();
      if (value !== null) objects.push({ at: `${file}: ${value.kind} ${value.metadata?.name}`, value });
    }
  }
  const typed = [];
  for (const { at, value } of objects) {
    const module = MODULES[value.apiVersion];
    if (module === undefined) problems.push(`${at}: apiVersion ${value.apiVersion} is not known here`);
    else typed.push({ at, value, type: `I${value.kind}`, module: `kubernetes-models/${module}/${value.kind}` });
  }
  const { resources } = parseAllDocuments(readFileSync(join(folder, 'kustomization.yaml'), 'utf8'))[0].toJS();
  for (const file of files) if (!resources.includes(file)) problems.push(`kustomization.yaml: lacks ${file}`);
  const ports = listenerPorts(directory);
  for (const { at, value } of objects)
    problems.push(...rulesOf(value, objects, ports).map(problem => `${at} ${problem}`));
  return [...problems, ...typeProblems(typed)];
}

function rulesOf(value, objects, ports) {
  const pod = value.spec?.template?.spec;
  const problems = [];
  if (value.kind !== 'Namespace' && value.metadata?.namespace !== 'throughline')
    problems.push('is in another namespace');
  if (pod !== undefined) problems.push(...podProblems(value, pod, objects, ports));
  if (value.kind === 'Service' || value.kind === 'PodDisruptionBudget')
    problems.push(...selectorProblems(value, objects));
  if (value.kind === 'HorizontalPodAutoscaler') problems.push(...scalerProblems(value, objects));
  return problems;
}

function* podProblems(value, pod, objects, ports) {
  if (pod.securityContext?.runAsNonRoot !== true) yield 'may run as root';
  if (value.kind === 'Deployment' && !(pod.terminationGracePeriodSeconds >= 60)) yield 'has too little time to drain';
  const named = (kind, name) => objects.some(({ value: other }) => other.kind === kind && other.metadata.name === name);
  for (const container of pod.containers) {
    const { securityContext = {}, resources = {}, envFrom = [] } = container;
    if (!isPinned(container.image)) yield `has no pinned image: ${container.image}`;
    if (!securityContext.readOnlyRootFilesystem) yield 'may write to its root file system';
    if (securityContext.allowPrivilegeEscalation !== false) yield 'may gain privileges';
    if (!securityContext.capabilities?.drop?.includes('ALL')) yield 'keeps capabilities';
    for (const of of ['requests', 'limits']) {
      if (!resources[of]?.cpu || !resources[of]?.memory) yield `has no ${of} of CPU and memory`;
    }
    for (const { configMapRef, secretRef } of envFrom) {
      if (configMapRef && !named('ConfigMap', configMapRef.name)) yield `uses the ConfigMap ${configMapRef.name}`;
      if (secretRef && !named('Secret', secretRef.name)) yield `uses the Secret ${secretRef.name}`;
    }
    const volumes = (pod.volumes ?? []).map(({ name }) => name);
    for (const { name } of container.volumeMounts ?? [])
      if (!volumes.includes(name)) yield `mounts ${name}, not a volume`;
    if (value.kind === 'Deployment') yield* probeProblems(container, ports);
  }
}

const PROBES = { startupProbe: '/healthz', livenessProbe: '/healthz', readinessProbe: '/readyz' };

function* probeProblems(container, ports) {
  const named = new Map((container.ports ?? []).map(({ name, containerPort }) => [name, containerPort]));
  for (const port of named.values()) if (!ports.has(port)) yield `says port ${port}, which no setting of ours opens`;
  for (const [probe, path] of Object.entries(PROBES)) {
    const { httpGet } = container[probe] ?? {};
    if (httpGet?.path !== path) yield `has no ${probe} of ${path}`;
    const port = named.get(httpGet?.port) ?? httpGet?.port;
    if (ports.get(port) !== 'metrics.port') yield `has a ${probe} of port ${httpGet?.port}, which is not metrics.port`;
  }
}

/** A selector that selects no pod does so in silence. */
function* selectorProblems(value, objects) {
  const labels = value.kind === 'Service' ? value.spec.selector : value.spec.selector.matchLabels;
  const chosen = objects.filter(({ value: { spec } }) =>
    Object.entries(labels).every(([key, text]) => spec?.template?.metadata?.labels?.[key] === text),
  );
  if (chosen.length !== 1) yield `selects ${chosen.length} workloads`;
  if (value.kind !== 'Service') return;
  const names = chosen.flatMap(({ value: { spec } }) =>
    spec.template.spec.containers.flatMap(each => each.ports ?? []),
  );
  for (const { port, targetPort } of value.spec.ports) {
    if (!names.some(({ name, containerPort }) => name === targetPort && containerPort === port))
      yield `has port ${port} to ${targetPort}, which the pod does not have`;
  }
}

function* scalerProblems({ spec }, objects) {
  const { kind, name } = spec.scaleTargetRef;
  const target = objects.find(({ value }) => value.kind === kind && value.metadata.name === name)?.value;
  if (target === undefined) yield `scales ${kind} ${name}, which is not here`;
  else if (target.spec.replicas !== undefined) yield `scales ${name}, which says replicas itself`;
  const settings = objects.find(({ value }) => value.kind === 'ConfigMap')?.value.data ?? {};
  const partitions = Number(settings.THROUGHLINE_BUS_PARTITIONS);
  if (!(spec.maxReplicas <= partitions)) yield `has up to ${spec.maxReplicas} replicas for ${partitions} partitions`;
}
