import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerBlame } from '../../../analytics/slo/blame.js';
import type { GroupDimension, SloDefinition } from '../../../schemas/index.js';
import type { Store } from '../../../store/index.js';
import { GENERATED_EPOCH_NS, generateTrace, mulberry32, toRequest } from '../../oracle/generate.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace } from '../../oracle/index.js';
import { oracleBlame, oracleGroup } from '../../oracle/slo-blame.js';
import { startStore } from '../support/store.js';
import { clearTraces, definitionOf, EVERYTHING, insertCounts, insertTraces } from './support/blame-rows.js';

let store: Store;

beforeAll(async () => {
  store = await startStore();
});

afterAll(() => store?.close());

/** Another one looks elsewhere. */
const SEED = Number(process.env.BLAME_SEED ?? 20_261_124);
const MINUTE_MS = 60_000;
const START_MS = Math.floor(Number(GENERATED_EPOCH_NS / 1_000_000n) / MINUTE_MS) * MINUTE_MS;
const MINUTES = 6;

/** Spread over a few minutes; those that claim to be from another century are left to other tests. */
function tracesOf(seed: number, count: number): OracleTrace[] {
  const random = mulberry32(seed);
  const records = Array.from({ length: count }, (_, index) => {
    const startNs = GENERATED_EPOCH_NS + BigInt(Math.floor(random() * MINUTES * MINUTE_MS)) * 1_000_000n;
    const request = toRequest(generateTrace(random, index, { startNs, maxSpans: 12 }).spans);
    return { partition: 0, offset: index, appendTimeMs: 0, request };
  });
  const hour = 3_600_000_000_000n;
  return [...computeTraces(records, DEFAULT_ORACLE_RULES).values()].filter(
    ({ endNs }) => endNs > GENERATED_EPOCH_NS - hour && endNs < GENERATED_EPOCH_NS + hour,
  );
}

const SELECTION = fc.record(
  {
    services: fc.subarray(['web', 'gateway', 'cart', 'payment']),
    operations: fc.subarray(['GET /', 'POST /pay', 'GET /cart']),
    environments: fc.subarray(['production']),
    locations: fc.subarray(['us-ny', 'são paulo', 'de']),
    pathTiers: fc.subarray(['app', 'data'], { maxLength: 1 }),
    pathServices: fc.subarray(['cart'], { maxLength: 1 }),
  },
  { requiredKeys: [] },
);

const DURATION = fc.record({
  tier: fc.constantFrom(null, null, 'app', 'data', 'core', 'edge'),
  op: fc.constantFrom('lt' as const, 'lte' as const, 'gt' as const, 'gte' as const),
  ns: fc.integer({ min: 1, max: 400 }).map(ms => String(ms * 1_000_000)),
});

const DEFINITION = fc
  .record({
    selection: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: SELECTION }),
    groupBy: fc.subarray<GroupDimension>(['location', 'operation', 'environment', 'service'], { maxLength: 2 }),
    durations: fc.array(DURATION, { maxLength: 3 }),
    noError: fc.boolean(),
    within: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: SELECTION }),
    isNegated: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    targetPpm: fc.constantFrom(1_000_000, 900_000, 600_000, 300_000),
    windowMinutes: fc.constantFrom(1, 3, 43_200),
  })
  .map(
    ({ selection, groupBy, durations, noError, within, isNegated, targetPpm, windowMinutes }): SloDefinition =>
      definitionOf(
        { durations, noError, within: within && { ...EVERYTHING, ...within }, isNegated },
        {
          selection: { ...EVERYTHING, ...selection },
          groupBy,
          window: { kind: 'rolling', minutes: windowMinutes },
        },
        targetPpm,
      ),
  );

const LIMITS = fc.record({
  minTraces: fc.constantFrom(1, 2, 4, 30),
  enoughTraces: fc.constantFrom(5, 60, 5_000),
  maxMinutes: fc.constantFrom(1, 2, 1_440),
});

test('equals the oracle for any traces and definition, and its shares sum to the bad traces', async () => {
  let slow = 0;
  let failed = 0;
  const seed = fc.integer({ min: 1, max: 1e9 });
  await fc.assert(
    fc.asyncProperty(
      seed,
      fc.array(fc.tuple(DEFINITION, LIMITS, fc.nat(), fc.nat(), fc.nat()), { minLength: 4, maxLength: 4 }),
      async (traceSeed, questions) => {
        const traces = tracesOf(traceSeed, 150);
        await clearTraces(store);
        await insertTraces(store, traces);
        for (const [index, [definition, limits, a, b, c]] of questions.entries()) {
          const named = { ...definition, name: `slo-${index}` };
          await insertCounts(store, traces, named, 0);
          const fromMs = START_MS + (a % (MINUTES * MINUTE_MS));
          const toMs = fromMs + 1 + (b % (3 * MINUTE_MS));
          const group = c % 2 === 0 || traces.length === 0 ? undefined : oracleGroup(traces[c % traces.length], named);
          const answer = await answerBlame({ store, tenant: 'default' }, named, 0, { fromMs, toMs, group }, limits);
          const { name, window, ...figures } = answer;
          const expected = oracleBlame(traces, { definition: named, objective: 0, fromMs, toMs, group }, limits);
          expect(figures).toEqual(expected);
          expect(answer.shares.reduce((sum, { events }) => sum + events, 0)).toBe(answer.bad);
          slow += answer.shares.filter(share => share.excess_ms !== 0).length;
          failed += answer.bad;
        }
      },
    ),
    { numRuns: 12, endOnFailure: true, seed: SEED },
  );
  // Else it would have compared nothing.
  expect(slow).toBeGreaterThan(20);
  expect(failed).toBeGreaterThan(100);
}, 180_000);
