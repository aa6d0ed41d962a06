/**
 * The embedded engine's process: chDB behind ClickHouse's HTTP interface. Started by supervisor.ts; ends with its parent,
 * also where that is killed, because the channel between them closes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ChildMessage, type ChildSettings, SETTINGS_VARIABLE } from './child-protocol.js';
import { type EngineSession, Executor } from './executor.js';
import { createEngineServer } from './server.js';

interface Chdb {
  readonly Session: new (path: string) => EngineSession;
  drainPending(): Promise<void> | void;
}

const DRAIN_MS = 10_000;

const settings: ChildSettings = JSON.parse(process.env[SETTINGS_VARIABLE] ?? '{}');

async function main(): Promise<void> {
  const chdb = loadChdb();
  const engineDirectory = join(settings.dataDir, 'engine');
  const spoolDirectory = join(settings.dataDir, 'spool');
  // What a killed process left in the spool was never acknowledged.
  rmSync(spoolDirectory, { recursive: true, force: true });
  mkdirSync(spoolDirectory, { recursive: true });
  const openSession = () => new chdb.Session(engineDirectory);
  // Held for as long as the process lives: the engine stays open between queries.
  const root = openSession();
  const version = await root.queryAsync('SELECT version()', { format: 'TSVRaw' });
  await root.queryAsync(`CREATE DATABASE IF NOT EXISTS ${settings.database}`, { format: 'TSV' });
  const server = createEngineServer({
    executor: new Executor(openSession, settings.parallelReads),
    spoolDirectory,
    database: settings.database,
    version: Buffer.from(version.bytes()).toString('utf8').trim(),
    identity: settings.identity,
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(settings.port, settings.host, resolve);
  });
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), DRAIN_MS).unref();
    server.close(async () => {
      await chdb.drainPending();
      root.close();
      process.exit(0);
    });
    server.closeIdleConnections();
  };
  process.on('SIGTERM', stop);
  // Ctrl-C reaches the whole group; the parent says when it is time.
  process.on('SIGINT', () => {});
  process.on('disconnect', stop);
  send({ port: (server.address() as AddressInfo).port });
}

function loadChdb(): Chdb {
  try {
    return createRequire(import.meta.url)('chdb') as Chdb;
  } catch (error) {
    throw new Error(
      `the embedded engine is not installed (package chdb: Linux on x64 or arm64, macOS); set store.clickhouse.url to use a ClickHouse server (${error instanceof Error ? error.message.split('\n')[0] : error})`,
    );
  }
}

function send(message: ChildMessage): void {
  process.send?.(message);
}

main().catch(error => {
  process.send?.({ error: error instanceof Error ? error.message : String(error) } satisfies ChildMessage, () =>
    process.exit(1),
  );
});
