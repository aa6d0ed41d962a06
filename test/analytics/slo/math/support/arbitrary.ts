/** Events at random for property tests: a few hours, few enough for the oracle to look at each of them each time. */
import fc from 'fast-check';
import { CountSeries, type MinuteCounts, mergeCounts } from '../../../../../analytics/slo/math/index.js';
import type { BurnCondition, UnknownPolicy } from '../../../../../schemas/index.js';
import type { OracleEvent, OracleTerms } from '../../../../oracle/slo.js';

/** 2026-03-10T00:00Z */
export const DAWN = Date.parse('2026-03-10T00:00:00Z') / 60_000;

const event: fc.Arbitrary<OracleEvent> = fc.record({
  endMs: fc.integer({ min: DAWN * 60_000, max: (DAWN + 240) * 60_000 - 1 }),
  verdict: fc.constantFrom('good', 'good', 'good', 'bad', 'unknown'),
  group: fc.constantFrom('New York', 'Paris'),
  count: fc.integer({ min: 1, max: 20 }),
});

export const events = fc.array(event, { maxLength: 40 });

export const policy = fc.constantFrom<UnknownPolicy>('excluded', 'bad', 'good');

const window = fc.oneof(
  fc.record({ kind: fc.constant('rolling' as const), minutes: fc.integer({ min: 1, max: 300 }) }),
  fc.record({
    kind: fc.constant('calendar' as const),
    count: fc.constant(1),
    unit: fc.constantFrom('day' as const, 'month' as const),
    start: fc.constantFrom('2026-01-01T00:00:00', '2026-01-01T02:20:00'),
    timeZone: fc.constantFrom('UTC', 'Asia/Kathmandu'),
  }),
);

const targetPpm = fc.constantFrom(0, 500_000, 900_000, 990_000, 999_000, 999_999, 1_000_000);
const sliceMinutes = fc.constantFrom(1, 5, 7, 60);

export const terms: fc.Arbitrary<OracleTerms> = fc
  .record({
    window,
    unknown: policy,
    targetPpm,
    method: fc.constantFrom('Occurrences' as const, 'Timeslices' as const, 'RatioTimeslices' as const),
    sliceMinutes,
    sliceTargetPpm: fc.constantFrom(500_000, 800_000, 1_000_000),
  })
  .map(({ method, sliceMinutes: minutes, sliceTargetPpm, targetPpm: ppm, unknown, window: over }) => ({
    slo: { window: over, budgetingMethod: method, unknown },
    objective: {
      targetPpm: ppm,
      slices: method === 'Occurrences' ? null : { minutes, targetPpm: sliceTargetPpm },
    },
  }));

export const condition: fc.Arbitrary<BurnCondition> = fc.record({
  name: fc.constant('burn'),
  severity: fc.constant('page'),
  factorPerMille: fc.constantFrom(1, 500, 1000, 2000, 14_400),
  op: fc.constantFrom('gt' as const, 'gte' as const),
  longMinutes: fc.integer({ min: 5, max: 90 }),
  shortMinutes: fc.integer({ min: 1, max: 20 }),
  pendingMinutes: fc.constantFrom(0, 0, 1, 5),
  minimumEvents: fc.constantFrom(0, 0, 1, 25),
});

export function seriesOf(plain: readonly OracleEvent[]): CountSeries {
  return new CountSeries(mergeCounts(plain.map(single)));
}

function single({ count, endMs, verdict }: OracleEvent): MinuteCounts[] {
  const none = { minute: Math.floor(endMs / 60_000), total: count, good: 0, bad: 0, unknown: 0 };
  return [{ ...none, [verdict]: count }];
}
