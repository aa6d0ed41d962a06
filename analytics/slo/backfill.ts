/**
 * Counts SLOs that are new, or counted in another way than before, in all minutes that hold traces: the newest first, so
 * that the window of today is there first, in steps that the job's duty bounds. How far it is, is kept after each step;
 * another start goes on from there, and of several jobs one is at work on an SLO.
 */
import {
  type CountedSlo,
  countMinutesBefore,
  type MinuteSize,
  minutesBefore,
  readsSpans,
  type SloBackfill,
  type SloChunk,
  saveSloBackfills,
  sloBackfills,
} from '../../store/index.js';
import type { Parts } from '../settings.js';
import { SLOS_AT_ONCE, stretchesOf } from './chunks.js';

/** Whoever has not said anything for so long is not at work any more; and what failed is tried again after it. */
const PATIENCE_MS = 60_000;
/** Minutes that are looked up at once: two months. */
const PLAN_MINUTES = 100_000;
/** Later than every minute. */
const END_OF_TIME = 2 ** 32 - 1;

type BackfillParts = Pick<Parts, 'store' | 'clock' | 'instance'>;
type State = Omit<SloBackfill, 'atMs'>;
type Count = (chunk: SloChunk, spansKeptFromMs: number) => Promise<number>;

/** The newest first. Made anew in each pass: what comes later is counted by the pass itself. */
interface Plan {
  readonly tenant: string;
  readonly minutes: readonly MinuteSize[];
}

export class Backfill {
  readonly #parts: BackfillParts;
  readonly #count: Count;
  /** SLOs, as they are defined, that need no more. */
  readonly #done = new Set<string>();
  /** When the store refused to count them, by our clock. */
  readonly #failedMs = new Map<string, number>();
  readonly #unsaved: { readonly slo: CountedSlo; readonly message: string }[] = [];

  constructor(parts: BackfillParts, count: Count) {
    this.#parts = parts;
    this.#count = count;
  }

