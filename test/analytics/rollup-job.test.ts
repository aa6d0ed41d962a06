import fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RollupJob } from '../../analytics/rollup-job.js';
import { type Store, writeProgress } from '../../store/index.js';
import { insertRevisions, LONDON, NEW_YORK, type Revision, traceId } from './support/rows.js';
import { startStore, storeWith } from './support/store.js';

const START = Date.UTC(2026, 10, 24, 10, 0, 0);

let store: Store;

const OVERLAP_MS = 60_000;
beforeAll(async () => {
  store = await startStore();
});

afterAll(() => store?.close());

beforeEach(clear);

async function clear(): Promise<void> {
  for (const table of ['trace_revisions', 'latency_rollup', 'progress']) await store.command(`TRUNCATE TABLE ${table}`);
}

function job(instance: string, through = store): RollupJob {
  const rollup = { everyMs: 1, maxShare: 1, overlapMs: OVERLAP_MS };
  const logger = pino({ level: 'silent' });
  return new RollupJob({ store: through, logger, registry: new Registry(), rollup, instance });
}

const CELL = 'minute, country, region, locality, service, operation';

/** Cells as readers see them: key, counts, sums, and what the sketch says. */
function cells(): Promise<unknown[][]> {
  return store.queryRows(
    `SELECT toString(minute), country, region, locality, service, operation, traces, errors, unknown, incomplete,
            duration_ns_sum, duration_ns_max, arrayReduce('quantilesDDMerge(0.01, 0, 0.5, 1)', [latency])
     FROM latency_rollup FINAL ORDER BY tenant, ${CELL}`,
  );
}

/** The same straight from current traces. */
function recomputed(): Promise<unknown[][]> {
  return store
    .queryRows(
      `SELECT toString(end_minute) AS minute, country, region, locality, service, operation, count(), countIf(error),
            countIf(NOT has_root), countIf(NOT complete), toString(sumIf(toUInt128(duration_ns), has_root)),
            maxIf(duration_ns, has_root), quantilesDDIf(0.01, 0, 0.5, 1)(toFloat64(duration_ns), has_root)
     FROM trace_revisions FINAL GROUP BY tenant, ${CELL} ORDER BY tenant, ${CELL}`,
    )
    .then(rows => rows.map(row => row.map((value, index) => (index === 10 ? String(value) : value))));
}

async function expectRolledUp(): Promise<void> {
  const stored = (await cells()).map(row => row.map((value, index) => (index === 10 ? String(value) : value)));
  expect(stored).toEqual(await recomputed());
}

const row = (number: number, more: Partial<Revision> = {}): Revision => ({
  traceId: traceId(number),
  endMs: START + 1_000,
  ...more,
});

