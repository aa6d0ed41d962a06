/**
 * The embedded engine's process: chDB behind ClickHouse's HTTP interface. Started by supervisor.ts; ends with its parent,
 * also where that is killed, because the channel between them closes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { type ChildMessage, type ChildSettings, type Claim, PING, SETTINGS_VARIABLE, STOP } from './child-protocol.js';
import { claimDirectory, publishClaim, releaseDirectory, TakenError } from './claim.js';
import { writeConfig } from './config.js';
import { Executor } from './executor.js';
import { createEngineServer } from './server.js';
import type { EngineSession } from './session-pool.js';
import { Spool } from './spool.js';

interface Chdb {
  readonly Session: new (path: string, options: { connectionArgs: readonly string[] }) => EngineSession;
  /** Resolves once nothing runs inside: a Session closed before that takes the engine down. */
  drainPending(): Promise<void>;
}

const PARALLEL_WRITES = 2;
const MAX_WAITING = 256;
/** For what is running when the parent says stop, and when it is gone and nobody waits for an answer. */
const DRAIN_MS = 10_000;
const ORPHAN_DRAIN_MS = 1_000;

async function main(): Promise<void> {
  const settings: ChildSettings = JSON.parse(process.env[SETTINGS_VARIABLE] ?? '{}');
  const { dataDir, host, identity } = settings;
  const chdb = loadChdb();
  const claim: Claim = { pid: process.pid, parentPid: process.ppid, identity, url: '' };
  claimDirectory(dataDir, claim);
  const server = await openEngine(chdb, settings);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(settings.port, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  publishClaim(dataDir, { ...claim, url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}` });
  process.send?.({ port } satisfies ChildMessage);
}

async function openEngine(chdb: Chdb, settings: ChildSettings): Promise<Server> {
  const { dataDir, database, readSessions } = settings;
  const configFile = writeConfig(join(dataDir, 'config'), settings);
  const openSession = () => {
    return new chdb.Session(join(dataDir, 'data'), { connectionArgs: [`--config-file=${configFile}`] });
  };
  // Held for as long as the process lives: the engine stays open between queries.
  const root = openSession();
  const version = await root.queryAsync('SELECT version()', { format: 'TSVRaw' });
  await root.queryAsync(`CREATE DATABASE IF NOT EXISTS ${database}`, { format: 'TSV' });
  const limits = { parallelReads: readSessions, parallelWrites: PARALLEL_WRITES, maxWaiting: MAX_WAITING };
  const executor = new Executor({ openSession, ...limits });
  const server = createEngineServer({
    executor,
    spoolDirectory: emptySpool(dataDir),
    spool: new Spool(settings.maxSpoolBytes),
    database,
    version: Buffer.from(version.bytes()).toString('utf8').trim(),
    identity: settings.identity,
    passwordSha256: settings.passwordSha256,
  });
  const answerPings = () => root.queryAsync('SELECT 1', { format: 'TSV' }).then(sayAlive, sayAlive);
  process.on('message', message => {
    if (message === PING) void answerPings();
  });
  endWithParent(server, async () => {
    await chdb.drainPending();
    executor.close();
    root.close();
    releaseDirectory(dataDir);
  });
  return server;
}

/** An engine that refuses a query is alive, too. */
function sayAlive(): void {
  process.send?.({ isAlive: true } satisfies ChildMessage, undefined, undefined, () => {});
}

/** What a killed process left in the spool was never acknowledged. The engine looks for files here by name alone. */
function emptySpool(dataDir: string): string {
  const directory = join(dataDir, 'spool');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  process.chdir(directory);
  return directory;
}

function endWithParent(server: Server, close: () => Promise<void>): void {
  let isStopping = false;
  const stop = (drainMs: number) => {
    // Nothing that was acknowledged is lost by that.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), drainMs).unref();
    if (isStopping) return;
    isStopping = true;
    server.close(async () => {
      await close();
      process.exit(0);
    });
    server.closeIdleConnections();
  };
  process.on('message', message => {
    if (message === STOP) stop(DRAIN_MS);
  });
  process.on('disconnect', () => stop(ORPHAN_DRAIN_MS));
  // They reach the whole group; the parent drains into the store first and says when it is time.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}

function loadChdb(): Chdb {
  try {
    return createRequire(import.meta.url)('chdb') as Chdb;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(
      `the embedded engine is not installed (package chdb: Linux, macOS); with store.clickhouse.url a server is used: ${reason}`,
    );
  }
}

main().catch(error => {
  const text = error instanceof Error ? error.message : String(error);
  const message: ChildMessage = { error: text, isTaken: error instanceof TakenError };
  process.send?.(message, () => process.exit(1));
});
