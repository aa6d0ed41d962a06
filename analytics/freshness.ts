/**
 * How current the answers are, from the log's offsets and from what stitchers and rollup jobs report in `progress`.
 *
 * Read before the question it accompanies is asked of the store: what was settled then is in the answer.
 */
import { z } from 'zod';
import { formatShortInstant, NS_PER_MS } from '../schemas/index.js';
import type { ProgressRow } from '../store/index.js';
import { readOffsets } from './log.js';
import type { Parts } from './settings.js';
import type { ProgressReading } from './shared-progress.js';
import type { LogPartition } from './types.js';

/** What stitchers write (`StitcherProgress` in their room): -Infinity becomes null in JSON. */
const StitcherState = z.object({
  partitions: z.record(z.string(), z.number()),
  watermark_ms: z.number().nullable(),
  open_traces: z.number(),
  pending: z.number(),
  audited: z.boolean(),
  last_trace_row_ms: z.number().nullable(),
  last_trace_row_age_ms: z.number().optional(),
});
type StitcherState = z.output<typeof StitcherState>;

/** The JSON in `progress.state` of a rollup job. */
export const RollupState = z.object({
  /** Every row visible then, on the store's clock, is in the rollup. */
  covered_ms: z.number(),
  /** Where a job that takes over begins. */
  resume_ms: z.number(),
});
export type RollupState = z.output<typeof RollupState>;

/** By so much a stitcher's clock may differ from the store's before `settled` can be early. */
const CLOCK_MARGIN_MS = 200;

export interface Progress {
  readonly watermark: string | null;
  readonly open_traces: number;
  readonly settled: boolean;
}

export interface CountedProgress extends Progress {
  /** Every row visible then, on the store's clock, is in the counts of SLOs. */
  readonly countedMs: number;
}

type FreshnessParts = Pick<Parts, 'progress' | 'offsets' | 'limits'>;

export async function readFreshness(parts: FreshnessParts): Promise<Progress> {
  const { partitions, rows, serverNowMs } = await readAll(parts);
  return progressOf(partitions, rows, serverNowMs, parts.limits.instanceAliveMs);
}

/**
 * The log, and what was made of it. Whichever is read later may know more than the other, and then nothing is settled: a
 * stitcher that has got to the log's end has got to all that there is.
 */
export async function readAll({ progress, offsets }: Pick<FreshnessParts, 'progress' | 'offsets'>) {
  const [reading, partitions] = await Promise.all([progress.read(), readOffsets({ offsets })]);
  return { ...reading, partitions };
}

/** Rows of others say nothing about answers. */
const TELLING = new Set(['stitcher', 'rollup', 'slo']);

/**
 * As `readFreshness` before `ask`, but both at the same time: what was stored in `progress` before they began was true by
 * then, and what it tells of is in the answer. Where something was stored since, which is rare, it is asked again. The
 * servers of a cluster have a clock each: there it is one after the other.
 *
 * `ask` may answer from what was read of the store at `sinceMs` (of `performance.now()`) or later.
 */
export async function withFreshness<Answer>(
  parts: FreshnessParts & Pick<Parts, 'store'>,
  ask: (sinceMs: number) => Promise<Answer>,
): Promise<{ progress: Progress; answer: Answer }> {
  if (parts.store.cluster !== undefined) {
    return { progress: await readFreshness(parts), answer: await ask(performance.now()) };
  }
  // In this order: what is known already is of before the question.
  const sinceMs = parts.progress.sinceMs();
  const [known, answer] = await Promise.all([readAll(parts), ask(sinceMs)]);
  const { partitions, rows, serverNowMs, beganServerMs } = known;
  const isOfBefore = known.isOfBefore || rows.every(({ name, atMs }) => !TELLING.has(name) || atMs < beganServerMs);
  const progress = progressOf(partitions, rows, serverNowMs, parts.limits.instanceAliveMs);
  return { progress, answer: isOfBefore ? answer : await ask(performance.now()) };
}

