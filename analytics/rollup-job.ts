/**
 * Recomputes the minutes of `latency_rollup` that rows of `trace_revisions` have come to (store/queries/rollups.ts).
 *
 * Any number of jobs may run, without a leader. A minute that was rewritten is looked at again in the next pass, until
 * nothing is found wrong: so whatever interleaving of jobs left behind, the last one to write puts right. The position
 * that is saved trails by one pass, so that a job that dies between the two looks is followed up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DirtyMinute,
  minutesWrittenSince,
  readProgress,
  rewriteMinutes,
  sizesOf,
  staleAmong,
  writeProgress,
} from '../store/index.js';
import { parsedState, RollupState } from './freshness.js';
import { createRollupMetrics, type RollupMetrics } from './metrics.js';
import type { Parts } from './settings.js';

type Minute = Omit<DirtyMinute, 'rows'>;

/** One statement recomputes up to so many rows (or one minute) and minutes. */
const ROWS_AT_ONCE = 500_000;
const MINUTES_AT_ONCE = 500;
/** While nothing comes in, the position is saved only so often. */
const SAVE_IDLE_EVERY_MS = 10_000;
/** A job that has not saved for so long is gone: who has followed it up says so in its place. */
const GONE_MS = 60_000;

type JobParts = Pick<Parts, 'store' | 'logger' | 'registry' | 'clock' | 'rollup' | 'instance'>;

export class RollupJob {
  readonly #parts: JobParts;
  readonly #metrics: RollupMetrics;
  readonly #stop = new AbortController();
  /** What the last pass rewrote, by tenant and minute. */
  #rewritten = new Map<string, Minute>();
  /** The store's clock, epoch milliseconds; undefined until it has been loaded. */
  #coveredMs: number | undefined;
  #savedMs = Number.NEGATIVE_INFINITY;
  /** Jobs that are gone, and whose positions this one began from. */
  #followed: string[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(parts: JobParts) {
    this.#parts = parts;
    this.#metrics = createRollupMetrics(parts.registry);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits for the pass under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { rollup, clock, logger } = this.#parts;
    while (!this.#stop.signal.aborted) {
      const startedMs = clock();
      try {
        await this.pass();
      } catch (error) {
        this.#metrics.failed();
        logger.warn({ err: error }, 'a rollup pass failed; it will be repeated');
      }
      const tookMs = Math.max(0, clock() - startedMs);
      this.#metrics.took(tookMs);
      await this.#rest(Math.max(rollup.everyMs, tookMs / rollup.maxShare - tookMs));
    }
  }

  async #rest(ms: number): Promise<void> {
    // An abort is the only way it rejects.
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** Brings every minute with new rows up to date. Returns how many had to be rewritten. */
  async pass(): Promise<number> {
    const { store, rollup } = this.#parts;
    const previousMs = this.#coveredMs ?? (await this.#resumeMs());
    const { minutes, serverNowMs } = await minutesWrittenSince(store, previousMs - rollup.overlapMs);
    const dirty = new Map(this.#rewritten);
    for (const minute of minutes) dirty.set(`${minute.minute} ${minute.tenant}`, minute);
    const rewritten = new Map<string, Minute>();
    for (const chunk of chunksOf(await sizesOf(store, [...dirty.values()]))) {
      const stale = await staleAmong(store, chunk);
      if (stale.length > 0) await rewriteMinutes(store, stale);
      for (const minute of stale) rewritten.set(`${minute.minute} ${minute.tenant}`, minute);
      if (this.#stop.signal.aborted) return rewritten.size;
    }
    this.#rewritten = rewritten;
    this.#coveredMs = serverNowMs;
    this.#metrics.rewrote(rewritten.size);
    await this.#save(serverNowMs, rewritten.size > 0 ? previousMs : serverNowMs, dirty.size > 0);
    return rewritten.size;
  }

  async #save(coveredMs: number, resumeMs: number, isBusy: boolean): Promise<void> {
    if (!isBusy && coveredMs - this.#savedMs < SAVE_IDLE_EVERY_MS) return;
    const state: RollupState = { covered_ms: coveredMs, resume_ms: resumeMs };
    const { store, instance } = this.#parts;
    // The followed ones only once nothing of theirs was found wrong, so that nobody begins there again.
    const followed = resumeMs === coveredMs ? this.#followed.splice(0) : [];
    for (const name of [instance, ...followed]) await writeProgress(store, 'rollup', name, JSON.stringify(state));
    this.#savedMs = coveredMs;
  }

  /** Where this instance, or else the one that had got least far, stopped; 0 for a new store. */
  async #resumeMs(): Promise<number> {
    const { rows, serverNowMs } = await readProgress(this.#parts.store);
    const jobs = rows.filter(row => row.name === 'rollup');
    const own = jobs.filter(row => row.instance === this.#parts.instance);
    const from = own.length > 0 ? own : jobs;
    if (from.length === 0) return 0;
    if (own.length === 0) {
      this.#followed = jobs.filter(row => row.atMs < serverNowMs - GONE_MS).map(row => row.instance);
    }
    return Math.min(...from.map(row => parsedState(RollupState, row.state)?.resume_ms ?? 0));
  }
}

function chunksOf(minutes: readonly DirtyMinute[]): DirtyMinute[][] {
  const chunks: DirtyMinute[][] = [];
  let chunk: DirtyMinute[] = [];
  let rows = 0;
  for (const minute of minutes) {
    if (chunk.length > 0 && (rows + minute.rows > ROWS_AT_ONCE || chunk.length === MINUTES_AT_ONCE)) {
      chunks.push(chunk);
      chunk = [];
      rows = 0;
    }
    chunk.push(minute);
    rows += minute.rows;
  }
  return chunk.length > 0 ? [...chunks, chunk] : chunks;
}