describe('a pass', () => {
  test('makes a cell of every minute, place and kind of root, and writes nothing the second time', async () => {
    await insertRevisions(store, [row(1), row(2, { durationMs: 300, error: true }), row(3, { hasRoot: false })]);
    await insertRevisions(store, [
      row(4, { place: LONDON }),
      row(5, { endMs: START + 61_000 }),
      row(6, { tenant: 'b' }),
    ]);
    const a = job('a');
    expect(await a.pass()).toBe(3);
    await expectRolledUp();
    expect(await a.pass()).toBe(0);
    expect(await job('b').pass()).toBe(0);
    const [[rows]] = await store.queryRows('SELECT count() FROM latency_rollup');
    expect(Number(rows)).toBe(4);
  });

  test('restates a minute a late revision changes, whatever it changes', async () => {
    const a = job('a');
    await insertRevisions(store, [row(1), row(2)]);
    await a.pass();
    await insertRevisions(store, [row(1, { spans: 2, error: true, durationMs: 777 })]);
    await insertRevisions(store, [row(2, { spans: 2, service: 'mobile', complete: false })]);
    expect(await a.pass()).toBe(1);
    await expectRolledUp();
    expect((await cells()).map(cell => [cell[4], Number(cell[6])])).toEqual([
      ['mobile', 1],
      ['web', 1],
    ]);
  });

  test('rolls up more minutes than one statement can name', async () => {
    await store.command(
      `INSERT INTO trace_revisions (tenant, end_minute, trace_id, version, end, received, has_root)
       SELECT 'default', toDateTime(${START / 1_000} + number * 60) AS end_minute, leftPad(hex(number), 32, '0'), 1, end_minute, now(), 1
       FROM numbers(12000)`,
    );
    expect(await job('a').pass()).toBe(12_000);
    await expectRolledUp();
  });

  test('leaves a minute that it found right alone, until rows come to it', async () => {
    let looks = 0;
    const watched = new Proxy(store, {
      get: (target, name) => {
        if (name !== 'queryRows') return Reflect.get(target, name);
        return (sql: string, ...more: []) => {
          if (sql.includes('minute_differs')) looks++;
          return target.queryRows(sql, ...more);
        };
      },
    });
    const a = job('a', watched);
    await insertRevisions(store, [row(1)]);
    expect(await a.pass()).toBe(1);
    expect(await a.pass()).toBe(0);
    expect(looks).toBe(2);
    expect(await a.pass()).toBe(0);
    expect(looks).toBe(2);
    await insertRevisions(store, [row(2)]);
    expect(await a.pass()).toBe(1);
    await expectRolledUp();
  });

  test('empties the minute a trace moves away from', async () => {
    const a = job('a');
    await insertRevisions(store, [row(1)]);
    await a.pass();
    await insertRevisions(store, [row(1, { spans: 2, isDeleted: true }), row(1, { spans: 2, endMs: START + 61_000 })]);
    expect(await a.pass()).toBe(2);
    await expectRolledUp();
    expect(await cells()).toHaveLength(1);
    expect(await a.pass()).toBe(0);
  });

  test('takes in a trace that comes back', async () => {
    const a = job('a');
    await insertRevisions(store, [row(1)]);
    await a.pass();
    await insertRevisions(store, [row(1, { spans: 2, isDeleted: true })]);
    await a.pass();
    expect(await cells()).toEqual([]);
    await insertRevisions(store, [row(1, { spans: 3 })]);
    await a.pass();
    await expectRolledUp();
    expect(await cells()).toHaveLength(1);
  });

  test('puts right a cell that a slow job wrote from what it had read long before', async () => {
    await insertRevisions(store, [row(1, { hasRoot: false, service: '', operation: '' })]);
    const slow = heldBack(store);
    const stale = job('slow', slow.store).pass();
    await slow.reached;
    // The root comes: the old cell has lost its only trace before it is written.
    await insertRevisions(store, [row(1, { spans: 2 })]);
    const fast = job('fast');
    await fast.pass();
    await fast.pass();
    slow.release();
    await stale;
    const settling = job('slow');
    while ((await settling.pass()) > 0);
    await expectRolledUp();
  });

  test('restates where the same arrivals make more spans, as restitching on request does', async () => {
    const a = job('a');
    await insertRevisions(store, [row(1, { spans: 2, arrivals: 3, durationMs: 1 })]);
    await a.pass();
    await insertRevisions(store, [row(1, { spans: 3, arrivals: 3, durationMs: 2 })]);
    expect(await a.pass()).toBe(1);
    await expectRolledUp();
    expect(await a.pass()).toBe(0);
  });

  test('follows up a job that is gone, once', async () => {
    const resumeOf = async (instance: string) => {
      const [[state]] = await store.queryRows(
        'SELECT argMax(state, at) FROM progress WHERE instance = {instance:String}',
        { instance },
      );
      return JSON.parse(String(state)).resume_ms;
    };
    await store.command(
      `INSERT INTO progress (name, instance, at, state) VALUES
         ('rollup', 'gone', now64(3) - INTERVAL 1 HOUR, '{"covered_ms":9000,"resume_ms":9000}'),
         ('rollup', 'alive', now64(3), '{"covered_ms":9000,"resume_ms":9500}')`,
    );
    await insertRevisions(store, [row(1)]);
    const follower = job('new');
    expect(await follower.pass()).toBe(1);
    expect(await resumeOf('gone')).toBe(9_000);
    expect(await follower.pass()).toBe(0);
    expect(await resumeOf('gone')).toBe(await resumeOf('new'));
    expect(await resumeOf('alive')).toBe(9_500);
  });

  test('starts where its instance, or for a new one the last of all, had got to', async () => {
    const a = job('a');
    await insertRevisions(store, [row(1)]);
    await a.pass();
    await a.pass();
    const states = await store.queryRows("SELECT instance, state FROM progress FINAL WHERE name = 'rollup'");
    expect(states).toHaveLength(1);
    const { covered_ms: covered, resume_ms: resume } = JSON.parse(String(states[0][1]));
    expect(Math.abs(covered - Date.now())).toBeLessThan(60_000);
    expect(resume).toBe(covered);
    // A new job finds nothing to do in what lies behind that: a row of long ago stays unseen.
    await store.command('TRUNCATE TABLE latency_rollup');
    const claim = (ms: number) =>
      writeProgress(store, 'rollup', 'a', JSON.stringify({ covered_ms: ms, resume_ms: ms }));
    await claim(Date.now() + OVERLAP_MS);
    expect(await job('b').pass()).toBe(0);
    // But what is yet to come was told by a clock that was set back since: nobody knows what has come meanwhile.
    await claim(Date.now() + 3_600_000);
    expect(await job('d').pass()).toBe(1);
    await store.command('TRUNCATE TABLE latency_rollup');
    await store.command("INSERT INTO progress (name, instance, state) VALUES ('rollup', 'c', 'broken')");
    expect(await job('c').pass()).toBe(1);
  });
});

