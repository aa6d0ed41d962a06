/** Status answers from traces in the real engine, counted by the job, against the oracle's over the same traces. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SloCountingJob } from '../../../analytics/slo/counting-job.js';
import { SloHoursJob } from '../../../analytics/slo/hours-job.js';
import { readSloProgress } from '../../../analytics/slo/slo-freshness.js';
import { answerStatus } from '../../../analytics/slo/status-answer.js';
import type { SloDefinition, SloGroupStatus, SloObjective } from '../../../schemas/index.js';
import { type CountedSlo, countedSlos, type Store } from '../../../store/index.js';
import { type OracleEvent, type OracleTerms, oracleBurnRate, oracleStatus } from '../../oracle/slo.js';
import { type JudgedTrace, oracleVerdict } from '../../oracle/slo-counts.js';
import { nearestDouble } from '../../oracle/slo-fraction.js';
import { seededRandom } from '../../support/random.js';
import { testParts } from '../support/parts.js';
import { insertRevisions, LONDON, NEW_YORK, type Revision, traceId } from '../support/rows.js';
import { FAST, putSlo, sloDefinition } from '../support/slos.js';
import { startStore } from '../support/store.js';

const AT_MS = Date.UTC(2026, 10, 24, 10, 7, 31);
const HOUR_MS = 3_600_000;
const PLACES = [NEW_YORK, LONDON, ['', '', '']] as const;

let store: Store;
let slos: readonly CountedSlo[];
const traces = randomTraces(7, 1_500);

beforeAll(async () => {
  store = await startStore();
  await insertRevisions(store, traces);
  for (const [name, more] of CASES) await putSlo(store, sloDefinition({ ...more, name }));
  const job = new SloCountingJob(testParts(store));
  while ((await job.pass()).minutesLeft > 0);
  await new SloHoursJob(testParts(store, { rollup: { everyMs: 1, maxShare: 1, overlapMs: 0 } })).pass();
  slos = await countedSlos(store);
}, 120_000);
afterAll(() => store?.close());

/** More of them, and worse ones, the nearer they are to the instant. */
function randomTraces(seed: number, count: number): Revision[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, number) => ({
    traceId: traceId(number + 1),
    endMs: Math.floor(AT_MS + HOUR_MS - random() ** 3 * 40 * 24 * HOUR_MS),
    durationMs: random() < 0.05 ? 300 : 299,
    place: PLACES[Math.floor(random() * PLACES.length)],
    error: random() < 0.01,
    hasRoot: random() < 0.95,
  }));
}

function judged({ endMs, durationMs, place, error, hasRoot }: Revision): JudgedTrace {
  const [locality, region, country] = place ?? NEW_YORK;
  return {
    hasRoot: hasRoot ?? true,
    complete: hasRoot ?? true,
    error: error ?? false,
    durationNs: BigInt(durationMs ?? 100) * 1_000_000n,
    endNs: BigInt(endMs) * 1_000_000n,
    service: 'web',
    operation: 'GET /',
    environment: '',
    locality,
    region,
    country,
    tiers: [],
    services: [],
    attribute: () => undefined,
  };
}

function eventsOf(traces: readonly Revision[], { selection }: SloDefinition, objective: SloObjective): OracleEvent[] {
  return traces.flatMap(trace => {
    const verdict = oracleVerdict(judged(trace), selection, objective.good);
    return verdict === null ? [] : { endMs: trace.endMs, verdict, group: trace.place?.[0] ?? '', count: 1 };
  });
}

