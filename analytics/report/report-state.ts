/** How current the counts are that a report is made of. */
import type { ReportAnswer } from '../../schemas/index.js';
import { type CountedSlo, newestRowOf, readProgress, type Store, sloBackfills } from '../../store/index.js';
import { readCountedFreshness } from '../freshness.js';
import type { Parts } from '../settings.js';
import { SharedProgress } from '../shared-progress.js';
import { backfillOf } from '../slo/slo-freshness.js';
import type { GroupsWindow } from './groups.js';

export interface ReportStateParts {
  readonly store: Store;
  readonly tenant: string;
  readonly limits: Parts['limits'];
  /** Where the log is; undefined where it cannot be asked: then only the watermark tells whether all is in. */
  readonly offsets: Parts['offsets'] | undefined;
}

export interface ReportState extends Pick<ReportAnswer, 'watermark' | 'settled'> {
  /** The store's clock, since that stamps restatements. */
  readonly createdAtMs: number;
}

/** A record that nobody has read: what is in a log that cannot be asked is not known to be stored. */
const UNREAD = [{ partition: 0, endOffset: 1, committedOffset: 0 }];

/**
 * Settled when all that was received is counted; or, while more keeps coming, when the watermark has passed the window
 * and every row there is of it is counted.
 */
export async function readReportState(
  { store, tenant, limits, offsets = async () => UNREAD }: ReportStateParts,
  slos: readonly CountedSlo[],
  window: GroupsWindow,
): Promise<ReportState> {
  const { serverNowMs } = await readProgress(store);
  const progress = new SharedProgress(store, 0);
  const { watermark, settled, countedMs } = await readCountedFreshness({ progress, limits, offsets });
  const isOver = watermark !== null && Date.parse(watermark) >= window.toMinute * 60_000;
  const isCounted = settled || (isOver && (await newestRowOf(store, tenant, window)) < countedMs);
  const { backfills } = await sloBackfills(store, tenant);
  const isFilled = slos.every(slo => {
    const known = backfills.find(each => each.slo === slo.name);
    return (backfillOf(slo, known, window.fromMinute * 60)?.minutes_left ?? 0) === 0;
  });
  return { createdAtMs: serverNowMs, watermark, settled: isCounted && isFilled };
}
