/** How far the counting of SLOs that are new, or are counted in another way, has got: rows of `progress`. */
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import { type ProgressRow, readProgress } from '../progress.js';

const NAME = 'slo-backfill';

export interface SloBackfill {
  readonly tenant: string;
  readonly slo: string;
  /** What is counted: the definition's counting hash, and the version since which it has been in force. */
  readonly definition: string;
  readonly since: number;
  /** Start of the oldest minute that is counted, with all after it; epoch seconds; null before the first one. */
  readonly reachedMinute: number | null;
  /** Minutes that hold traces. */
  readonly minutesTotal: number;
  readonly minutesLeft: number;
  readonly isDone: boolean;
  /** For people: how far back it can reach at all, or why it fails; or ''. */
  readonly note: string;
  /** The job at work on it. */
  readonly job: string;
  /** When it last said so, epoch milliseconds of the store's clock. */
  readonly atMs: number;
}

/** The share that is counted, from 0 to 1. */
export function doneRatio({ isDone, minutesTotal, minutesLeft }: SloBackfill): number {
  return isDone || minutesTotal === 0 ? Number(isDone) : 1 - minutesLeft / minutesTotal;
}

/** Of all tenants, or of one. */
export async function sloBackfills(
  store: Store,
  tenant?: string,
): Promise<{ backfills: SloBackfill[]; serverNowMs: number }> {
  const { rows, serverNowMs } = await readProgress(store);
  return { backfills: sloBackfillsIn(rows, tenant), serverNowMs };
}

/** Those that the rows of `progress` tell of. */
export function sloBackfillsIn(rows: readonly ProgressRow[], tenant?: string): SloBackfill[] {
  const backfills = rows
    .filter(row => row.name === NAME)
    .flatMap(row => {
      const state = stateOf(row.state);
      return state === undefined ? [] : [{ ...state, atMs: row.atMs }];
    });
  return backfills.filter(each => tenant === undefined || each.tenant === tenant);
}

export async function saveSloBackfills(store: Store, backfills: readonly Omit<SloBackfill, 'atMs'>[]): Promise<void> {
  if (backfills.length === 0) return;
  const rows = backfills.map(backfill => {
    const instance = JSON.stringify([backfill.tenant, backfill.slo]);
    return `(${[NAME, instance, JSON.stringify(backfill)].map(literal).join(', ')})`;
  });
  await store.command(`INSERT INTO progress (name, instance, state) VALUES ${rows.join(', ')}`);
}

/** Written by us; what a later version has written differently is begun again. */
function stateOf(text: string): Omit<SloBackfill, 'atMs'> | undefined {
  try {
    const state = JSON.parse(text) as Omit<SloBackfill, 'atMs'>;
    return typeof state.slo === 'string' && typeof state.minutesLeft === 'number' ? state : undefined;
  } catch {
    return undefined;
  }
}
