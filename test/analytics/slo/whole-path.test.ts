/**
 * Spans in any order and delay, stitchers that are killed and doubled, counting jobs that die at any write: in the end
 * counts, budgets and blame are the oracle's, which has seen the log and nothing else. A failure names its seed;
 * `PATH_SEEDS=1 PATH_FIRST_SEED=<seed>` repeats it.
 */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerBlame } from '../../../analytics/slo/blame.js';
import { SloCountingJob } from '../../../analytics/slo/counting-job.js';
import { readSloProgress } from '../../../analytics/slo/slo-freshness.js';
import { answerStatus } from '../../../analytics/slo/status-answer.js';
import { countedSlos, type Store } from '../../../store/index.js';
import { GENERATED_EPOCH_NS } from '../../oracle/generate.js';
import { computeTraces, type OracleTrace } from '../../oracle/index.js';
import { oracleStatus } from '../../oracle/slo.js';
import { oracleBlame } from '../../oracle/slo-blame.js';
import { type JudgedTrace, oracleSloCounts, oracleVerdict } from '../../oracle/slo-counts.js';
import { nearestDouble } from '../../oracle/slo-fraction.js';
import { planOf, simulate } from '../../stitcher/simulation.js';
import { type Random, seededRandom } from '../../support/random.js';
import { testParts } from '../support/parts.js';
import { countedCells, FAST, putSlo, sloDefinition, sortedMap } from '../support/slos.js';
import { startStore, storeWith } from '../support/store.js';
import { insertSimulated, revisionTypes } from './support/simulated-rows.js';

const SEEDS = Number(process.env.PATH_SEEDS ?? 4);
const FIRST_SEED = Number(process.env.PATH_FIRST_SEED ?? 1);
const MINUTE_MS = 60_000;
const HOUR_NS = 3_600_000_000_000n;
const LIMITS = { minTraces: 1, enoughTraces: 5, maxMinutes: 1_440 };
const durationOf = (ms: number, tier: string | null = null) => ({
  tier,
  op: 'lt' as const,
  ns: String(ms * 1_000_000),
});
const SLOS = [
  sloDefinition({ name: 'by-place', groupBy: ['location'] }, { ...FAST, durations: [durationOf(150)] }),
  sloDefinition({ name: 'no-errors', unknown: 'bad' }, { ...FAST, durations: [] }),
  sloDefinition(
    { name: 'data-tier', groupBy: ['service'] },
    { ...FAST, durations: [durationOf(20, 'data')], noError: false },
  ),
];

let store: Store;
let types: ReadonlyMap<string, string>;

beforeAll(async () => {
  store = await startStore();
  types = await revisionTypes(store);
});
afterAll(() => store?.close());

class Crash extends Error {}

/** The store of a process that dies before, or right after, one of its writes. */
function dyingStore(random: Random): Store {
  let left = Math.floor(random() * 5);
  const isAfter = random() < 0.5;
  return storeWith(store, {
    command: async (sql, parameters, options) => {
      const dies = sql.startsWith('INSERT') && left-- === 0;
      if (dies && !isAfter) throw new Crash();
      await store.command(sql, parameters, options);
      if (dies) throw new Crash();
    },
  });
}

function jobOf(instance: string, through: Store): SloCountingJob {
  const rollup = { everyMs: 1, maxShare: 1, overlapMs: MINUTE_MS };
  const logger = pino({ level: 'silent' });
  return new SloCountingJob({ store: through, logger, registry: new Registry(), clock: Date.now, rollup, instance });
}

/** What a few spans with impossible times claim of their minute is left to other tests. */
function isNear(endNs: bigint): boolean {
  return endNs > GENERATED_EPOCH_NS - HOUR_NS && endNs < GENERATED_EPOCH_NS + HOUR_NS;
}

/** The rows in the order they were written, in pieces, and counting all the while, as well as it may. */
async function count(random: Random, rows: readonly Parameters<typeof insertSimulated>[2][number][]): Promise<number> {
  let kills = 0;
  for (let first = 0; first < rows.length; ) {
    const next = first + 1 + Math.floor((random() * rows.length) / 3);
    await insertSimulated(store, types, rows.slice(first, next));
    first = next;
    const name = 'ab'[Math.floor(random() * 2)];
    if (random() < 0.3) await Promise.all(['a', 'b'].map(each => jobOf(each, store).pass()));
    else {
      await jobOf(name, dyingStore(random))
        .pass()
        .catch(error => {
          if (!(error instanceof Crash)) throw error;
          kills++;
        });
    }
  }
  for (const name of ['a', 'b']) while ((await jobOf(name, store).pass()).minutesLeft > 0);
  return kills;
}

