import type { Config } from '../schemas/index.js';
import { ConfigError } from './config.js';

/** Ends the process with one clear message; a stack only where it is our bug that must be found. */
export function endWith(error: unknown): never {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

export function explain(error: unknown): string {
  if (error instanceof ConfigError)
    return `The configuration cannot be used:\n${error.problems.map(p => `  ${p}`).join('\n')}`;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError') return 'interrupted';
  if (error instanceof TypeError || error instanceof ReferenceError) return error.stack ?? error.message;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === '' || error.message.startsWith(code) ? error.message : `${code}: ${error.message}`;
}

/** A port that is taken with the setting that names it, a disk that is full with its directory; any other error as it is. */
export function namingResource(error: unknown, config: Config): unknown {
  return namingDisk(namingPort(error, config), config);
}

function namingDisk(error: unknown, { dataDir }: Config): unknown {
  if (!(error instanceof Error) || !/\bENOSPC\b/.test(error.message)) return error;
  return new Error(`the disk of ${dataDir} is full: make room on it, then start again (${error.message})`, {
    cause: error,
  });
}

function namingPort(error: unknown, config: Config): unknown {
  const port = error instanceof Error ? /EADDRINUSE.*:(\d+)/.exec(error.message)?.[1] : undefined;
  if (port === undefined) return error;
  const { ingest, analytics, store, metrics } = config;
  const settings: readonly [string, number][] = [
    ['ingest.http.port', ingest.http.port],
    ['ingest.grpc.port', ingest.grpc.port],
    ['analytics.port', analytics.port],
    ['store.embedded.port', store.embedded.port],
    ['metrics.port', metrics.port ?? 0],
  ];
  const setting = settings.find(([, value]) => value === Number(port))?.[0] ?? 'the port';
  return new Error(
    `${setting} is ${port}, which another program (or another Throughline) uses: stop that, or set ${setting}`,
    { cause: error },
  );
}
