import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { countChunk } from '../../../analytics/slo/counter.js';
import { SloCountingJob } from '../../../analytics/slo/counting-job.js';
import { countingHash } from '../../../schemas/index.js';
import {
  countedSlos,
  deleteSloDocument,
  type Store,
  StoreError,
  sloBackfills,
  sloRestatements,
  spansKeptFrom,
} from '../../../store/index.js';
import { insertRevisions, insertSpans, LONDON, NEW_YORK, type Revision, spanId, traceId } from '../support/rows.js';
import { ALL, countedCells, putSlo, sloDefinition } from '../support/slos.js';
import { startStore, storeWith } from '../support/store.js';

const START = Date.UTC(2026, 10, 24, 10, 0, 0);
const MINUTE = START / 60_000;

let store: Store;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());
beforeEach(async () => {
  for (const table of ['trace_revisions', 'spans', 'slo_rollup', 'slo_restatements', 'slo_documents', 'progress']) {
    await store.command(`TRUNCATE TABLE ${table}`);
  }
});

function job(instance: string, through = store, clock = Date.now): SloCountingJob {
  const rollup = { everyMs: 1, maxShare: 1, overlapMs: 60_000 };
  const logger = pino({ level: 'silent' });
  return new SloCountingJob({ store: through, logger, registry: new Registry(), clock, rollup, instance });
}

const row = (number: number, more: Partial<Revision> = {}): Revision => ({
  traceId: traceId(number),
  endMs: START + 1_000,
  ...more,
});

const fast = sloDefinition({ groupBy: ['location'] });
const cells = () => countedCells(store, [fast]);
const restatements = () =>
  sloRestatements(store, { tenant: 'default', slo: 'fast', fromMinute: 0, toMinute: 1e9, limit: 100 });

describe('a pass', () => {
  test('counts every minute and group, and writes nothing the second time', async () => {
    await putSlo(store, fast);
    await insertRevisions(store, [row(1), row(2, { durationMs: 300 }), row(3, { hasRoot: false })]);
    await insertRevisions(store, [row(4, { place: LONDON, error: true }), row(5, { endMs: START + 60_000 })]);
    await insertRevisions(store, [row(6, { tenant: 'other' })]);
    const a = job('a');
    await a.pass();
    expect(await cells()).toEqual([
      [`fast [0,${MINUTE},{"location":"London"}]`, { good: 0, bad: 1, unknown: 0 }],
      [`fast [0,${MINUTE},{"location":"New York"}]`, { good: 1, bad: 1, unknown: 1 }],
      [`fast [0,${MINUTE + 1},{"location":"New York"}]`, { good: 1, bad: 0, unknown: 0 }],
    ]);
    const [[written]] = await store.queryRows('SELECT count() FROM slo_rollup');
    expect(await a.pass()).toEqual({ cells: 0, unsettled: 0, minutesLeft: 0 });
    expect(await job('b').pass()).toMatchObject({ cells: 0 });
    expect(await store.queryRows('SELECT count() FROM slo_rollup')).toEqual([[written]]);
    expect(await restatements()).toEqual([]);
  });

  test('grows by new traces without a restatement', async () => {
    await putSlo(store, fast);
    await insertRevisions(store, [row(1)]);
    const a = job('a');
    await a.pass();
    await insertRevisions(store, [row(2), row(3, { error: true })]);
    expect(await a.pass()).toMatchObject({ cells: 1 });
    expect(await cells()).toEqual([[`fast [0,${MINUTE},{"location":"New York"}]`, { good: 2, bad: 1, unknown: 0 }]]);
    expect(await restatements()).toEqual([]);
  });

  test('restates what late spans turn, and says which trace it was', async () => {
    await putSlo(store, fast);
    await insertRevisions(store, [row(1), row(2)]);
    const a = job('a');
    await a.pass();
    await insertRevisions(store, [row(1, { spans: 3, durationMs: 900, more: { late_span_count: 2 } })]);
    await a.pass();
    expect(await restatements()).toMatchObject([
      {
        minute: MINUTE,
        objective: 0,
        groupKey: '{"location":"New York"}',
        old: { total: 2, good: 2, bad: 0, unknown: 0 },
        new: { total: 2, good: 1, bad: 1, unknown: 0 },
        cause: { kind: 'late_spans', late_spans: 2, traces: [traceId(1)] },
      },
    ]);
    await a.pass();
    await job('b').pass();
    expect(await restatements()).toHaveLength(1);
  });

  test('restates both groups of a trace whose place comes late', async () => {
    await putSlo(store, fast);
    const nowhere = ['', '', ''] as const;
    await insertRevisions(store, [row(1, { hasRoot: false, place: nowhere }), row(2)]);
    const a = job('a');
    await a.pass();
    const late = { late_span_count: 1 };
    await insertRevisions(store, [row(1, { spans: 2, place: NEW_YORK, more: late })]);
    await insertRevisions(store, [row(1, { spans: 2, place: nowhere, isDeleted: true, more: late })]);
    await a.pass();
    expect(await cells()).toEqual([[`fast [0,${MINUTE},{"location":"New York"}]`, { good: 2, bad: 0, unknown: 0 }]]);
    const found = await restatements();
    expect(found.map(({ groupKey, old, new: after }) => [groupKey, old.total, after.total])).toEqual([
      ['{"location":""}', 1, 0],
      ['{"location":"New York"}', 1, 2],
    ]);
    for (const { cause } of found) expect(cause).toMatchObject({ kind: 'late_spans', traces: [traceId(1)] });
  });

  test('says restitched where no span was late', async () => {
    await putSlo(store, fast);
    await insertRevisions(store, [row(1)]);
    const a = job('a');
    await a.pass();
    await insertRevisions(store, [row(1, { spans: 2, durationMs: 500 })]);
    await a.pass();
    expect(await restatements()).toMatchObject([{ cause: { kind: 'restitched', late_spans: 0 } }]);
  });
});

