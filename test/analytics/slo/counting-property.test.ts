/** Random histories of traces, two interleaved jobs that die between any two writes: counts and restatements are right. */
import fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SloCountingJob } from '../../../analytics/slo/counting-job.js';
import { countingHash } from '../../../schemas/index.js';
import { type SloRestatement, type Store, sloRestatements } from '../../../store/index.js';
import { type JudgedTrace, oracleSloCounts } from '../../oracle/slo-counts.js';
import { insertRevisions, LONDON, NEW_YORK, type Revision, traceId } from '../support/rows.js';
import { ALL, countedCells, FAST, putSlo, sloDefinition, sortedMap } from '../support/slos.js';
import { startStore, storeWith } from '../support/store.js';

const START = Date.UTC(2026, 10, 24, 10, 0, 0);
const SLOS = [
  sloDefinition({ name: 'by-place', groupBy: ['location'] }),
  sloDefinition({ name: 's1', selection: { ...ALL, services: ['s1'] } }, FAST, {
    ...FAST,
    durations: [{ tier: null, op: 'gte', ns: '500000000' }],
    isNegated: true,
  }),
];

let store: Store;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());

async function clear(): Promise<void> {
  for (const table of ['trace_revisions', 'slo_rollup', 'slo_restatements', 'slo_documents', 'progress']) {
    await store.command(`TRUNCATE TABLE ${table}`);
  }
  for (const slo of SLOS) await putSlo(store, slo);
}

class Crash extends Error {}

/** The store as a process sees it that dies before (or right after) its n-th write. */
function dyingStore(writes: number, isAfter: boolean): Store {
  let left = writes;
  return storeWith(store, {
    command: async (sql, parameters, options) => {
      const dies = sql.startsWith('INSERT') && left-- === 0;
      if (dies && !isAfter) throw new Crash();
      await store.command(sql, parameters, options);
      if (dies) throw new Crash();
    },
  });
}

function job(instance: string, through: Store): SloCountingJob {
  const rollup = { everyMs: 1, maxShare: 1, overlapMs: 60_000 };
  const logger = pino({ level: 'silent' });
  return new SloCountingJob({ store: through, logger, registry: new Registry(), clock: Date.now, rollup, instance });
}

const STEP = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('revise' as const),
      trace: fc.nat(5),
      seed: fc.nat(),
      move: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), job: fc.nat(1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      job: fc.nat(1),
      writes: fc.nat(4),
      isAfter: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'both' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stale' as const), trace: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'merge' as const }) },
);

function revise(previous: Revision | undefined, number: number, seed: number, move: boolean): Revision[] {
  const spans = (previous?.spans ?? 0) + 1 + (seed % 2);
  const isElsewhere = previous === undefined || move;
  const next: Revision = {
    traceId: traceId(number),
    spans,
    durationMs: (seed % 997) + 1,
    error: seed % 3 === 0,
    hasRoot: seed % 5 !== 0,
    service: `s${seed % 2}`,
    endMs: isElsewhere ? START + (seed % 3) * 60_000 : previous.endMs,
    place: isElsewhere ? [NEW_YORK, LONDON][seed % 2] : previous.place!,
    more: { late_span_count: previous === undefined || seed % 4 === 0 ? 0 : 1 },
  };
  const hasMoved = previous !== undefined && (previous.endMs !== next.endMs || previous.place !== next.place);
  return hasMoved ? [next, { ...previous, more: next.more!, spans, arrivals: spans, isDeleted: true }] : [next];
}