  /** Without those that the store has just refused to count: they are counted from the beginning when they are tried again. */
  countable(slos: readonly CountedSlo[]): CountedSlo[] {
    const nowMs = this.#parts.clock();
    return slos.filter(slo => nowMs - (this.#failedMs.get(nameOf(slo)) ?? Number.NEGATIVE_INFINITY) >= PATIENCE_MS);
  }

  /** What is counted of it may lack something. */
  failed(slo: CountedSlo, message: string): void {
    this.#failedMs.set(nameOf(slo), this.#parts.clock());
    this.#done.delete(keyOf(slo));
    this.#unsaved.push({ slo, message });
  }

  /** Works for about `budgetMs`, if there is anything to do. */
  async advance(
    slos: readonly CountedSlo[],
    spansKeptFromMs: number,
    budgetMs: number,
    signal: AbortSignal,
  ): Promise<{ cells: number; minutesLeft: number }> {
    const { clock } = this.#parts;
    const untilMs = clock() + budgetMs;
    await this.#saveFailures();
    const states = await this.#statesOf(this.countable(slos).filter(slo => !this.#done.has(keyOf(slo))));
    let plan: Plan | undefined;
    let cells = 0;
    while (states.size > 0 && !signal.aborted) {
      const batch = batchOf(states);
      const [{ tenant }] = batch;
      const before = states.get(batch[0])?.reachedMinute ?? END_OF_TIME;
      plan = await this.#planFrom(plan, tenant, before);
      const minutes = stretchesOf(plan.minutes)[0] ?? [];
      if (minutes.length > 0) cells += await this.#count({ tenant, slos: batch, minutes }, spansKeptFromMs);
      await this.#advance(states, this.countable(batch), minutes);
      for (const slo of batch) if (this.countable([slo]).length === 0) states.delete(slo);
      await this.#saveFailures();
      if (clock() >= untilMs) break;
    }
    return { cells, minutesLeft: [...states.values()].reduce((sum, { minutesLeft }) => sum + minutesLeft, 0) };
  }

  async #advance(states: Map<CountedSlo, State>, batch: readonly CountedSlo[], minutes: readonly number[]) {
    const reached = batch.map(slo => advanced(states.get(slo)!, minutes));
    await saveSloBackfills(this.#parts.store, reached);
    for (const [at, slo] of batch.entries()) {
      states.set(slo, reached[at]);
      if (!reached[at].isDone) continue;
      states.delete(slo);
      this.#done.add(keyOf(slo));
    }
  }

  async #planFrom(plan: Plan | undefined, tenant: string, before: number): Promise<Plan> {
    const rest = plan?.tenant === tenant ? plan.minutes.filter(({ minute }) => minute < before) : [];
    const minutes = rest.length > 0 ? rest : await minutesBefore(this.#parts.store, tenant, before, PLAN_MINUTES);
    return { tenant, minutes };
  }

  async #saveFailures(): Promise<void> {
    const failures = this.#unsaved.splice(0);
    const states = failures.map(({ slo, message }) => ({
      ...this.#begun(slo, 0),
      note: `the store cannot count it: ${message}`,
    }));
    await saveSloBackfills(this.#parts.store, states);
  }

  /** Where those are that are this job's to do. */
  async #statesOf(slos: readonly CountedSlo[]): Promise<Map<CountedSlo, State>> {
    const states = new Map<CountedSlo, State>();
    if (slos.length === 0) return states;
    const { store, instance } = this.#parts;
    const { backfills, serverNowMs } = await sloBackfills(store);
    const totals = new Map<string, number>();
    for (const slo of slos) {
      const known = backfills.find(each => isOf(each, slo));
      const isOthers = known !== undefined && known.job !== instance && known.atMs > serverNowMs - PATIENCE_MS;
      if (known?.isDone) this.#done.add(keyOf(slo));
      if (known?.isDone || isOthers) continue;
      const total = totals.get(slo.tenant) ?? (await countMinutesBefore(store, slo.tenant, END_OF_TIME));
      totals.set(slo.tenant, total);
      const state = known === undefined || known.reachedMinute === null ? this.#begun(slo, total) : known;
      const { atMs: _, ...rest } = { atMs: 0, ...state };
      states.set(slo, { ...rest, job: instance });
    }
    return states;
  }

  #begun(slo: CountedSlo, minutes: number): State {
    return {
      tenant: slo.tenant,
      slo: slo.name,
      definition: slo.definition,
      since: slo.countedSince,
      reachedMinute: null,
      minutesTotal: minutes,
      minutesLeft: minutes,
      isDone: false,
      note: readsSpans(slo.spec) ? 'it asks for attributes of spans: minutes whose spans are gone are not counted' : '',
      job: this.#parts.instance,
    };
  }
}

function advanced(state: State, stretch: readonly number[]): State {
  const last = stretch.at(-1);
  if (last === undefined) return { ...state, minutesLeft: 0, isDone: true };
  return { ...state, reachedMinute: last, minutesLeft: Math.max(0, state.minutesLeft - stretch.length) };
}

/** SLOs of one tenant that are equally far. */
function batchOf(states: ReadonlyMap<CountedSlo, State>): CountedSlo[] {
  const [[first, { reachedMinute }]] = states;
  const equals = [...states].filter(
    ([slo, state]) => slo.tenant === first.tenant && state.reachedMinute === reachedMinute,
  );
  return equals.slice(0, SLOS_AT_ONCE).map(([slo]) => slo);
}

function isOf(backfill: SloBackfill, slo: CountedSlo): boolean {
  return (
    backfill.tenant === slo.tenant &&
    backfill.slo === slo.name &&
    backfill.definition === slo.definition &&
    backfill.since === slo.countedSince
  );
}

function nameOf({ tenant, name }: CountedSlo): string {
  return JSON.stringify([tenant, name]);
}

function keyOf({ tenant, name, definition, countedSince }: CountedSlo): string {
  return JSON.stringify([tenant, name, definition, countedSince]);
}
