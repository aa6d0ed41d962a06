/** The figures of one objective over a report's window: the same functions, of the same counts, as in the API's answers. */
import type { ReportGroup } from '../../schemas/index.js';
import type { CountedSlo, MinuteSpan, SloMinute, Store } from '../../store/index.js';
import {
  burnDown,
  CountSeries,
  type SloStatus,
  type StatusQuestion,
  sliceMinutesOf,
  statusOf,
} from '../slo/math/index.js';
import { type ObjectiveStanding, readStandings } from '../slo/standing.js';
import { budgetOf } from '../slo/status-answer.js';
import { minuteText } from '../slo/times.js';

/** Beside the one that is all together. */
export const MAX_GROUPS_SHOWN = 100;
const WORST_DAYS = 5;
const MINUTES_PER_DAY = 1_440;
const STEPS_MINUTES: readonly number[] = [1, 5, 15, 30, 60, 120, 180, 360, 720, 1_440];
const MAX_POINTS = 124;

export interface ObjectiveGroups {
  /** All together, then one per value of `groupBy`, those with the most bad events first. */
  readonly groups: readonly ReportGroup[];
  readonly note: string | undefined;
}

export interface GroupsWindow extends MinuteSpan {
  /** Events up to the beginning of this minute, which is not after the window. */
  readonly atMinute: number;
}

type Question = Pick<StatusQuestion, 'slo' | 'objective' | 'atMinute'> & { readonly span: MinuteSpan };

/** One for each objective. */
export async function readGroups(store: Store, slo: CountedSlo, window: GroupsWindow): Promise<ObjectiveGroups[]> {
  const { fromMinute, toMinute, atMinute } = window;
  const span = { fromMinute, toMinute };
  const edges = daysOf(span, atMinute).map(day => day.fromMinute);
  const step = stepMinutesOf(span);
  for (let edge = fromMinute; edge < atMinute; edge += step) edges.push(edge);
  const standings = await readStandings(store, slo, { atMinute, burnMinutes: [], span, edges });
  return standings.map((standing, index) => {
    const question = { slo: slo.spec, objective: slo.spec.objectives[index], atMinute, span };
    return groupsOf(slo, standing, question);
  });
}

function groupsOf(
  { spec }: CountedSlo,
  { whole, wholeCells, groups }: ObjectiveStanding,
  question: Question,
): ObjectiveGroups {
  const all = groupOf({}, whole, wholeCells, question);
  if (spec.groupBy.length === 0) return { groups: [all], note: undefined };
  const worstFirst = groups.toSorted((a, b) => b.status.bad - a.status.bad || b.status.total - a.status.total);
  const shown = worstFirst
    .slice(0, MAX_GROUPS_SHOWN)
    .map(({ key, status, cells }) => groupOf(key, status, cells, question));
  const left = groups.length - shown.length;
  const note = left === 0 ? undefined : `of ${groups.length} groups the ${shown.length} with the most bad events`;
  return { groups: [all, ...shown], note };
}

function groupOf(
  key: Readonly<Record<string, string>>,
  status: SloStatus,
  cells: readonly SloMinute[],
  question: Question,
): ReportGroup {
  const { total, good, bad, unknown, sli } = status;
  const steps = burnDown(new CountSeries(cells), question, stepMinutesOf(question.span));
  const start = { at: minuteText(question.span.fromMinute), remaining_ratio: 1 };
  return {
    key: { ...key },
    total,
    good,
    bad,
    unknown,
    sli,
    budget: budgetOf(status),
    burn_down: [start, ...steps.map(step => ({ at: minuteText(step.minute), remaining_ratio: step.remainingRatio }))],
    worst_days: worstDays(cells, question),
  };
}

/** The smallest usual step that leaves a picture its size. */
function stepMinutesOf({ fromMinute, toMinute }: MinuteSpan): number {
  const length = toMinute - fromMinute;
  const usual = STEPS_MINUTES.find(step => Math.ceil(length / step) <= MAX_POINTS);
  return usual ?? Math.ceil(length / MINUTES_PER_DAY / MAX_POINTS) * MINUTES_PER_DAY;
}

/** Those that spent the most, by UTC's calendar. */
function worstDays(cells: readonly SloMinute[], question: Question): ReportGroup['worst_days'] {
  const before = sliceMinutesOf(question.objective) - 1;
  const days = daysOf(question.span, question.atMinute).flatMap(span => {
    const own = cells.filter(({ minute }) => minute >= span.fromMinute - before && minute < span.toMinute);
    if (own.every(({ bad, unknown }) => bad + unknown === 0)) return [];
    const asked = { ...question, span, atMinute: span.toMinute, burnMinutes: [] };
    return { day: minuteText(span.fromMinute).slice(0, 10), status: statusOf(new CountSeries(own), asked) };
  });
  return days
    .filter(({ status }) => status.budget.consumed > 0)
    .sort((a, b) => b.status.budget.consumed - a.status.budget.consumed || (a.day < b.day ? -1 : 1))
    .slice(0, WORST_DAYS)
    .map(({ day, status: { total, good, bad, unknown, sli } }) => ({ day, total, good, bad, unknown, sli }));
}

function daysOf({ fromMinute }: MinuteSpan, atMinute: number): MinuteSpan[] {
  const days: MinuteSpan[] = [];
  for (let from = fromMinute; from < atMinute; ) {
    const to = Math.min(atMinute, (Math.floor(from / MINUTES_PER_DAY) + 1) * MINUTES_PER_DAY);
    days.push({ fromMinute: from, toMinute: to });
    from = to;
  }
  return days;
}