describe('a backfill', () => {
  test('counts what was there before the SLO was, and says when it is done', async () => {
    await insertRevisions(store, [row(1), row(2, { endMs: START - 86_400_000 })]);
    const a = job('a');
    await a.pass();
    await a.pass();
    await putSlo(store, fast);
    await a.pass();
    expect(await cells()).toHaveLength(2);
    const { backfills } = await sloBackfills(store, 'default');
    expect(backfills).toMatchObject([
      { slo: 'fast', definition: countingHash(fast), isDone: true, minutesLeft: 0, minutesTotal: 2 },
    ]);
    expect(await restatements()).toEqual([]);
  });

  test('counts anew what is counted in another way, and keeps what was', async () => {
    await insertRevisions(store, [row(1), row(2, { endMs: START + 60_000 })]);
    const a = job('a');
    await putSlo(store, fast);
    await a.pass();
    const changed = sloDefinition({ groupBy: [] });
    await putSlo(store, changed);
    await a.pass();
    expect(await countedCells(store, [changed])).toHaveLength(2);
    expect(await cells()).toHaveLength(2);
    expect(await restatements()).toEqual([]);
  });

  test('catches up on what happened while the SLO was deleted', async () => {
    await putSlo(store, fast);
    await insertRevisions(store, [row(1)]);
    const a = job('a');
    await a.pass();
    await deleteSloDocument(store, { tenant: 'default', kind: 'SLO', name: 'fast' }, 'api');
    await insertRevisions(store, [row(2)]);
    await a.pass();
    expect(await cells()).toEqual([[`fast [0,${MINUTE},{"location":"New York"}]`, { good: 1, bad: 0, unknown: 0 }]]);
    await putSlo(store, fast);
    await a.pass();
    expect(await cells()).toEqual([[`fast [0,${MINUTE},{"location":"New York"}]`, { good: 2, bad: 0, unknown: 0 }]]);
  });
});

describe('an SLO that the store cannot count', () => {
  test('holds up no other, says why, and is counted whole once it can be', async () => {
    const broken = sloDefinition({ name: 'broken' });
    await putSlo(store, broken);
    await putSlo(store, fast);
    await insertRevisions(store, [row(1), row(2, { endMs: START + 60_000 })]);
    let isBroken = true;
    const refuse = (sql: string) => {
      if (isBroken && sql.includes("'broken'")) throw new StoreError('STORE_REJECTED', 'no such function');
    };
    const refusing = storeWith(store, {
      command: async (sql, ...rest) => {
        if (!sql.includes('INTO progress')) refuse(sql);
        return store.command(sql, ...rest);
      },
      queryRows: async (sql, ...rest) => {
        refuse(sql);
        return store.queryRows(sql, ...rest);
      },
    });
    let nowMs = Date.now();
    const a = job('a', refusing, () => nowMs);
    await a.pass();
    await a.pass();
    expect(await cells()).toHaveLength(2);
    const noted = (await sloBackfills(store)).backfills.find(({ slo }) => slo === 'broken');
    expect(noted).toMatchObject({ isDone: false, note: expect.stringContaining('no such function') });
    isBroken = false;
    await a.pass();
    expect(await countedCells(store, [broken])).toEqual([]);
    nowMs += 61_000;
    await a.pass();
    expect(await countedCells(store, [broken])).toHaveLength(2);
    expect((await sloBackfills(store)).backfills.every(({ isDone }) => isDone)).toBe(true);
  });
});

describe('an SLO that asks for attributes', () => {
  const gold = sloDefinition({ selection: { ...ALL, attributes: [{ key: 'plan', values: ['gold'] }] } });

  test('is not counted where spans may be gone: what was counted there stays', async () => {
    await putSlo(store, gold);
    await insertRevisions(store, [row(1, { more: { root_span_id: spanId(1) } })], START);
    const span = { traceId: traceId(1), spanId: spanId(1), startMs: START, attributes: { plan: 'gold' } };
    await insertSpans(store, [span], START);
    const [slo] = await countedSlos(store);
    const chunk = { tenant: 'default', slos: [slo], minutes: [START / 1_000] };
    await countChunk(store, chunk, { spansKeptFromMs: START });
    const counted = [[`fast [0,${MINUTE},{}]`, { good: 1, bad: 0, unknown: 0 }]];
    expect(await countedCells(store, [gold])).toEqual(counted);
    await store.command('TRUNCATE TABLE spans');
    await insertRevisions(store, [row(2, { more: { root_span_id: spanId(1) } })], START + 1);
    await countChunk(store, chunk, { spansKeptFromMs: START + 1 });
    expect(await countedCells(store, [gold])).toEqual(counted);
    // Without that care it would be taken back.
    await countChunk(store, chunk, { spansKeptFromMs: START });
    expect(await countedCells(store, [gold])).toEqual([]);
  });

  test('knows from the tables how long spans are kept', async () => {
    expect(Math.abs((await spansKeptFrom(store)) - (Date.now() - 3_650 * 86_400_000))).toBeLessThan(60_000);
  });
});