function judged(revision: Revision): JudgedTrace {
  const [locality, region, country] = revision.place!;
  return {
    hasRoot: revision.hasRoot!,
    complete: revision.hasRoot!,
    error: revision.error!,
    durationNs: BigInt(revision.durationMs!) * 1_000_000n,
    endNs: BigInt(revision.endMs) * 1_000_000n,
    service: revision.service!,
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

async function restatements(): Promise<Map<string, SloRestatement[]>> {
  const cells = new Map<string, SloRestatement[]>();
  for (const { name } of SLOS) {
    const span = { fromMinute: 0, toMinute: 1e9, limit: 1_000 };
    for (const each of await sloRestatements(store, { tenant: 'default', slo: name, ...span })) {
      const key = `${name} ${JSON.stringify([each.objective, each.minute, JSON.parse(each.groupKey)])}`;
      // The latest come first.
      cells.set(key, [each, ...(cells.get(key) ?? [])]);
    }
  }
  return cells;
}

type Counts = { good: number; bad: number; unknown: number };
const NONE: Counts = { good: 0, bad: 0, unknown: 0 };
const FIELDS = ['good', 'bad', 'unknown'] as const;
const hasShrunk = (from: Counts, to: Counts) => FIELDS.some(field => to[field] < from[field]);
const isSame = (a: Counts, b: Counts) => FIELDS.every(field => a[field] === b[field]);

/** What has to be in the list, and may be there: every state of a cell there was, in order. */
class History {
  readonly #states = new Map<string, Counts[]>();

  note(cells: ReadonlyMap<string, Counts>): void {
    for (const key of new Set([...cells.keys(), ...this.#states.keys()])) {
      const states = this.#states.get(key) ?? [NONE];
      const now = cells.get(key) ?? NONE;
      if (!isSame(states.at(-1)!, now)) states.push(now);
      this.#states.set(key, states);
    }
  }

  /**
   * The list of a cell leads through states that there were, in the order there were, each step once; and between the
   * steps, as before the first and after the last one, the cell only grew.
   */
  explain(key: string, list: readonly SloRestatement[]): string | undefined {
    const states = this.#states.get(key) ?? [NONE];
    let at = 0;
    const next = (counts: Counts) => {
      const found = states.findIndex((state, index) => index >= at && isSame(state, counts));
      if (found >= 0) at = found;
      return found >= 0;
    };
    let before = NONE;
    for (const { old, new: after } of list) {
      if (hasShrunk(before, old)) return `something was taken back without a word before ${JSON.stringify(old)}`;
      if (!next(old)) return `there was no ${JSON.stringify(old)}`;
      if (!next(after)) return `there was no ${JSON.stringify(after)} after ${JSON.stringify(old)}`;
      before = after;
    }
    if (hasShrunk(before, states.at(-1)!)) return `something was taken back without a word after the last`;
    return undefined;
  }
}

function expected(traces: ReadonlyMap<number, Revision>): Map<string, Counts> {
  const cells = new Map<string, Counts>();
  for (const slo of SLOS) {
    const counts = oracleSloCounts([...traces.values()].map(judged), slo);
    for (const [key, each] of counts) cells.set(`${slo.name} ${key}`, each);
  }
  return cells;
}

test('after any history of two jobs that die at any write, counts and restatements are right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 4, maxLength: 18 }), async steps => {
      await clear();
      let jobs = ['a', 'b'].map(name => job(name, store));
      const traces = new Map<number, Revision>();
      const history = new History();
      for (const step of steps) {
        if (step.kind === 'revise') {
          const rows = revise(traces.get(step.trace), step.trace, step.seed, step.move);
          // One block, as the stitcher writes them: nobody sees half of a move.
          await insertRevisions(store, rows, START);
          traces.set(step.trace, rows[0]);
          history.note(expected(traces));
        } else if (step.kind === 'stale') {
          const current = traces.get(step.trace);
          if (current) await insertRevisions(store, [{ ...current, spans: 0, arrivals: 0, durationMs: 1 }], START);
        } else if (step.kind === 'pass') await jobs[step.job].pass();
        else if (step.kind === 'both') await Promise.all(jobs.map(each => each.pass()));
        else if (step.kind === 'crash') {
          const name = 'ab'[step.job];
          await job(name, dyingStore(step.writes, step.isAfter))
            .pass()
            .catch(error => {
              if (!(error instanceof Crash)) throw error;
            });
          jobs = jobs.map((each, index) => (index === step.job ? job(name, store) : each));
        } else {
          for (const table of ['trace_revisions', 'slo_rollup', 'slo_restatements']) {
            await store.command(`OPTIMIZE TABLE ${table} FINAL`);
          }
        }
      }
      for (const each of jobs) while ((await each.pass()).cells > 0);
      const cells = expected(traces);
      expect(await countedCells(store, SLOS)).toEqual(sortedMap(cells));
      const listed = await restatements();
      for (const key of new Set([...cells.keys(), ...listed.keys()])) {
        expect(history.explain(key, listed.get(key) ?? []), key).toBeUndefined();
      }
      const [[markers]] = await store.queryRows('SELECT count() FROM slo_rollup FINAL WHERE objective = 255');
      const [[minutes]] = await store.queryRows('SELECT uniqExact(end_minute) FROM trace_revisions');
      expect(Number(markers)).toBe(Number(minutes) * SLOS.length);
      expect(new Set(SLOS.map(countingHash)).size).toBe(SLOS.length);
    }),
    { numRuns: Number(process.env.COUNTING_RUNS ?? 4), ...(process.env.SEED && { seed: Number(process.env.SEED) }) },
  );
}, 600_000);

test.each(Array.from({ length: 8 }, (_, at) => [at >> 1, at % 2 === 1] as const))(
  'a job that dies at write %i of a restatement (after it: %s) neither loses nor doubles it',
  async (writes, isAfter) => {
    await clear();
    const before: Revision = { traceId: traceId(1), endMs: START, durationMs: 1, service: 's1' };
    await insertRevisions(store, [before, { ...before, traceId: traceId(2) }], START);
    const [first] = [job('a', store)];
    while ((await first.pass()).minutesLeft > 0);
    await insertRevisions(store, [{ ...before, spans: 2, durationMs: 900, more: { late_span_count: 1 } }], START);
    const dying = job('a', dyingStore(writes, isAfter));
    await expect(dying.pass()).rejects.toThrow(Crash);
    // What was left half done must not be told again when more comes.
    await insertRevisions(store, [{ ...before, traceId: traceId(3) }], START);
    const next = job('b', store);
    await next.pass();
    const lists = [...(await restatements()).values()];
    expect(lists).toHaveLength(3);
    for (const list of lists) {
      const taken = list.filter(({ old, new: after }) => after.bad > old.bad);
      expect(taken).toHaveLength(1);
      expect(taken[0].cause).toMatchObject({ kind: 'late_spans', late_spans: 1, traces: [traceId(1)] });
      expect(taken[0].new.bad - taken[0].old.bad).toBe(1);
    }
  },
);
