/** What is different from an earlier report of the same window. */
import type { ReportAnswer, ReportGroup, SloReport } from '../../schemas/index.js';
import { MAX_GROUPS_SHOWN } from './groups.js';

type Change = ReportAnswer['changes'][number];
type Cell = Change['old'];

const NOTHING: Cell = { total: 0, good: 0, bad: 0, unknown: 0 };

/** Of the objectives that are in both, group by group. */
export function changesBetween(earlier: readonly SloReport[], later: readonly SloReport[]): Change[] {
  return later.flatMap(now => {
    const then = earlier.find(({ name, objective }) => name === now.name && objective === now.objective);
    return then === undefined ? [] : changesOf(then, now);
  });
}

function changesOf(then: SloReport, now: SloReport): Change[] {
  const old = new Map(then.groups.map(group => [keyOf(group), group]));
  const fresh = new Map(now.groups.map(group => [keyOf(group), group]));
  // Where a report names only the worst of many groups, one that it does not name is not gone.
  const isCut = then.groups.length > MAX_GROUPS_SHOWN || now.groups.length > MAX_GROUPS_SHOWN;
  const keys = [...new Set([...fresh.keys(), ...old.keys()])];
  return keys.flatMap(key => {
    if (isCut && !(fresh.has(key) && old.has(key))) return [];
    const [before, after] = [cellOf(old.get(key)), cellOf(fresh.get(key))];
    const isSame = before.good === after.good && before.bad === after.bad && before.unknown === after.unknown;
    const group = fresh.get(key) ?? old.get(key);
    if (isSame || group === undefined) return [];
    return { slo: now.name, objective: now.objective, key: group.key, old: before, new: after };
  });
}

function keyOf({ key }: ReportGroup): string {
  return JSON.stringify(Object.entries(key).sort());
}

function cellOf(group: ReportGroup | undefined): Cell {
  if (group === undefined) return NOTHING;
  const { total, good, bad, unknown } = group;
  return { total, good, bad, unknown };
}
