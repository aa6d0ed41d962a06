/**
 * The parent's side of the embedded engine: starts the child, starts it again when it dies, and uses the one that another
 * process of ours already runs on the same data directory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { StoreError } from '../errors.js';
import { type ChildMessage, type ChildSettings, SETTINGS_VARIABLE, STOP } from './child-protocol.js';
import { findRunningEngine } from './claim.js';
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
}

export interface EmbeddedEngine {
  readonly url: string;
  readonly port: number;
  /** Of the child; changes when it is started again. */
  readonly pid: number;
  /** Rejects with a StoreError when the child cannot be kept running. */
  readonly failed: Promise<never>;
  /** False while the child is being started again. */
  isReady(): boolean;
  /** Lets running queries finish. Leaves an engine alone that another process runs. */
  close(): Promise<void>;
}

/** A large store takes its time to open. */
const START_TIMEOUT_MS = 120_000;
/** Longer than the child gives what is running. */
const STOP_TIMEOUT_MS = 15_000;
const DEFAULT_SPOOL_BYTES = 4 * 2 ** 30;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived for this long did not die of its start. */
const HEALTHY_MS = 60_000;
const MAX_FAILED_STARTS = 8;
/** Beside the reads: writes, statements that kill others, files. */
const OTHER_THREADS = 8;

export async function startEmbeddedEngine(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const other = await findRunningEngine(dataDir, START_TIMEOUT_MS).catch(error => {
    throw new StoreError('STORE_ENGINE', error.message, { cause: error });
  });
  if (other !== undefined) {
    const { url, pid } = other;
    options.logger.info({ url, pid }, 'uses the embedded engine of another process');
    const failed = new Promise<never>(() => {});
    return { url, pid, port: Number(new URL(url).port), failed, isReady: () => true, close: async () => {} };
  }
  const supervisor = new Supervisor({ ...options, dataDir });
  await supervisor.start();
  return supervisor;
}

class Supervisor implements EmbeddedEngine {
  port: number;
  readonly failed: Promise<never>;
  readonly #options: EmbeddedEngineOptions;
  #fail: (error: unknown) => void = () => {};
  #child: ChildProcess | undefined;
  #isReady = false;
  #isClosing = false;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: EmbeddedEngineOptions) {
    this.#options = options;
    this.port = options.port;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever wants to know awaits it; nobody has to.
    this.failed.catch(() => {});
  }

  get url(): string {
    const { host } = this.#options;
    return `http://${isIPv6(host) ? `[${host}]` : host}:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  isReady(): boolean {
    return this.#isReady;
  }

  async start(): Promise<void> {
    const { logger } = this.#options;
    const child = spawnChild({ ...childSettings(this.#options), port: this.port }, logger);
    this.#child = child;
    this.port = await listening(child);
    this.#isReady = true;
    const readyAt = performance.now();
    child.once('exit', (code, signal) => {
      this.#isReady = false;
      if (this.#isClosing) return;
      logger.error({ code, signal }, 'the embedded engine ended; it is started again');
      if (performance.now() - readyAt > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS;
      void this.#restart();
    });
    logger.info({ url: this.url, pid: child.pid }, 'the embedded engine is up');
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    if (child.connected) child.send(STOP);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  async #restart(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await sleep(this.#pauseMs);
      if (this.#isClosing) return;
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
      try {
        await this.start();
        return;
      } catch (error) {
        if (this.#isClosing) return;
        this.#options.logger.error({ err: error, attempt }, 'the embedded engine could not be started again');
        if (attempt >= MAX_FAILED_STARTS) {
          this.#fail(error);
          return;
        }
      }
    }
  }
}

function childSettings({ dataDir, host, port, database, ...options }: EmbeddedEngineOptions): ChildSettings {
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

function spawnChild(settings: ChildSettings, logger: Logger): ChildProcess {
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
function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (message: string) => {
      clearTimeout(timer);
      child.off('exit', ended);
      child.kill('SIGKILL');
      reject(new StoreError('STORE_ENGINE', message));
    };
    const timer = setTimeout(() => fail(`the engine did not start within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const ended = (code: number | null, signal: string | null) => {
      fail(`the engine's process ended while it started (${signal ?? `exit code ${code}`})`);
    };
    child.once('exit', ended);
    child.once('error', error => fail(error.message));
    child.once('message', (message: ChildMessage) => {
      if ('error' in message) {
        fail(message.error);
        return;
      }
      clearTimeout(timer);
      child.off('exit', ended);
      resolve(message.port);
    });
  });
}
