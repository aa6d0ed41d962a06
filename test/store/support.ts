/** An embedded engine of a test's own, in a directory of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import {
  type EmbeddedEngine,
  type EmbeddedEngineOptions,
  openStore,
  type Store,
  startEmbeddedEngine,
} from '../../store/index.js';

export const SILENT: Logger = pino({ level: 'silent' });
export const DATABASE = 'throughline';
export const RETENTION = { spansDays: 3650, tracesDays: 3650, rollupsDays: 3650 };

export interface TestEngine {
  readonly engine: EmbeddedEngine;
  readonly dataDir: string;
  readonly store: Store;
  close(): Promise<void>;
}

export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'throughline-store-'));
}

export async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

export function engineOptions(dataDir: string): EmbeddedEngineOptions {
  return {
    dataDir,
    host: '127.0.0.1',
    port: 0,
    database: DATABASE,
    logger: SILENT,
    maxMemoryBytes: 2e9,
    readSessions: 3,
  };
}

export async function startTestEngine(options: Partial<EmbeddedEngineOptions> = {}): Promise<TestEngine> {
  const dataDir = await temporaryDirectory();
  const engine = await startEmbeddedEngine({ ...engineOptions(dataDir), ...options });
  const store = openStore({ url: engine.url, database: DATABASE, logger: SILENT });
  return {
    engine,
    dataDir,
    store,
    async close() {
      await store.close();
      await engine.close();
      await remove(dataDir);
    },
  };
}

/** The answer to one request of the HTTP interface. */
export async function post(url: string, query: string, parameters: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${url}/?${new URLSearchParams(parameters)}`, { method: 'POST', body: query });
  return { status: response.status, text: await response.text(), headers: response.headers };
}
