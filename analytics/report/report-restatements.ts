import type { Restatement } from '../../schemas/index.js';
import { type CountedSlo, type Store, sloRestatements } from '../../store/index.js';
import { restatementOf } from '../slo/restatements-answer.js';
import { cellsOf } from '../slo/standing.js';
import type { GroupsWindow } from './groups.js';

const NAMED = 100;
/** Of all objectives together. */
const READ = 1_000;

export interface ReportRestatements {
  readonly restatements: Restatement[];
  readonly note: string | undefined;
}

/** What was restated in the window since the last report of it, the latest first; without one, all of it. */
export async function readReportRestatements(
  store: Store,
  slo: CountedSlo,
  objective: number,
  { fromMinute, toMinute }: GroupsWindow,
  previousAt: string | undefined,
): Promise<ReportRestatements> {
  const sinceMs = previousAt === undefined ? 0 : Date.parse(previousAt);
  const all = await sloRestatements(store, { ...cellsOf(slo), fromMinute, toMinute, sinceMs, limit: READ });
  const own = all.filter(each => each.objective === objective);
  const isCut = own.length > NAMED || all.length === READ;
  return {
    restatements: own.slice(0, NAMED).map(restatementOf),
    note: isCut ? `of the restatements the latest ${Math.min(NAMED, own.length)}` : undefined,
  };
}
