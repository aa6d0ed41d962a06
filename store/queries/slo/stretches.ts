/** Counts of SLOs over stretches of time: a cell where a question needs no more than a sum. */
import type { Store } from '../../types.js';
import type { MinuteSpan, SloCells } from './counts.js';
import { coverByHours, type HourCover, holdsWholeHours, hoursBetween } from './hour-cover.js';
import { unsummedHours } from './hours.js';
import { readCover, type SloStretches } from './stretch-cells.js';

export type { SloStretches } from './stretch-cells.js';

export interface StretchQuestion {
  readonly objectives: readonly number[];
  /** What is read; they do not overlap. */
  readonly spans: readonly MinuteSpan[];
  /** Stretches end there, minutes since the epoch. */
  readonly edges: readonly number[];
  /** They end at its multiples, too; null: at `edges` only. */
  readonly stepMinutes: number | null;
  /** Where the caller knows it (hours.ts). */
  readonly hoursSummedToMs?: number | undefined;
}

/** So much is read as fast by minutes as the hours are asked for. */
const FEW_MINUTES = 720;
/** Of the time in which hours are summed: what is counted now lies within them, and little else does. */
const RECENT_MINUTES = 60;
const MS_PER_MINUTE = 60_000;

/**
 * At most `limit` groups, the lowest keys first. Where a stretch has whole hours that are summed already (hours.ts) these
 * are read instead of their minutes.
 *
 * Which hours lack something is asked at once with the counts, which are read as if these were the hours around now: that
 * is mostly so, and saves the time of a question. Where others lack something it is read again. It does not matter which of
 * the two is answered first: what was written before both and is in no hour yet is told of by the one, since how far
 * hours are summed was known before; and whatever is written meanwhile is in an hour or in its minutes, never in both.
 */
export async function sloStretches(
  store: Store,
  cells: SloCells,
  question: StretchQuestion,
  limit: number,
): Promise<SloStretches[]> {
  const { objectives, edges, stepMinutes, hoursSummedToMs } = question;
  if (question.spans.length === 0 || objectives.length === 0) return [];
  const ascending = [...new Set([0, ...edges.map(edge => Math.max(0, Math.trunc(edge)))])].sort((a, b) => a - b);
  const starts = { edges: ascending, stepMinutes };
  const read = (cover: HourCover) => readCover(store, cells, { cover, objectives, starts }, limit);
  const spans = question.spans.map(({ fromMinute, toMinute }) => ({
    fromMinute: Math.max(0, Math.trunc(fromMinute)),
    toMinute: Math.trunc(toMinute),
  }));
  if (!mayHaveHours(spans, stepMinutes)) return read({ hours: [], minutes: spans });

  const all = {
    fromMinute: Math.min(...spans.map(({ fromMinute }) => fromMinute)),
    toMinute: Math.max(...spans.map(({ toMinute }) => toMinute)),
  };
  const readWithout = (unsummed: readonly number[]) => read(coverByHours(spans, edges, unsummed));
  const asked = unsummedHours(store, cells, all, hoursSummedToMs);
  // 0 says that no hour may be summed.
  if (!hoursSummedToMs) return readWithout(await asked);
  const expected = hoursBetween(Math.trunc(hoursSummedToMs / MS_PER_MINUTE) - RECENT_MINUTES, all);
  const [unsummed, stretches] = await Promise.all([asked, readWithout(expected)]);
  return unsummed.every(hour => expected.includes(hour)) ? stretches : readWithout(unsummed);
}

function mayHaveHours(spans: readonly MinuteSpan[], stepMinutes: number | null): boolean {
  const length = spans.reduce((sum, { fromMinute, toMinute }) => sum + toMinute - fromMinute, 0);
  const isStepByHours = stepMinutes === null || stepMinutes % 60 === 0;
  return isStepByHours && length >= FEW_MINUTES && holdsWholeHours(spans);
}