/** A store whose next INSERT … SELECT has read, and waits to write. */
function heldBack(of: Store) {
  let reach = () => {};
  let release = () => {};
  const reached = new Promise<void>(resolve => {
    reach = resolve;
  });
  const released = new Promise<void>(resolve => {
    release = resolve;
  });
  const command: Store['command'] = async (sql, parameters, options) => {
    if (!sql.startsWith('INSERT INTO latency_rollup')) return of.command(sql, parameters, options);
    const [into, query] = [sql.slice(0, sql.indexOf(')') + 1), sql.slice(sql.indexOf(')') + 1)];
    await of.command('CREATE TABLE IF NOT EXISTS held AS latency_rollup ENGINE = Memory');
    await of.command(into.replace('latency_rollup', 'held') + query);
    reach();
    await released;
    const columns = into.slice(into.indexOf('('));
    await of.command(`INSERT INTO latency_rollup ${columns} SELECT ${columns.slice(1, -1)} FROM held`);
    await of.command('DROP TABLE held');
  };
  return { store: storeWith(of, { command }), reached, release: () => release() };
}

/** One step of a history: what happens to a trace, or a pass of one of two jobs, or a merge. */
const STEP = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('revise' as const),
      trace: fc.nat(4),
      seed: fc.nat(),
      move: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stale' as const), trace: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), job: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('both' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('merge' as const) }) },
);

function revise(previous: Revision | undefined, number: number, seed: number, move: boolean): Revision[] {
  const spans = (previous?.spans ?? 0) + 1 + (seed % 2);
  const isElsewhere = previous === undefined || move;
  const next = row(number, {
    spans,
    durationMs: (seed % 997) + 1,
    error: seed % 3 === 0,
    hasRoot: seed % 5 !== 0,
    service: `s${seed % 2}`,
    endMs: isElsewhere ? START + (seed % 3) * 60_000 : previous.endMs,
    place: isElsewhere ? [NEW_YORK, LONDON][seed % 2] : previous.place!,
  });
  const hasMoved = previous !== undefined && (previous.endMs !== next.endMs || previous.place !== next.place);
  return hasMoved ? [next, { ...previous, spans, arrivals: spans, isDeleted: true }] : [next];
}

test('after any history of two interleaved jobs the rollup equals a recomputation', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 3, maxLength: 16 }), async steps => {
      await clear();
      const jobs = [job('a'), job('b')];
      const traces = new Map<number, Revision>();
      for (const step of steps) {
        if (step.kind === 'revise') {
          const rows = revise(traces.get(step.trace), step.trace, step.seed, step.move);
          traces.set(step.trace, rows[0]);
          for (const each of rows) await insertRevisions(store, [each], START);
        } else if (step.kind === 'stale') {
          // What a stale owner still writes: under the current key, of a lower version.
          const current = traces.get(step.trace);
          if (current) await insertRevisions(store, [{ ...current, spans: 0, arrivals: 0, durationMs: 1 }], START);
        } else if (step.kind === 'pass') await jobs[step.job].pass();
        else if (step.kind === 'both') await Promise.all(jobs.map(each => each.pass()));
        else await store.command('OPTIMIZE TABLE trace_revisions FINAL');
      }
      while ((await jobs[0].pass()) + (await jobs[1].pass()) > 0);
      await expectRolledUp();
    }),
    { numRuns: 4 },
  );
});
