/** How far the counts of an SLO have followed what was received. Read before the counts it accompanies. */
import type { SloFreshness } from '../../schemas/index.js';
import { type CountedSlo, doneRatio, hoursSummedToMs, type SloBackfill, sloBackfillsIn } from '../../store/index.js';
import { type CountedProgress, countedProgressOf, readAll } from '../freshness.js';
import type { Parts } from '../settings.js';
import { instantOf } from './times.js';

export { instantOf };

type Freshness = Omit<SloFreshness, 'incomplete_ratio'>;

/** Of all SLOs of the tenant. */
export interface SloProgress {
  readonly counted: CountedProgress;
  readonly backfills: readonly SloBackfill[];
  /** As `hoursSummedToMs` says. */
  readonly hoursSummedToMs: number;
}

export async function readSloProgress(
  parts: Pick<Parts, 'progress' | 'offsets' | 'limits' | 'tenant'>,
): Promise<SloProgress> {
  const { partitions, ...progress } = await readAll(parts);
  return {
    counted: countedProgressOf(partitions, progress, parts.limits),
    backfills: sloBackfillsIn(progress.rows, parts.tenant),
    hoursSummedToMs: hoursSummedToMs(progress.rows, progress.serverNowMs),
  };
}

/** `fromMinute`: how far back the question reaches. */
export function sloFreshness({ counted, backfills }: SloProgress, slo: CountedSlo, fromMinute: number): Freshness {
  const { countedMs, ...progress } = counted;
  const backfill = backfillOf(
    slo,
    backfills.find(each => each.slo === slo.name),
    fromMinute * 60,
  );
  return {
    ...progress,
    settled: progress.settled && (backfill === null || backfill.minutes_left === 0),
    counted_to: countedMs === 0 ? null : instantOf(countedMs),
    backfill,
  };
}

export function backfillOf(
  slo: CountedSlo,
  known: SloBackfill | undefined,
  fromSeconds: number,
): SloFreshness['backfill'] {
  const isEarlier = known !== undefined && known.since > slo.countedSince;
  if (isEarlier) {
    const note = 'counted as it was defined then: what has come since is not in it';
    return { done_ratio: 1, minutes_left: 0, reaches_back_to: null, note };
  }
  if (known === undefined || known.since !== slo.countedSince || known.definition !== slo.definition) {
    return { done_ratio: 0, minutes_left: 1, reaches_back_to: null, note: 'counting has not begun' };
  }
  const { isDone, minutesLeft, note, reachedMinute } = known;
  const isFarEnough = isDone || (reachedMinute !== null && reachedMinute <= fromSeconds);
  if (isFarEnough && note === '') return null;
  return {
    done_ratio: doneRatio(known),
    minutes_left: isFarEnough ? 0 : minutesLeft,
    reaches_back_to: reachedMinute === null ? null : instantOf(reachedMinute * 1_000),
    note,
  };
}
