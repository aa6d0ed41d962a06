/** GET /api/v1/slos/{name}/status: where an SLO stands, by the rules of docs/slo.md. */
import { type SloDefinition, type SloGroupStatus, type SloStatusAnswer, shorthandText } from '../../schemas/index.js';
import type { CountedSlo } from '../../store/index.js';
import type { Parts } from '../settings.js';
import { firstMinuteNeeded, type SloStatus } from './math/index.js';
import { type SloProgress, sloFreshness } from './slo-freshness.js';
import { readStandings } from './standing.js';
import { instantOf, minuteOf, minuteText } from './times.js';

export { minuteText };

/** 5m 30m 1h 2h 6h 1d 3d: the SRE Workbook's, for SLOs without alerts. */
const WORKBOOK_MINUTES: readonly number[] = [5, 30, 60, 120, 360, 1_440, 4_320];

type Standing = Omit<SloGroupStatus, 'key'>;

/** As it is defined in `slo`, which the caller has found to be in force at `atMs`, from `progress` on. Throws an ApiError. */
export async function answerStatus(
  { store }: Pick<Parts, 'store'>,
  slo: CountedSlo,
  atMs: number,
  progress: SloProgress,
): Promise<SloStatusAnswer> {
  const { spec } = slo;
  const atMinute = minuteOf(atMs);
  const burnMinutes = burnMinutesOf(spec);
  const fromMinutes = spec.objectives.map(objective =>
    firstMinuteNeeded({ slo: spec, objective, atMinute, burnMinutes }),
  );
  const freshness = sloFreshness(progress, slo, Math.min(...fromMinutes));
  const standings = await readStandings(store, slo, {
    atMinute,
    burnMinutes,
    hoursSummedToMs: progress.hoursSummedToMs,
  });
  const [{ whole, groups }] = standings;
  return {
    name: slo.name,
    at: instantOf(atMs),
    ...standingOf(whole, spec, 0),
    objectives: standings.map((standing, index) => ({
      display_name: spec.objectives[index].displayName,
      ...standingOf(standing.whole, spec, index),
    })),
    groups: spec.groupBy.length === 0 ? [] : groups.map(({ key, status }) => ({ key, ...standingOf(status, spec, 0) })),
    unknown_counts_as: spec.unknown,
    freshness: { ...freshness, incomplete_ratio: whole.total === 0 ? 0 : whole.unknown / whole.total },
  };
}

/** Windows of its alerts, ascending. */
export function burnMinutesOf({ alerts }: Pick<SloDefinition, 'alerts'>): readonly number[] {
  const own = alerts.flatMap(({ conditions }) =>
    conditions.flatMap(({ longMinutes, shortMinutes }) => [longMinutes, shortMinutes]),
  );
  return own.length === 0 ? WORKBOOK_MINUTES : [...new Set(own)].sort((a, b) => a - b);
}

export function standingOf(status: SloStatus, { objectives }: SloDefinition, objective: number): Standing {
  const { span, total, good, bad, unknown, sli, burnRates } = status;
  return {
    objective_ppm: objectives[objective].targetPpm,
    window: { from: minuteText(span.fromMinute), to: minuteText(span.toMinute) },
    total,
    good,
    bad,
    unknown,
    sli,
    budget: budgetOf(status),
    burn_rates: burnRates.map(({ minutes, rate }) => ({ window: shorthandText(minutes), rate })),
  };
}

export function budgetOf({ budget }: Pick<SloStatus, 'budget'>): Standing['budget'] {
  const { allowed, consumed, remainingRatio, remainingInterval, exhaustedAtMinute, projectedExhaustionMinute } = budget;
  return {
    allowed,
    consumed,
    remaining_ratio: remainingRatio,
    remaining_interval: [...remainingInterval],
    exhausted_at: exhaustedAtMinute === null ? null : minuteText(exhaustedAtMinute),
    projected_exhaustion: projectedExhaustionMinute === null ? null : minuteText(projectedExhaustionMinute),
  };
}
