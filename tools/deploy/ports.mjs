/** Ports that a container of ours listens on: the defaults in throughline.example.yaml and what the Dockerfile sets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** Port → setting. */
export function listenerPorts(directory) {
  const { ingest, analytics } = parse(readFileSync(join(directory, 'throughline.example.yaml'), 'utf8'));
  const image = readFileSync(join(directory, 'Dockerfile'), 'utf8');
  return new Map([
    [ingest.http.port, 'ingest.http.port'],
    [ingest.grpc.port, 'ingest.grpc.port'],
    [analytics.port, 'analytics.port'],
    [Number(/THROUGHLINE_METRICS_PORT=(\d+)/.exec(image)?.[1]), 'metrics.port'],
  ]);
}

/** What the Dockerfile says it listens on must be that, beside the embedded engine's. */
export function imageProblems(directory) {
  const image = readFileSync(join(directory, 'Dockerfile'), 'utf8');
  const exposed = [...image.matchAll(/^EXPOSE (.*)$/gm)].flatMap(([, list]) => list.split(' ').map(Number));
  const { store } = parse(readFileSync(join(directory, 'throughline.example.yaml'), 'utf8'));
  const listened = [...listenerPorts(directory).keys(), store.embedded.port];
  const differ = listened.sort().join() !== [...new Set(exposed)].sort().join();
  return differ ? [`Dockerfile: EXPOSE ${exposed.join(' ')}, but the ports are ${listened.join(' ')}`] : [];
}
