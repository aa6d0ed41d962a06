/**
 * Where a job that follows rows of `trace_revisions` has got to, kept in `progress`: its own position, else that of the
 * job that had got least far; and the positions of jobs that are gone, once they have been followed up.
 */
import { readProgress, type Store, writeProgress } from '../store/index.js';
import { parsedState, RollupState } from './freshness.js';

/** While nothing comes in, the position is saved only so often. */
const SAVE_IDLE_EVERY_MS = 10_000;
/** A job that has not saved for so long is gone: who has followed it up says so in its place. */
const GONE_MS = 60_000;

export class JobPosition {
  readonly #store: Store;
  readonly #name: string;
  readonly #instance: string;
  #coveredMs: number | undefined;
  #savedMs = Number.NEGATIVE_INFINITY;
  /** Jobs that are gone, and whose positions this one began from. */
  #followed: string[] = [];

  constructor(store: Store, name: string, instance: string) {
    this.#store = store;
    this.#name = name;
    this.#instance = instance;
  }

  /** Everything visible before that has been looked at; the store's clock, epoch milliseconds. */
  async load(): Promise<number> {
    this.#coveredMs ??= await this.#resumeMs();
    return this.#coveredMs;
  }

  /** Whoever takes over begins at `resumeMs`. */
  async save(coveredMs: number, resumeMs: number, isBusy: boolean): Promise<void> {
    this.#coveredMs = coveredMs;
    // Also when the store's clock was set back: what was saved before would claim what is yet to come.
    const sinceSavedMs = coveredMs - this.#savedMs;
    if (!isBusy && sinceSavedMs >= 0 && sinceSavedMs < SAVE_IDLE_EVERY_MS) return;
    const state: RollupState = { covered_ms: coveredMs, resume_ms: resumeMs };
    // The followed ones only once nothing of theirs was found wrong, so that nobody begins there again.
    const followed = resumeMs === coveredMs ? this.#followed.splice(0) : [];
    for (const instance of [this.#instance, ...followed]) {
      await writeProgress(this.#store, this.#name, instance, JSON.stringify(state));
    }
    this.#savedMs = coveredMs;
  }

  async #resumeMs(): Promise<number> {
    const { rows, serverNowMs } = await readProgress(this.#store);
    const jobs = rows.filter(row => row.name === this.#name);
    const own = jobs.filter(row => row.instance === this.#instance);
    const from = own.length > 0 ? own : jobs;
    if (from.length === 0) return 0;
    if (own.length === 0) {
      this.#followed = jobs.filter(row => row.atMs < serverNowMs - GONE_MS).map(row => row.instance);
    }
    return Math.min(...from.map(row => parsedState(RollupState, row.state)?.resume_ms ?? 0));
  }
}
