/** GET /api/v1/slos/{name}/budget: how an error budget was spent, step by step. */
import { type SloBudgetAnswer, type SloBudgetParameters, shorthandText } from '../../schemas/index.js';
import { type CountedSlo, sloStretches } from '../../store/index.js';
import { ApiError } from '../errors.js';
import type { Parts } from '../settings.js';
import { type BurnDownPoint, burnDown, CountSeries, mergeCounts, sliceMinutesOf, windowAt } from './math/index.js';
import { cellsOf, MAX_GROUPS } from './standing.js';
import { minuteOf, minuteText, msOf } from './times.js';

const STEPS_MINUTES = [1, 5, 15, 60, 360, 1_440] as const;
const STANDARD_POINTS = 200;
const MAX_POINTS = 5_000;
const MAX_ALL_POINTS = 200_000;

type Question = Pick<SloBudgetParameters, 'from' | 'step'> & { readonly atMs: number };

/** Of the first objective: all groups together, then one after the other. Throws an ApiError. */
export async function answerBudget(
  { store }: Pick<Parts, 'store'>,
  slo: CountedSlo,
  { from, step, atMs }: Question,
): Promise<SloBudgetAnswer> {
  const { spec } = slo;
  const [objective] = spec.objectives;
  const atMinute = minuteOf(atMs);
  const fromMinute = from === undefined ? windowAt(spec.window, atMinute).fromMinute : minuteOf(msOf(from));
  if (fromMinute >= atMinute) refuse(`from (${minuteText(fromMinute)}) must be before to (${minuteText(atMinute)})`);
  const span = { fromMinute, toMinute: atMinute };
  const stepMinutes = step ?? standardStep(atMinute - fromMinute);
  const points = Math.ceil((atMinute - fromMinute) / stepMinutes);
  if (points > MAX_POINTS) refuse(`step: there would be ${points} points, more than ${MAX_POINTS}: give a longer one`);
  const isSliced = spec.budgetingMethod !== 'Occurrences';
  const stretches = await sloStretches(
    store,
    cellsOf(slo),
    {
      objectives: [0],
      // A slice belongs to the window in which it ends, with all of its minutes.
      spans: [{ fromMinute: fromMinute - sliceMinutesOf(objective) + 1, toMinute: atMinute }],
      edges: Array.from({ length: points + 1 }, (_, index) => fromMinute + index * stepMinutes),
      stepMinutes: isSliced ? sliceMinutesOf(objective) : null,
    },
    MAX_GROUPS,
  );
  const groups = spec.groupBy.length === 0 ? [] : stretches;
  if ((groups.length + 1) * points > MAX_ALL_POINTS) {
    throw new ApiError(
      'API_TOO_MANY_GROUPS',
      `${groups.length} groups of ${points} points are too many: give a longer step`,
    );
  }
  const whole = { groupKey: '{}', cells: mergeCounts(stretches.map(({ cells }) => cells)) };
  return {
    name: slo.name,
    window: { from: minuteText(fromMinute), to: minuteText(atMinute) },
    objective_ppm: objective.targetPpm,
    step: shorthandText(stepMinutes),
    groups: [whole, ...groups].map(({ groupKey, cells }) => ({
      key: JSON.parse(groupKey),
      points: burnDown(new CountSeries(cells), { slo: spec, objective, atMinute, span }, stepMinutes).map(pointOf),
    })),
  };
}

function standardStep(minutes: number): number {
  return STEPS_MINUTES.find(step => minutes / step <= STANDARD_POINTS) ?? 1_440;
}

function pointOf({ minute, total, good, bad, unknown, remainingRatio, remainingInterval }: BurnDownPoint) {
  return {
    at: minuteText(minute),
    total,
    good,
    bad,
    unknown,
    remaining_ratio: remainingRatio,
    remaining_interval: [...remainingInterval] as [number, number],
  };
}

function refuse(message: string): never {
  throw new ApiError('API_PARAMETER_INVALID', message);
}
