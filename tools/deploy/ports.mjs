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

/** What the Dockerfile says it listens on must be that. The embedded engine's port is for its own machine only. */
export function imageProblems(directory) {
  const image = readFileSync(join(directory, 'Dockerfile'), 'utf8');
  const exposed = [...image.matchAll(/^EXPOSE (.*)$/gm)].flatMap(([, list]) => list.split(' ').map(Number));
  const listened = [...listenerPorts(directory).keys()];
  const differ = listened.sort().join() !== [...new Set(exposed)].sort().join();
  return differ ? [`Dockerfile: EXPOSE ${exposed.join(' ')}, but the ports are ${listened.join(' ')}`] : [];
}