const judged = (trace: OracleTrace): JudgedTrace => ({ ...trace, attribute: () => undefined });

async function expectCounts(traces: readonly OracleTrace[], note: string): Promise<void> {
  const expected = new Map(
    SLOS.flatMap(slo =>
      [...oracleSloCounts(traces.map(judged), slo)].map(([key, counts]) => [`${slo.name} ${key}`, counts] as const),
    ),
  );
  const isCounted = ([, { good, bad, unknown }]: Awaited<ReturnType<typeof countedCells>>[number]) =>
    good + bad + unknown > 0;
  expect((await countedCells(store, SLOS)).filter(isCounted), note).toEqual(sortedMap(expected));
}

async function expectBudgets(traces: readonly OracleTrace[], atMs: number, note: string): Promise<void> {
  for (const counted of await countedSlos(store)) {
    const slo = SLOS.find(({ name }) => name === counted.name)!;
    const [objective] = slo.objectives;
    const events = traces.flatMap(trace => {
      const verdict = oracleVerdict(judged(trace), slo.selection, objective.good);
      return verdict === null ? [] : [{ endMs: Number(trace.endNs / 1_000_000n), verdict, group: '', count: 1 }];
    });
    const expected = oracleStatus(events, { slo, objective }, atMs);
    const { sli, good, bad, unknown, budget } = await answerStatus(
      { store },
      counted,
      atMs,
      await readSloProgress(testParts(store)),
    );
    expect({ sli, good, bad, unknown, budget: { ...budget, projected_exhaustion: null } }, note).toEqual({
      sli: expected.sli === null ? null : nearestDouble(expected.sli),
      good: expected.good,
      bad: expected.bad,
      unknown: expected.unknown,
      budget: {
        allowed: nearestDouble(expected.allowed),
        consumed: nearestDouble(expected.consumed),
        remaining_ratio: nearestDouble(expected.remaining),
        remaining_interval: expected.interval.map(nearestDouble),
        exhausted_at: expected.exhaustedAtMs === null ? null : new Date(expected.exhaustedAtMs).toISOString(),
        projected_exhaustion: null,
      },
    });
  }
}

async function expectBlame(traces: readonly OracleTrace[], atMs: number, note: string): Promise<number> {
  let blamed = 0;
  for (const definition of SLOS) {
    const question = { fromMs: atMs - 120 * MINUTE_MS, toMs: atMs };
    const { name, window, ...figures } = await answerBlame(
      { store, tenant: 'default' },
      definition,
      0,
      question,
      LIMITS,
    );
    expect(figures, `${note}, ${name}`).toEqual(oracleBlame(traces, { definition, objective: 0, ...question }, LIMITS));
    blamed += figures.bad;
  }
  return blamed;
}

test('for any order and delay of arrival, with kills, counts, budgets and blame are those of the log', async () => {
  const seen = { traces: 0, stitcherKills: 0, countingKills: 0, blamed: 0, late: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const random = seededRandom(seed ^ 0x1b873593);
    for (const table of ['trace_revisions', 'slo_rollup', 'slo_restatements', 'slo_documents', 'progress']) {
      await store.command(`TRUNCATE TABLE ${table}`);
    }
    for (const slo of SLOS) await putSlo(store, slo);
    const plan = planOf(seed, true);
    const { store: simulated, records, crashes } = await simulate(seed, plan);
    const all = [...computeTraces(records, plan.rules).values()];
    const traces = all.filter(({ endNs }) => isNear(endNs));
    const near = new Set(traces.map(({ traceId }) => traceId));
    const rows = simulated.tables.trace_revisions.filter(row => near.has(String(row.trace_id)));
    const kills = await count(random, rows);
    const note = `seed ${seed} (${crashes} kills of stitchers, ${kills} of counting jobs)`;
    const atMs = Number((GENERATED_EPOCH_NS + HOUR_NS) / 1_000_000n);
    await expectCounts(traces, note);
    await expectBudgets(traces, atMs, note);
    seen.blamed += await expectBlame(traces, atMs, note);
    seen.traces += traces.length;
    seen.stitcherKills += crashes;
    seen.countingKills += kills;
    seen.late += traces.filter(({ lateCount }) => lateCount > 0).length;
  }
  // Else it would have shown nothing.
  if (SEEDS >= 4) expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0);
}, 600_000);
