/**
 * Where objectives stand at an instant, per group and all together, read with as few rows as will do: sums between the
 * edges of the windows asked for. Only to find the minute in which a budget was used up are minutes read, and of them
 * those around it.
 */
import type { SloDefinition } from '../../schemas/index.js';
import { type CountedSlo, type SloMinute, type SloStretches, type Store, sloStretches } from '../../store/index.js';
import { ApiError } from '../errors.js';
import {
  CountSeries,
  elapsedMinutes,
  firstMinuteNeeded,
  mergeCounts,
  presentMinutes,
  type SloStatus,
  type StatusQuestion,
  sliceMinutesOf,
  statusOf,
  type WindowSpan,
  windowAt,
} from './math/index.js';

export const MAX_GROUPS = 10_000;
/** In so many parts is a window cut to find out in which one the budget was used up. */
const PARTS = 128;

export interface GroupStanding {
  readonly key: Readonly<Record<string, string>>;
  readonly status: SloStatus;
  /** What it was made of: sums of stretches, each at the first minute of its stretch. */
  readonly cells: readonly SloMinute[];
}

export interface ObjectiveStanding {
  /** All groups together. */
  readonly whole: SloStatus;
  readonly wholeCells: readonly SloMinute[];
  readonly groups: readonly GroupStanding[];
}

export interface StandingQuestion {
  readonly atMinute: number;
  readonly burnMinutes: readonly number[];
  /** As in `StatusQuestion`. */
  readonly span?: WindowSpan;
  /** Where stretches shall end, too: for whoever asks more of the cells. */
  readonly edges?: readonly number[];
  /** Where it is known: hours of SLOs hold what was counted before (docs/adr/041). */
  readonly hoursSummedToMs?: number;
}

/** One for each objective of the definition, in its order. Throws an ApiError where there are too many groups. */
export async function readStandings(
  store: Store,
  slo: CountedSlo,
  question: StandingQuestion,
): Promise<ObjectiveStanding[]> {
  const standings: ObjectiveStanding[] = [];
  for (const [objectives, slice] of bySlices(slo.spec)) {
    const questions = objectives.map(index => ({ slo: slo.spec, objective: slo.spec.objectives[index], ...question }));
    const stretches = await readStretches(store, slo, objectives, questions, slice, question);
    for (const [at, index] of objectives.entries()) {
      const own = stretches.filter(({ objective }) => objective === index);
      standings[index] = await standingOf(store, slo, index, own, questions[at]);
    }
  }
  return standings;
}

/** Objectives that can be read together. */
function bySlices({ objectives }: SloDefinition): Map<number[], number> {
  const bySlice = new Map<number, number[]>();
  for (const [index, objective] of objectives.entries()) {
    const slice = sliceMinutesOf(objective);
    bySlice.set(slice, [...(bySlice.get(slice) ?? []), index]);
  }
  return new Map([...bySlice].map(([slice, indexes]) => [indexes, slice]));
}

async function readStretches(
  store: Store,
  slo: CountedSlo,
  objectives: readonly number[],
  questions: readonly StatusQuestion[],
  sliceMinutes: number,
  { edges = [], hoursSummedToMs }: StandingQuestion,
): Promise<SloStretches[]> {
  const [{ atMinute }] = questions;
  const isSliced = slo.spec.budgetingMethod !== 'Occurrences';
  const fromMinute = Math.min(...questions.map(firstMinuteNeeded));
  const stretches = await sloStretches(
    store,
    cellsOf(slo),
    {
      objectives,
      spans: [{ fromMinute, toMinute: atMinute }],
      edges: [...edges, ...edgesOf(questions[0]), ...(isSliced ? [] : partsOf(questions[0]))],
      stepMinutes: isSliced ? sliceMinutes : null,
      hoursSummedToMs,
    },
    objectives.length * MAX_GROUPS + 1,
  );
  if (stretches.length > objectives.length * MAX_GROUPS) {
    throw new ApiError(
      'API_TOO_MANY_GROUPS',
      `there are more than ${MAX_GROUPS} groups: group by something with fewer`,
    );
  }
  return stretches;
}