/** As `readFreshness`; settled only when the counts of SLOs have followed, too. */
export async function readCountedFreshness(parts: FreshnessParts): Promise<CountedProgress> {
  const { partitions, ...reading } = await readAll(parts);
  return countedProgressOf(partitions, reading, parts.limits);
}

export function countedProgressOf(
  partitions: readonly LogPartition[],
  { rows, serverNowMs }: Pick<ProgressReading, 'rows' | 'serverNowMs'>,
  { instanceAliveMs }: Pick<Parts['limits'], 'instanceAliveMs'>,
): CountedProgress {
  const progress = progressOf(partitions, rows, serverNowMs, instanceAliveMs);
  const countedMs = coveredMs(rows, 'slo', serverNowMs);
  const stitchers = rows.filter(row => row.name === 'stitcher' && row.atMs >= serverNowMs - instanceAliveMs);
  const isCounted = countedMs >= newestRowMs(stitchers) + CLOCK_MARGIN_MS;
  return { ...progress, settled: progress.settled && isCounted, countedMs };
}

/** Pure: `nowMs` is the clock that stamped the rows. */
export function progressOf(
  partitions: readonly LogPartition[],
  rows: readonly ProgressRow[],
  nowMs: number,
  aliveMs: number,
): Progress {
  const stitchers = rows.filter(row => row.name === 'stitcher');
  const alive = stitchers.filter(row => row.atMs >= nowMs - aliveMs);
  const live = statesOf(alive);
  // Nobody lives: what they stitched before they went still holds.
  const told = live.length > 0 ? live : statesOf(stitchers);
  return {
    watermark: watermarkOf(told),
    open_traces: told.reduce((sum, state) => sum + state.open_traces, 0),
    settled:
      live.length > 0 &&
      isStitched(partitions, live) &&
      coveredMs(rows, 'rollup', nowMs) >= newestRowMs(alive) + CLOCK_MARGIN_MS,
  };
}

function statesOf(rows: readonly ProgressRow[]): StitcherState[] {
  return rows.flatMap(row => parsedState(StitcherState, row.state) ?? []);
}

export function parsedState<State>(schema: z.ZodType<State>, text: string): State | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function watermarkOf(states: readonly StitcherState[]): string | null {
  // One that owns nothing knows nothing of time.
  const owners = states.filter(state => Object.keys(state.partitions).length > 0);
  const watermarks = owners.map(state => state.watermark_ms ?? 0);
  const lowestMs = watermarks.length === 0 ? 0 : Math.min(...watermarks);
  return lowestMs <= 0 ? null : formatShortInstant(BigInt(Math.trunc(lowestMs)) * NS_PER_MS);
}

/** Everything appended is stored and committed, and its stitchers have closed and audited every trace. */
function isStitched(partitions: readonly LogPartition[], live: readonly StitcherState[]): boolean {
  return (
    live.every(state => state.open_traces === 0 && state.pending === 0 && state.audited) &&
    partitions.every(({ partition, endOffset, committedOffset }) => {
      if (endOffset === 0) return true;
      return committedOffset === endOffset && live.some(state => state.partitions[String(partition)] === endOffset);
    })
  );
}

/** On the store's clock, which stamped the row in which a stitcher says how long ago it was. */
function newestRowMs(live: readonly ProgressRow[]): number {
  const times = live.map(row => {
    const [state] = statesOf([row]);
    const { last_trace_row_age_ms: ageMs, last_trace_row_ms: byItsOwnClockMs } = state ?? {};
    return ageMs === undefined ? (byItsOwnClockMs ?? 0) : row.atMs - ageMs;
  });
  return Math.max(...times);
}

/** Any one job that got so far is enough, alive or not. None has seen what is yet to come: a clock was set back since. */
function coveredMs(rows: readonly ProgressRow[], name: 'rollup' | 'slo', nowMs: number): number {
  const states = rows.filter(row => row.name === name).flatMap(row => parsedState(RollupState, row.state) ?? []);
  return Math.max(0, ...states.map(state => state.covered_ms).filter(covered => covered <= nowMs));
}
