/**
 * Up to which minute events are there and counted, so that it can be judged; read before the counts that it is about.
 *
 * The watermark says what the stitchers have stored, their clock being the log's; the counting and rollup jobs say which
 * rows they have followed. Behind both some seconds are left for traces to become quiet.
 */
import type { CountedSlo, Store } from '../../../store/index.js';
import { readProgress, type SloBackfill, sloBackfills } from '../../../store/index.js';
import { parsedState, progressOf, RollupState } from '../../freshness.js';

export interface HorizonSettings {
  /** How long after the watermark has passed a minute its traces may still be open. */
  readonly graceMs: number;
  /** By so many minutes judging may lag before it says that it waits. */
  readonly patienceMinutes: number;
  /** A stitcher that has not reported for so long is not alive. */
  readonly aliveMs: number;
}

export interface Horizon {
  /** All events before this minute are counted; 0 while nothing is known. */
  readonly completeMinute: number;
  readonly nowMinute: number;
  /** Whether what is complete lags behind now by more than it should. */
  readonly isLate: boolean;
  readonly backfills: readonly SloBackfill[];
}

export async function readHorizon(store: Store, settings: HorizonSettings): Promise<Horizon> {
  const { backfills } = await sloBackfills(store);
  const { rows, serverNowMs } = await readProgress(store);
  const { watermark } = progressOf([], rows, serverNowMs, settings.aliveMs);
  const coveredMs = (name: string) =>
    Math.max(
      0,
      ...rows.flatMap(row => (row.name === name ? (parsedState(RollupState, row.state)?.covered_ms ?? []) : [])),
    );
  const knownMs = Math.min(watermark === null ? 0 : Date.parse(watermark), coveredMs('slo'), coveredMs('rollup'));
  const completeMinute = Math.max(0, Math.floor((knownMs - settings.graceMs) / 60_000));
  const nowMinute = Math.floor(serverNowMs / 60_000);
  return { completeMinute, nowMinute, isLate: nowMinute - completeMinute > settings.patienceMinutes, backfills };
}

export type Counted = 'not begun' | 'under way' | 'yes';

/** Whether the SLO, as it is defined now, is counted from that minute on. */
export function countedFrom({ backfills }: Horizon, slo: CountedSlo, fromMinute: number): Counted {
  const own = backfills.find(
    ({ tenant, slo: name, definition, since }) =>
      tenant === slo.tenant && name === slo.name && definition === slo.definition && since === slo.countedSince,
  );
  if (own === undefined) return 'not begun';
  return own.isDone || (own.reachedMinute !== null && own.reachedMinute / 60 <= fromMinute) ? 'yes' : 'under way';
}
