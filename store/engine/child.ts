/** The child's process as its parent starts it, and what it takes from the options. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { StoreError } from '../errors.js';
import { type ChildMessage, type ChildSettings, SETTINGS_VARIABLE } from './child-protocol.js';
import { passwordDigest } from './login.js';

export interface EmbeddedEngineOptions {
  /** Of the engine alone. */
  readonly dataDir: string;
  readonly host: string;
  /** 0 takes a free one, and keeps it over restarts of the child. */
  readonly port: number;
  readonly database: string;
  readonly logger: Logger;
  /** Of the user `default`. Without it nobody needs one: for what nobody else can reach, such as tests. */
  readonly password?: string | undefined;
  /** Of the child as a whole, bytes; half of what there is. */
  readonly maxMemoryBytes?: number | undefined;
  /** Of the data of all inserts that wait, on disk; 4 GiB. */
  readonly maxSpoolBytes?: number | undefined;
  /** Of one query; as many as there are cores. */
  readonly threads?: number | undefined;
  /** Queries that run at once, the others wait; 4. */
  readonly readSessions?: number | undefined;
  /** A child that answers nothing for so long is killed and started again; half a minute. */
  readonly hangTimeoutMs?: number | undefined;
}

/** A large store takes its time to open. */
export const START_TIMEOUT_MS = 120_000;
const DEFAULT_SPOOL_BYTES = 4 * 2 ** 30;
/** Beside the reads: writes, statements that kill others, files. */
const OTHER_THREADS = 8;

/** Another process of ours was faster: the directory has an engine. */
export class DirectoryTaken extends StoreError {}

export function childSettings({ dataDir, host, port, database, ...options }: EmbeddedEngineOptions): ChildSettings {
  const availableBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return {
    dataDir,
    host,
    port,
    database,
    identity: randomUUID(),
    passwordSha256: options.password === undefined ? '' : passwordDigest(options.password),
    readSessions: options.readSessions ?? 4,
    threads: options.threads ?? availableParallelism(),
    maxSpoolBytes: options.maxSpoolBytes ?? DEFAULT_SPOOL_BYTES,
    maxMemoryBytes: Math.floor(options.maxMemoryBytes ?? availableBytes / 2),
  };
}

export function spawnChild(settings: ChildSettings, logger: Logger): ChildProcess {
  // Under `node --watch` the child would report its modules over the channel that is ours.
  const { WATCH_REPORT_DEPENDENCIES: _, ...env } = process.env;
  // Queries occupy threads of libuv's pool. The directory among the words tells whose child it is (claim.ts).
  const child = fork(mainPath(), [settings.dataDir], {
    env: {
      ...env,
      UV_THREADPOOL_SIZE: String(settings.readSessions + OTHER_THREADS),
      [SETTINGS_VARIABLE]: JSON.stringify(settings),
    },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', line => logger.warn({ line }, 'engine output'));
  }
  return child;
}

/** The built child, also where this file is run from its source. */
function mainPath(): string {
  const beside = fileURLToPath(new URL('./main.js', import.meta.url));
  if (existsSync(beside)) return beside;
  const built = fileURLToPath(new URL('../../dist/store/engine/main.js', import.meta.url));
  if (existsSync(built)) return built;
  throw new StoreError('STORE_ENGINE', `the built engine is missing at ${built}: run \`npm run build\``);
}

/** The port it took. Whatever goes wrong, the child has ended or is killed. */
export function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (message: string, isTaken = false) => {
      clearTimeout(timer);
      child.off('exit', ended);
      child.kill('SIGKILL');
      reject(isTaken ? new DirectoryTaken('STORE_ENGINE', message) : new StoreError('STORE_ENGINE', message));
    };
    const timer = setTimeout(() => fail(`the engine did not start within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const ended = (code: number | null, signal: string | null) => {
      fail(`the engine's process ended while it started (${signal ?? `exit code ${code}`})`);
    };
    child.once('exit', ended);
    child.once('error', error => fail(error.message));
    child.once('message', (message: ChildMessage) => {
      if ('error' in message) {
        fail(message.error, message.isTaken);
        return;
      }
      if (!('port' in message)) return;
      clearTimeout(timer);
      child.off('exit', ended);
      resolve(message.port);
    });
  });
}