/** A group of the answer, or the whole, as the oracle says. */
function expected(events: readonly OracleEvent[], terms: OracleTerms, windows: readonly string[]) {
  const oracle = oracleStatus(events, terms, AT_MS);
  const instant = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const [from, to] = oracle.window;
  const minutes = (window: string) => Number(window.slice(0, -1)) * { m: 1, h: 60, d: 1_440 }[window.slice(-1) as 'm'];
  return {
    window: { from: instant(from), to: instant(to) },
    total: oracle.total,
    good: oracle.good,
    bad: oracle.bad,
    unknown: oracle.unknown,
    sli: oracle.sli === null ? null : nearestDouble(oracle.sli),
    budget: {
      allowed: nearestDouble(oracle.allowed),
      consumed: nearestDouble(oracle.consumed),
      remaining_ratio: nearestDouble(oracle.remaining),
      remaining_interval: oracle.interval.map(nearestDouble),
      exhausted_at: instant(oracle.exhaustedAtMs),
      projected_exhaustion: instant(oracle.projectedExhaustionMs),
    },
    burn_rates: windows.map(window => {
      const rate = oracleBurnRate(events, terms, Math.floor(AT_MS / 60_000), minutes(window));
      return { window, rate: rate === null || rate === 'infinite' ? null : nearestDouble(rate) };
    }),
  };
}

const comparable = ({ objective_ppm: _, key: __, ...rest }: Partial<SloGroupStatus>) => rest;
const WORKBOOK = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'];

const objective = (targetPpm: number, slices: SloObjective['slices'] = null): SloObjective => ({
  displayName: `${targetPpm}`,
  targetPpm,
  good: FAST,
  slices,
});
const slices = (minutes: number) => ({ targetPpm: 900_000, minutes });
const CASES: readonly [name: string, more: Partial<SloDefinition>][] = [
  ['a budget that lasts', { objectives: [objective(900_000)] }],
  ['one that was used up, by place', { groupBy: ['locality'], objectives: [objective(950_000), objective(999_000)] }],
  ['unknown as bad', { groupBy: ['locality'], unknown: 'bad' }],
  ['unknown as good, an objective of 100 %', { unknown: 'good', objectives: [objective(1_000_000)] }],
  [
    'slices of two lengths',
    { budgetingMethod: 'Timeslices', objectives: [objective(950_000, slices(5)), objective(990_000, slices(60))] },
  ],
  [
    'parts of slices, by place',
    { budgetingMethod: 'RatioTimeslices', groupBy: ['locality'], objectives: [objective(950_000, slices(15))] },
  ],
  [
    'a month in New York',
    {
      groupBy: ['locality'],
      window: { kind: 'calendar', count: 1, unit: 'month', start: '2026-01-01T00:00:00', timeZone: 'America/New_York' },
    },
  ],
];

async function statusOf(slo: CountedSlo) {
  return answerStatus({ store }, slo, AT_MS, await readSloProgress(testParts(store)));
}

describe('the status of', () => {
  test.each(CASES)('%s is that of the oracle', async name => {
    const slo = slos.find(each => each.name === name)!;
    const answer = await statusOf(slo);

    for (const [index, each] of slo.spec.objectives.entries()) {
      const events = eventsOf(traces, slo.spec, each);
      const terms = { slo: slo.spec, objective: each };
      const whole = expected(events, terms, WORKBOOK);
      expect(answer.objectives[index]).toEqual({
        ...whole,
        objective_ppm: each.targetPpm,
        display_name: each.displayName,
      });
      if (index > 0) continue;
      expect(answer).toMatchObject(whole);
      const byPlace = answer.groups.map(group => [group.key.locality, comparable(group)]);
      const places = slo.spec.groupBy.length === 0 ? [] : ['', 'London', 'New York'];
      expect(byPlace).toEqual(
        places.map(place => [
          place,
          expected(
            events.filter(({ group }) => group === place),
            terms,
            WORKBOOK,
          ),
        ]),
      );
    }
    expect(answer).toMatchObject({ name, at: '2026-11-24T10:07:31.000Z', freshness: { backfill: null } });
    expect(answer.total).toBeGreaterThan(500);
  });
});

test('what an instant answers while its SLO is not counted yet says so', async () => {
  await putSlo(store, sloDefinition({ name: 'new' }));
  const slo = (await countedSlos(store)).find(({ name }) => name === 'new');
  const answer = await statusOf(slo!);
  expect(answer).toMatchObject({ total: 0, sli: null, budget: { remaining_ratio: 1 }, groups: [] });
  expect(answer.freshness).toMatchObject({
    settled: false,
    backfill: { done_ratio: 0, note: 'counting has not begun' },
  });
});
