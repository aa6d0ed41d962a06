/**
 * Keeps the counts of all SLOs up to date: in every minute that rows of `trace_revisions` have come to, and, where an SLO
 * is new or counted in another way, in all minutes there are (backfill.ts).
 *
 * Any number of jobs may run, without a leader: what one does wrong or leaves half done, another look puts right
 * (counter.ts). The minutes are read before the SLOs, so that of a new SLO every row is in one or the other's reach.
 */
import {
  type CountedSlo,
  countedSlos,
  type Minute,
  minutesWrittenSince,
  type SloChunk,
  StoreError,
  sizesOf,
  spansKeptFrom,
} from '../../store/index.js';
import { JobPosition } from '../job-position.js';
import { PacedLoop } from '../paced-loop.js';
import type { Parts } from '../settings.js';
import { Backfill } from './backfill.js';
import { chunksOf, groupsOf } from './chunks.js';
import { countChunk } from './counter.js';
import { type CountingMetrics, createCountingMetrics } from './counting-metrics.js';

/** A minute that somebody else has seen more of is looked at so often again. */
const TRIES = 3;
/** A pass counts old minutes for so long, if there are any. */
const BACKFILL_MS = 2_000;

type CountingJobParts = Pick<Parts, 'store' | 'logger' | 'registry' | 'clock' | 'rollup' | 'instance'>;

interface Suspect extends Minute {
  readonly slo: string;
  readonly tries: number;
}

export class SloCountingJob {
  readonly #parts: CountingJobParts;
  readonly #metrics: CountingMetrics;
  readonly #position: JobPosition;
  readonly #backfill: Backfill;
  readonly #loop: PacedLoop;
  /** Minutes that were not settled, by tenant, SLO and minute. */
  #suspects = new Map<string, Suspect>();

  constructor(parts: CountingJobParts) {
    this.#parts = parts;
    this.#metrics = createCountingMetrics(parts.registry);
    this.#position = new JobPosition(parts.store, 'slo', parts.instance);
    this.#backfill = new Backfill(parts, (chunk, keptFromMs) => this.#count(chunk, keptFromMs));
    this.#loop = new PacedLoop({
      name: 'a pass of counting SLOs',
      pace: parts.rollup,
      logger: parts.logger,
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

  /** Brings everything up to date, and some of what is old. Returns how many cells it wrote and what is left to do. */
  async pass(): Promise<{ cells: number; unsettled: number; minutesLeft: number }> {
    const { store, rollup } = this.#parts;
    const previousMs = await this.#position.load();
    const { minutes, serverNowMs } = await minutesWrittenSince(store, previousMs - rollup.overlapMs);
    const slos = this.#backfill.countable(await countedSlos(store));
    const dirty = new Map(minutes.map(each => [`${each.tenant} ${each.minute}`, each]));
    for (const each of this.#suspects.values()) dirty.set(`${each.tenant} ${each.minute}`, each);
    const keptFromMs = slos.length === 0 ? 0 : await spansKeptFrom(store);
    const suspectsBefore = this.#suspects;
    this.#suspects = new Map();
    let cells = 0;
    try {
      const sized = slos.length === 0 ? [] : await sizesOf(store, [...dirty.values()]);
      for (const chunk of chunksOf(sized, slos)) {
        cells += await this.#count(chunk, keptFromMs, suspectsBefore);
        if (this.#loop.signal.aborted) throw new Error('stopped');
      }
    } catch (error) {
      // They are looked at again with all else: the position stays.
      for (const [key, suspect] of suspectsBefore) this.#suspects.set(key, suspect);
      if (this.#loop.signal.aborted) return { cells, unsettled: this.#suspects.size, minutesLeft: 0 };
      throw error;
    }
    const left = await this.#backfill.advance(slos, keptFromMs, BACKFILL_MS, this.#loop.signal);
    this.#metrics.backfilling(left.minutesLeft);
    const unsettled = this.#suspects.size;
    await this.#position.save(serverNowMs, unsettled > 0 ? previousMs : serverNowMs, dirty.size > 0);
    return { cells: cells + left.cells, unsettled, minutesLeft: left.minutesLeft };
  }

  /** Returns how many cells were written. What the store refuses is narrowed down to the SLO that is to blame. */
  async #count(
    chunk: SloChunk,
    spansKeptFromMs: number,
    suspects: ReadonlyMap<string, Suspect> = new Map(),
  ): Promise<number> {
    const { store, logger } = this.#parts;
    const keyOf = (slo: string, minute: number) => JSON.stringify([chunk.tenant, slo, minute]);
    try {
      const suspected = (slo: string, minute: number) => suspects.has(keyOf(slo, minute));
      const { cells, restatements, unsettled } = await countChunk(store, chunk, { spansKeptFromMs, suspected });
      this.#metrics.wrote(cells, restatements);
      for (const { slo, minute } of unsettled) {
        const tries = (suspects.get(keyOf(slo, minute))?.tries ?? 0) + 1;
        if (tries <= TRIES) this.#suspects.set(keyOf(slo, minute), { tenant: chunk.tenant, slo, minute, tries });
      }
      return cells;
    } catch (error) {
      if (!(error instanceof StoreError) || error.retryable) throw error;
      const parts = halvesOf(chunk);
      if (parts.length === 0) {
        const [slo] = chunk.slos;
        this.#metrics.failed();
        logger.error({ err: error, tenant: slo.tenant, slo: slo.name }, 'the store cannot count this SLO');
        this.#backfill.failed(slo, error.message);
        return 0;
      }
      let cells = 0;
      for (const part of parts) cells += await this.#count(part, spansKeptFromMs, suspects);
      return cells;
    }
  }
}

function halvesOf(chunk: SloChunk): SloChunk[] {
  const { slos, minutes } = chunk;
  const halves = <Item>(items: readonly Item[]) => groupsOf(items, Math.ceil(items.length / 2));
  if (slos.length > 1) return halves<CountedSlo>(slos).map(part => ({ ...chunk, slos: part }));
  if (minutes.length > 1) return halves(minutes).map(part => ({ ...chunk, minutes: part }));
  return [];
}
