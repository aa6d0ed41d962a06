/**
 * Recomputes the minutes of `latency_rollup` that rows of `trace_revisions` have come to (store/queries/rollups.ts).
 *
 * Any number of jobs may run, without a leader. A minute that was rewritten is looked at again in the next pass, until
 * nothing is found wrong: so whatever interleaving of jobs left behind, the last one to write puts right. The position
 * that is saved trails by one pass, so that a job that dies between the two looks is followed up.
 *
 * A minute comes up again for as long as rows may become visible late. One that has been found right, and has the rows it
 * had then, is left alone; one that has others is rewritten without looking first, which would cost as much.
 */
import { crashPoint } from '../schemas/index.js';
import { type DirtyMinute, minutesWrittenSince, rewriteMinutes, sizesOf, staleAmong } from '../store/index.js';
import { JobPosition } from './job-position.js';
import { createRollupMetrics, type RollupMetrics } from './metrics.js';
import { PacedLoop } from './paced-loop.js';
import type { Parts } from './settings.js';

type Minute = Omit<DirtyMinute, 'rows' | 'fingerprint'>;

/** What a pass found out about a minute. */
interface Look {
  readonly fingerprint: string;
  readonly isRight: boolean;
}

/** One statement recomputes up to so many rows (or one minute) and minutes. */
const ROWS_AT_ONCE = 500_000;
const MINUTES_AT_ONCE = 500;
type JobParts = Pick<Parts, 'store' | 'logger' | 'registry' | 'rollup' | 'instance'>;

export class RollupJob {
  readonly #parts: JobParts;
  readonly #metrics: RollupMetrics;
  readonly #loop: PacedLoop;
  readonly #position: JobPosition;
  /** What the last pass rewrote, by tenant and minute. */
  #rewritten = new Map<string, Minute>();
  /** Of the minutes that came up in the last pass. */
  #looks: ReadonlyMap<string, Look> = new Map();

  constructor(parts: JobParts) {
    const { store, logger, rollup, instance } = parts;
    this.#parts = parts;
    this.#metrics = createRollupMetrics(parts.registry);
    this.#position = new JobPosition(store, 'rollup', instance);
    this.#loop = new PacedLoop({
      name: 'a rollup pass',
      pace: rollup,
      logger,
      pass: () => this.pass(),
      onFailed: () => this.#metrics.failed(),
      onTook: ms => this.#metrics.took(ms),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Waits for the pass under way. */
  close(): Promise<void> {
    return this.#loop.close();
  }

  /** Brings every minute with new rows up to date. Returns how many had to be rewritten. */
  async pass(): Promise<number> {
    const { store, rollup } = this.#parts;
    const previousMs = await this.#position.load();
    const { minutes, serverNowMs } = await minutesWrittenSince(store, previousMs - rollup.overlapMs);
    const dirty = new Map(this.#rewritten);
    for (const minute of minutes) dirty.set(keyOf(minute), minute);
    const rewritten = new Map<string, Minute>();
    const looks = new Map<string, Look>();
    for (const chunk of chunksOf(await sizesOf(store, [...dirty.values()]))) {
      const stale = await this.#stale(chunk);
      if (stale.length > 0) await rewriteMinutes(store, stale);
      if (stale.length > 0) crashPoint('within-rollup');
      for (const minute of stale) rewritten.set(keyOf(minute), minute);
      for (const minute of chunk) {
        const key = keyOf(minute);
        looks.set(key, { fingerprint: minute.fingerprint, isRight: !rewritten.has(key) });
      }
      if (this.#loop.signal.aborted) return rewritten.size;
    }
    this.#rewritten = rewritten;
    this.#looks = looks;
    this.#metrics.rewrote(rewritten.size);
    await this.#position.save(serverNowMs, rewritten.size > 0 ? previousMs : serverNowMs, dirty.size > 0);
    return rewritten.size;
  }

  /** Those of the minutes that are to be rewritten. */
  async #stale(chunk: readonly DirtyMinute[]): Promise<Minute[]> {
    const changed: DirtyMinute[] = [];
    const doubtful: DirtyMinute[] = [];
    for (const minute of chunk) {
      const look = this.#looks.get(keyOf(minute));
      if (look === undefined) doubtful.push(minute);
      else if (look.fingerprint !== minute.fingerprint) changed.push(minute);
      else if (!look.isRight) doubtful.push(minute);
    }
    const found = doubtful.length > 0 ? await staleAmong(this.#parts.store, doubtful) : [];
    return [...changed, ...found];
  }
}

const keyOf = ({ minute, tenant }: Minute) => `${minute} ${tenant}`;

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
