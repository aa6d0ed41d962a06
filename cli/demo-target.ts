/** Where the demo sends its spans and asks its question: a Throughline that runs, or one of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../schemas/index.js';
import { urlOf } from './addresses.js';
import { ApiConnection } from './api-connection.js';
import { loadConfig } from './config.js';
import { createLogger } from './logger.js';
import { startRoles } from './roles.js';

/** Given on the command line; what is missing is where the configuration says. */
export interface DemoEndpoints {
  readonly endpoint?: string;
  readonly grpcEndpoint?: string;
  readonly api?: string;
}

export interface DemoTarget {
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
  readonly api: ApiConnection;
  /** Whether it is still there after `close`. */
  readonly stays: boolean;
  close(): Promise<void>;
}

const READY_TIMEOUT_MS = 2_000;

/** Starts one only where none was asked for by address; it is gone, with its data, once closed. */
export async function findOrStart(config: Config, endpoints: DemoEndpoints): Promise<DemoTarget> {
  const { ingest, analytics } = config;
  const url = endpoints.api ?? urlOf(analytics.host, analytics.port, analytics.tls !== undefined);
  const api = new ApiConnection(url, config.client);
  const isGiven = Object.values(endpoints).some(address => address !== undefined);
  if (await isReady(api)) {
    return {
      api,
      otlpHttp: endpoints.endpoint ?? urlOf(ingest.host, ingest.http.port, ingest.http.tls !== undefined),
      otlpGrpc: endpoints.grpcEndpoint ?? urlOf(ingest.host, ingest.grpc.port, ingest.grpc.tls !== undefined),
      stays: true,
      async close() {},
    };
  }
  if (isGiven) {
    throw new Error(`no Throughline is ready at ${url}: start it with \`throughline up\`, or leave the addresses out`);
  }
  process.stderr.write(
    `no Throughline is ready at ${url}: starting one for the time of the demo (\`throughline up\` starts one that stays)\n`,
  );
  return startOwn();
}

/** All defaults but ports and directory: the demo's spans must not get into a store that the configuration names. */
async function startOwn(): Promise<DemoTarget> {
  const dataDir = await mkdtemp(join(tmpdir(), 'throughline-demo-'));
  const removeData = () => rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  const ports = ['ingest.http.port', 'ingest.grpc.port', 'analytics.port', 'store.embedded.port'];
  const flags = { dataDir, ...Object.fromEntries(ports.map(key => [key, '0'])) };
  try {
    const roles = new Set(['ingest', 'stitch', 'analytics'] as const);
    const running = await startRoles(loadConfig({ env: {}, flags }), roles, createLogger('warn'));
    // Where a part fails, the demo's own requests say so.
    running.failed.catch(() => {});
    const { otlpHttp = '', otlpGrpc = '', api = '' } = running.addresses;
    return {
      otlpHttp,
      otlpGrpc,
      api: new ApiConnection(api),
      stays: false,
      async close() {
        await running.close();
        await removeData();
      },
    };
  } catch (error) {
    await removeData();
    throw error;
  }
}

async function isReady(api: ApiConnection): Promise<boolean> {
  try {
    return (await api.ask('/readyz', {}, READY_TIMEOUT_MS)).status === 200;
  } catch {
    return false;
  }
}
