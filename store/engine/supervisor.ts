/**
 * The parent's side of the embedded engine: starts the child, starts it again when it dies, and uses the one that another
 * process of ours already runs on the same data directory (the engine's files belong to one process at a time).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { StoreError } from '../errors.js';
import { type ChildMessage, type ChildSettings, CLAIM_FILE, type Claim, SETTINGS_VARIABLE } from './child-protocol.js';

export interface EmbeddedEngineOptions {
  /** Of the engine alone. */
  readonly dataDir: string;
  readonly host: string;
  /** 0 takes a free one, and keeps it over restarts of the child. */
  readonly port: number;
  readonly database: string;
  readonly logger: Logger;
  /** Queries that run at once; 4. */
  readonly parallelReads?: number;
}

export interface EmbeddedEngine {
  readonly url: string;
  readonly port: number;
  /** Of the child; 0 while there is none, and where another process runs the engine. */
  readonly pid: number;
  /** Rejects when the child cannot be kept running. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const MAX_FAILED_STARTS = 8;
const STALE_CHILD_MS = 10_000;
/** Queries wait for threads of the pool, not for the event loop. */
const THREADS = 16;

export async function startEmbeddedEngine(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
  mkdirSync(options.dataDir, { recursive: true });
  const other = await findOther(options);
  if (other !== undefined) {
    options.logger.info({ url: other.url, pid: other.pid }, 'uses the embedded engine of another process');
    return { ...other, port: Number(new URL(other.url).port), pid: 0, failed: new Promise(() => {}), async close() {} };
  }
  const supervisor = new Supervisor(options);
  await supervisor.start();
  return supervisor;
}

class Supervisor implements EmbeddedEngine {
  port: number;
  readonly failed: Promise<never>;
  readonly #options: EmbeddedEngineOptions;
  readonly #identity = randomUUID();
  #fail: (error: unknown) => void = () => {};
  #child: ChildProcess | null = null;
  #isClosing = false;

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
    return `http://${this.#options.host}:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { dataDir, host, database, logger, parallelReads = 4 } = this.#options;
    const settings: ChildSettings = {
      dataDir,
      host,
      port: this.port,
      database,
      parallelReads,
      identity: this.#identity,
    };
    const child = fork(mainPath(), [], {
      env: { ...process.env, UV_THREADPOOL_SIZE: String(THREADS), [SETTINGS_VARIABLE]: JSON.stringify(settings) },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => logger.warn({ engine: text.trim() }, 'engine says'));
    }
    this.#child = child;
    try {
      this.port = await listening(child);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    const claim: Claim = { pid: child.pid ?? 0, url: this.url, identity: this.#identity };
    writeFileSync(join(dataDir, CLAIM_FILE), JSON.stringify(claim));
    child.once('exit', (code, signal) => {
      if (this.#isClosing) return;
      logger.error({ code, signal }, 'the embedded engine ended; it is started again');
      void this.#restart();
    });
    logger.info({ url: this.url, pid: child.pid }, 'the embedded engine is up');
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(join(this.#options.dataDir, CLAIM_FILE), { force: true });
  }

  async #restart(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let attempt = 1; !this.#isClosing; attempt++) {
      await sleep(pauseMs);
      if (this.#isClosing) return;
      try {
        await this.start();
        return;
      } catch (error) {
        this.#options.logger.error({ err: error, attempt }, 'the embedded engine could not be started again');
        if (attempt >= MAX_FAILED_STARTS) {
          this.#fail(error);
          return;
        }
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      }
    }
  }
}

/** The built child, also where this file is run from its source. */
function mainPath(): string {
  const beside = fileURLToPath(new URL('./main.js', import.meta.url));
  if (existsSync(beside)) return beside;
  const built = fileURLToPath(new URL('../../dist/store/engine/main.js', import.meta.url));
  if (existsSync(built)) return built;
  throw new StoreError('STORE_ENGINE', `the built engine is missing at ${built}: run \`npm run build\``);
}

async function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (message: string) => reject(new StoreError('STORE_ENGINE', message));
    const timer = setTimeout(() => fail(`the engine did not start within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const ended = (code: number | null, signal: string | null) => {
      clearTimeout(timer);
      fail(`the engine's process ended while it started (${signal ?? `exit code ${code}`})`);
    };
    child.once('exit', ended);
    child.once('message', (message: ChildMessage) => {
      clearTimeout(timer);
      child.off('exit', ended);
      if ('port' in message) resolve(message.port);
      else fail(message.error);
    });
  });
}

/**
 * The engine that another process of ours runs on this directory. A child whose parent was killed is about to end: it is
 * waited for, since the engine's files can be opened by one process only.
 */
async function findOther({ dataDir }: EmbeddedEngineOptions): Promise<Claim | undefined> {
  const path = join(dataDir, CLAIM_FILE);
  for (const deadline = performance.now() + STALE_CHILD_MS; existsSync(path); await sleep(100)) {
    const claim = readClaim(path);
    if (claim === undefined || !isEngine(claim.pid)) break;
    if (await answers(claim)) return claim;
    if (performance.now() < deadline) continue;
    process.kill(claim.pid, 'SIGKILL');
    break;
  }
  rmSync(path, { force: true });
  return undefined;
}

function readClaim(path: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Claim;
  } catch {
    // Half written by a process that was killed.
    return undefined;
  }
}

/** Whether the process is a child of ours, and not one that was given its number later. */
function isEngine(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('store/engine/main.js');
  } catch {
    try {
      // Without /proc it is enough that it lives; it answers with its identity or not.
      process.kill(pid, 0);
      return !existsSync('/proc/self');
    } catch {
      return false;
    }
  }
}

async function answers({ url, identity }: Claim): Promise<boolean> {
  try {
    const response = await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1_000) });
    return response.headers.get('x-throughline-engine') === identity;
  } catch {
    return false;
  }
}
