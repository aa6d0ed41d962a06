/**
 * The parent's side of the embedded engine: starts the child, starts it again when it dies or hangs, and uses the one that
 * another process of ours already runs on the same data directory, for as long as there is one.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../errors.js';
import {
  childSettings,
  DirectoryTaken,
  type EmbeddedEngineOptions,
  listening,
  START_TIMEOUT_MS,
  spawnChild,
} from './child.js';
import { type Claim, STOP } from './child-protocol.js';
import { findRunningEngine, isClaimed } from './claim.js';
import { watchForHang } from './hang-watch.js';

export type { EmbeddedEngineOptions };

export interface EmbeddedEngine {
  readonly url: string;
  readonly port: number;
  /** Of the child, ours or another's; changes when it is started again. */
  readonly pid: number;
  /** Rejects with a StoreError when the child cannot be kept running. */
  readonly failed: Promise<never>;
  /** False while the child is being started again. */
  isReady(): boolean;
  /** Lets running queries finish. Leaves an engine alone that another process runs. */
  close(): Promise<void>;
}

/** Longer than the child gives what is running. */
const STOP_TIMEOUT_MS = 15_000;
const DEFAULT_HANG_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived for this long did not die of its start. */
const HEALTHY_MS = 60_000;
const MAX_FAILED_STARTS = 8;
/** How often an engine of another process is looked after. */
const LOOK_AFTER_MS = 500;

export async function startEmbeddedEngine(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const supervisor = new Supervisor({ ...options, dataDir });
  await supervisor.start();
  return supervisor;
}

class Supervisor implements EmbeddedEngine {
  port: number;
  pid = 0;
  readonly failed: Promise<never>;
  readonly #options: EmbeddedEngineOptions;
  #fail: (error: unknown) => void = () => {};
  #child: ChildProcess | undefined;
  #endWatch = () => {};
  /** Of another's engine, while there is one. */
  #sharedUrl: string | undefined;
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
    if (this.#sharedUrl !== undefined) return this.#sharedUrl;
    const { host } = this.#options;
    return `http://${isIPv6(host) ? `[${host}]` : host}:${this.port}`;
  }

  isReady(): boolean {
    return this.#isReady;
  }

  /** Of several processes that start at once on one directory, one has the child and the others use it. */
  async start(): Promise<void> {
    const { dataDir } = this.#options;
    for (;;) {
      const other = await findRunningEngine(dataDir, START_TIMEOUT_MS).catch(error => {
        throw new StoreError('STORE_ENGINE', error.message, { cause: error });
      });
      if (other !== undefined) {
        this.#share(other);
        return;
      }
      try {
        await this.#startChild();
        return;
      } catch (error) {
        if (!(error instanceof DirectoryTaken)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#endWatch();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    if (child.connected) child.send(STOP);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  async #startChild(): Promise<void> {
    const { logger, hangTimeoutMs = DEFAULT_HANG_TIMEOUT_MS } = this.#options;
    const child = spawnChild({ ...childSettings(this.#options), port: this.port }, logger);
    this.#child = child;
    this.#sharedUrl = undefined;
    this.port = await listening(child);
    this.#isReady = true;
    this.pid = child.pid ?? 0;
    const readyAt = performance.now();
    this.#endWatch = watchForHang(child, hangTimeoutMs, () => {
      if (this.#isClosing) return;
      logger.error({ pid: child.pid, hangTimeoutMs }, 'the embedded engine answers nothing; it is killed');
      // What it acknowledged is on the disk; whoever waits for an answer asks again.
      child.kill('SIGKILL');
    });
    child.once('exit', (code, signal) => {
      this.#endWatch();
      this.#isReady = false;
      if (this.#isClosing) return;
      logger.error({ code, signal }, 'the embedded engine ended; it is started again');
      if (performance.now() - readyAt > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS;
      void this.#restart();
    });
    logger.info({ url: this.url, pid: child.pid }, 'the embedded engine is up');
  }

  /** Uses another's engine, and has one of its own once that is gone. */
  #share({ url, pid, identity }: Claim): void {
    const { logger, dataDir } = this.#options;
    logger.info({ url, pid }, 'uses the embedded engine of another process');
    this.#sharedUrl = url;
    this.port = Number(new URL(url).port);
    this.pid = pid;
    this.#child = undefined;
    this.#isReady = true;
    let missed = 0;
    const timer = setInterval(() => {
      missed = isClaimed(dataDir, identity) ? 0 : missed + 1;
      if (missed < 2 && !this.#isClosing) return;
      clearInterval(timer);
      if (this.#isClosing) return;
      this.#isReady = false;
      logger.warn({ url, pid }, 'the embedded engine of another process is gone');
      void this.#restart();
    }, LOOK_AFTER_MS);
    timer.unref();
  }

  async #restart(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await sleep(this.#pauseMs);
      if (this.#isClosing) return;
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
      try {
        await this.start();
        // Closed in the meantime: nobody else would end it.
        if (this.#isClosing) await this.close();
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
