import { ConfigError } from './config.js';

/** Which setting names a port that is taken, by how the rooms' defaults are laid out. */
const PORT_HINT =
  'another program (or another Throughline) uses it: stop it, or set ingest.http.port, ingest.grpc.port, analytics.port or store.embedded.port';

/** Ends the process with one clear message; a stack only where it is our bug that must be found. */
export function endWith(error: unknown): never {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

export function explain(error: unknown): string {
  if (error instanceof ConfigError)
    return `The configuration cannot be used:\n${error.problems.map(p => `  ${p}`).join('\n')}`;
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') return `${error.message}\n${PORT_HINT}`;
  if ('code' in error && typeof error.code === 'string') return `${error.code}: ${error.message}`;
  return error.message;
}