/** Where windows begin and end; of slices the edges are edges of stretches anyway. */
function edgesOf({ slo, span, atMinute, burnMinutes }: StatusQuestion): number[] {
  const window = span ?? windowAt(slo.window, atMinute);
  const ends = [window.fromMinute, window.fromMinute + elapsedMinutes(window, atMinute)];
  return [...ends, ...[...burnMinutes, presentMinutes(window)].map(minutes => atMinute - minutes)];
}

/** Of a long window at full hours: these are read as they are summed. */
function partsOf({ slo, span, atMinute }: StatusQuestion): number[] {
  const window = span ?? windowAt(slo.window, atMinute);
  const length = elapsedMinutes(window, atMinute) / PARTS;
  const unit = length < 60 ? 1 : 60;
  return Array.from({ length: PARTS }, (_, part) => {
    return Math.max(window.fromMinute, Math.floor((window.fromMinute + part * length) / unit) * unit);
  });
}

async function standingOf(
  store: Store,
  slo: CountedSlo,
  objective: number,
  stretches: readonly SloStretches[],
  question: StatusQuestion,
): Promise<ObjectiveStanding> {
  const whole = { groupKey: '', cells: mergeCounts(stretches.map(({ cells }) => cells)) };
  const all = [whole, ...stretches].map(each => ({
    ...each,
    status: statusOf(new CountSeries(each.cells), question),
  }));
  const exhausted = all.flatMap(({ status }) => status.budget.exhaustedAtMinute ?? []);
  const isCoarse = slo.spec.budgetingMethod === 'Occurrences' && exhausted.length > 0;
  const minutes = isCoarse ? await readMinutes(store, slo, objective, exhausted, question) : [];
  const [first, ...groups] = all.map(({ groupKey, cells, status }) => {
    const { exhaustedAtMinute } = status.budget;
    if (!isCoarse || exhaustedAtMinute === null) return { groupKey, cells, status };
    const own = groupKey === '' ? minutes : minutes.filter(each => each.groupKey === groupKey);
    const minutely = mergeCounts(own.map(each => each.cells));
    return { groupKey, cells, status: refined(cells, minutely, exhaustedAtMinute, question) };
  });
  return {
    whole: first.status,
    wholeCells: first.cells,
    groups: groups.map(({ groupKey, cells, status }) => ({ key: JSON.parse(groupKey), cells, status })),
  };
}

/** Minute by minute, of the stretches that begin at one of `starts`. */
function readMinutes(
  store: Store,
  slo: CountedSlo,
  objective: number,
  starts: readonly number[],
  question: StatusQuestion,
): Promise<SloStretches[]> {
  const spans = [...new Set(starts)].map(fromMinute => ({ fromMinute, toMinute: endOf(fromMinute, question) }));
  const all = { objectives: [objective], spans, edges: [], stepMinutes: 1 };
  return sloStretches(store, cellsOf(slo), all, MAX_GROUPS);
}

function endOf(start: number, question: StatusQuestion): number {
  const edges = [...edgesOf(question), ...partsOf(question), question.atMinute];
  return Math.min(...edges.filter(edge => edge > start));
}

/** With the stretch in which the budget was used up minute by minute. */
function refined(
  cells: readonly SloMinute[],
  minutes: readonly SloMinute[],
  start: number,
  question: StatusQuestion,
): SloStatus {
  const end = endOf(start, question);
  const inside = minutes.filter(({ minute }) => minute >= start && minute < end);
  const before = cells.filter(({ minute }) => minute < start);
  const after = cells.filter(({ minute }) => minute >= end);
  return statusOf(new CountSeries([...before, ...inside, ...after]), question);
}

export function cellsOf({ tenant, name, definition }: CountedSlo) {
  return { tenant, slo: name, definition };
}
