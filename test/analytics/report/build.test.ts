import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildReport, type ReportParts } from '../../../analytics/report/build.js';
import { keptReport, listReports, makeReport } from '../../../analytics/report/freeze.js';
import { renderReport } from '../../../analytics/report/render.js';
import { DEFAULT_LIMITS } from '../../../analytics/settings.js';
import { SharedProgress } from '../../../analytics/shared-progress.js';
import { answerBlame } from '../../../analytics/slo/blame.js';
import { SloCountingJob } from '../../../analytics/slo/counting-job.js';
import { readSloProgress } from '../../../analytics/slo/slo-freshness.js';
import { answerStatus } from '../../../analytics/slo/status-answer.js';
import { ReportAnswer, ReportsAnswer } from '../../../schemas/index.js';
import { countedSlos, type Store, writeProgress } from '../../../store/index.js';
import { insertRevisions, LONDON, type Revision, traceId } from '../support/rows.js';
import { putSlo, sloDefinition } from '../support/slos.js';
import { startStore, storeWith } from '../support/store.js';

const DAY = 86_400_000;
const END = Date.UTC(2026, 10, 24, 10, 0, 0);
const START = END - 30 * DAY;
const WINDOW = { fromMinute: START / 60_000, toMinute: END / 60_000 };

let store: Store;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());
beforeEach(async () => {
  const tables = [
    'trace_revisions',
    'spans',
    'slo_rollup',
    'slo_restatements',
    'slo_documents',
    'slo_reports',
    'progress',
  ];
  for (const table of tables) await store.command(`TRUNCATE TABLE ${table}`);
});

const logger = pino({ level: 'silent' });
const clock = () => END + 60_000;

function count(): Promise<unknown> {
  const rollup = { everyMs: 1, maxShare: 1, overlapMs: 60_000 };
  const registry = new Registry();
  return new SloCountingJob({ store, logger, registry, clock, rollup, instance: 'a' }).pass();
}

function parts(through = store): ReportParts {
  return { store: through, tenant: 'default', clock, limits: DEFAULT_LIMITS, offsets: undefined };
}

const make = (slos: readonly string[] = []) => makeReport(parts(), { window: WINDOW, slos });

const fast = sloDefinition({ groupBy: ['location'], displayName: 'Fast', description: 'All of it' });
const slices = sloDefinition({ name: 'sliced', budgetingMethod: 'Timeslices', unknown: 'bad' });
const timeslices = {
  ...slices,
  objectives: [{ ...slices.objectives[0], slices: { targetPpm: 900_000, minutes: 7 } }],
};

/** Two a minute on three days of the month, so many of them slow or failed; and one without a root. */
async function insertMonth(): Promise<void> {
  const revisions: Revision[] = [];
  for (const [day, badEvery] of [
    [2, 10],
    [11, 3],
    [29, 40],
  ] as const) {
    for (let number = 0; number < 120; number++) {
      const id = day * 1_000 + number;
      revisions.push({
        traceId: traceId(id),
        endMs: START + day * DAY + number * 30_000,
        durationMs: number % badEvery === 0 ? 400 + id / 1_000 : 100,
        error: number % 17 === 16,
        ...(number % 3 === 0 && { place: LONDON }),
      });
    }
  }
  revisions.push({ traceId: traceId(1), endMs: START + 5 * DAY, hasRoot: false });
  await insertRevisions(store, revisions);
}

describe('a report of a month', () => {
  test('has the figures of the status at its end, for every objective and group', async () => {
    const strict = { ...fast.objectives[0].good, durations: [{ tier: null, op: 'lt' as const, ns: '100000000' }] };
    const both = sloDefinition({ name: 'both', groupBy: ['location'] }, fast.objectives[0].good, strict);
    const defined = [both, fast, timeslices];
    for (const slo of defined) await putSlo(store, slo);
    await insertMonth();
    await count();
    const report = ReportAnswer.parse(await make());
    expect(report.slos.map(({ name, objective }) => [name, objective])).toEqual([
      ['both', 0],
      ['both', 1],
      ['fast', 0],
      ['sliced', 0],
    ]);
    const progress = new SharedProgress(store, 0);
    const statusParts = { ...parts(), progress, offsets: async () => [] } as unknown as Parameters<
      typeof readSloProgress
    >[0];
    for (const slo of await countedSlos(store)) {
      const status = await answerStatus({ store }, slo, END, await readSloProgress(statusParts));
      const sections = report.slos.filter(({ name }) => name === slo.name);
      expect(
        sections.map(({ groups: [{ sli, budget, total, good, bad, unknown }] }) => ({
          sli,
          budget,
          total,
          good,
          bad,
          unknown,
        })),
      ).toEqual(
        status.objectives.map(({ sli, budget, total, good, bad, unknown }) => ({
          sli,
          budget,
          total,
          good,
          bad,
          unknown,
        })),
      );
      const byKey = new Map(sections[0].groups.slice(1).map(group => [JSON.stringify(group.key), group]));
      expect(byKey.size).toBe(status.groups.length);
      for (const { key, sli, budget, good, bad } of status.groups) {
        expect(byKey.get(JSON.stringify(key))).toMatchObject({ key, sli, budget, good, bad });
      }
    }
    const [, , { groups }] = report.slos;
    expect(groups[0]).toMatchObject({ total: 361, unknown: 1, bad: 73, good: 287 });
    for (const { burn_down, budget } of groups) {
      expect(burn_down.at(-1)?.remaining_ratio).toBe(budget.remaining_ratio);
      expect(burn_down[0]).toEqual({ at: '2026-10-25T10:00:00.000Z', remaining_ratio: 1 });
      expect(burn_down).toHaveLength(121);
    }
  });

  test('has the worst days first, counted by their own events', async () => {
    await putSlo(store, fast);
    await insertMonth();
    await count();
    const [{ groups }] = (await make()).slos;
    const [all] = groups;
    expect(all.worst_days.map(({ day, bad, total }) => [day, bad, total])).toEqual([
      ['2026-11-05', 45, 120],
      ['2026-10-27', 18, 120],
      ['2026-11-23', 10, 120],
    ]);
    expect(all.worst_days.reduce((sum, { bad }) => sum + bad, 0)).toBe(all.bad);
  });

  test('names the bad traces first, the slowest and the failed ones apart, and who is to blame as the API does', async () => {
    await putSlo(store, fast);
    await insertMonth();
    await insertRevisions(store, [{ traceId: traceId(7), endMs: END, durationMs: 9_999 }]);
    await insertRevisions(store, [
      { traceId: traceId(11_000), endMs: START + 11 * DAY, durationMs: 777, spans: 2, place: LONDON },
    ]);
    await count();
    const [section] = (await make()).slos;
    expect(section.slowest).toHaveLength(10);
    expect(section.slowest[0]).toEqual({
      trace_id: traceId(11_000),
      end: '2026-11-05T10:00:00.000Z',
      service: 'web',
      operation: 'GET /',
      location: 'London',
      duration_ms: 777,
      error: false,
    });
    expect(section.slowest[1].duration_ms).toBeCloseTo(429.08, 6);
    expect(section.failed).toHaveLength(10);
    expect(section.failed.every(({ error }) => error)).toBe(true);
    const blame = await answerBlame(parts(), fast, 0, { fromMs: START, toMs: END });
    expect(section.blame).toEqual(blame.shares);
    expect(section.blame.reduce((sum, { events }) => sum + events, 0)).toBe(section.groups[0].bad);
    expect(section.notes).toEqual([]);
  });

  test('leaves out what there is no time for, and says so; the figures stay', async () => {
    await putSlo(store, fast);
    await insertMonth();
    await count();
    const { slos } = await buildReport(parts(), { window: WINDOW, slos: [], detailsMs: 0 });
    expect(slos[0]).toMatchObject({ blame: [], slowest: [], failed: [] });
    expect(slos[0].groups[0].bad).toBe(73);
    expect(slos[0].notes).toEqual([
      'who spent the budget: left out, it takes too long',
      'the slowest and the failed traces: left out, it takes too long',
    ]);
  });

  test('fails where the store does', async () => {
    await putSlo(store, fast);
    await insertMonth();
    await count();
    const broken = storeWith(store, {
      queryRows: (sql, ...rest) =>
        sql.includes('groupArraySortedIf') ? store.queryRows('SELECT nothing') : store.queryRows(sql, ...rest),
    });
    await expect(buildReport(parts(broken), { window: WINDOW, slos: [] })).rejects.toThrow(/nothing/);
  });

  test('without events is a report all the same', async () => {
    await putSlo(store, fast);
    const [section] = ReportAnswer.parse(await make()).slos;
    expect(section.groups).toHaveLength(1);
    expect(section.groups[0]).toMatchObject({ key: {}, total: 0, sli: null, worst_days: [] });
    expect(section.groups[0].budget.remaining_ratio).toBe(1);
  });

  test('of an SLO that is not there is refused, with the name that was meant', async () => {
    await putSlo(store, fast);
    await expect(make(['fats'])).rejects.toMatchObject({
      code: 'API_NOT_FOUND',
      message: 'there is no SLO "fats"; did you mean fast?',
    });
  });

  test('is settled once the watermark has passed it and all there is of it is counted', async () => {
    await putSlo(store, fast);
    await insertMonth();
    expect((await make()).settled).toBe(false);
    await count();
    const stitcher = { partitions: { 0: 9 }, open_traces: 3, pending: 0, audited: true, last_trace_row_ms: 0 };
    const watermark = (ms: number) =>
      writeProgress(store, 'stitcher', 'a', JSON.stringify({ ...stitcher, watermark_ms: ms }));
    await watermark(END - 1);
    expect(await make()).toMatchObject({ settled: false, watermark: '2026-11-24T09:59:59.999Z' });
    await watermark(END);
    expect(await make()).toMatchObject({ settled: true });
    await insertRevisions(store, [{ traceId: traceId(2), endMs: END - 1 }]);
    expect(await buildReport(parts(), { window: WINDOW, slos: [] })).toMatchObject({ settled: false });
  });
});

describe('a frozen report', () => {
  test('stays as it was; the same figures are the same report', async () => {
    await putSlo(store, fast);
    await insertMonth();
    await count();
    const first = await make();
    expect(await make()).toEqual(first);
    await insertRevisions(store, [{ traceId: traceId(3), endMs: END - 1, durationMs: 5_000 }]);
    await count();
    const second = await make();
    expect(second.id).not.toBe(first.id);
    expect(await keptReport(store, 'default', first.id)).toEqual(first);
    const { reports } = ReportsAnswer.parse(await listReports(store, 'default'));
    expect(reports.map(({ id, slos }) => [id, slos])).toEqual([
      [second.id, ['fast']],
      [first.id, ['fast']],
    ]);
    expect(reports[1].window).toEqual(first.window);
  });

  test('is what a later one of the same window is compared with, with the restatements in between', async () => {
    await putSlo(store, fast);
    await insertMonth();
    await count();
    const late = (number: number) => ({
      traceId: traceId(number),
      endMs: START + 2 * DAY + (number - 2_000) * 30_000,
      durationMs: 900,
      spans: 2,
      more: { late_span_count: 1 },
    });
    await insertRevisions(store, [late(2_001)]);
    await count();
    const first = await make();
    expect(first).toMatchObject({ changes: [], previous_id: null });
    expect(first.slos[0].restatements).toMatchObject([{ cause: { traces: [traceId(2_001)] } }]);
    await insertRevisions(store, [late(2_002)]);
    await count();
    const second = ReportAnswer.parse(await make());
    expect(second.previous_id).toBe(first.id);
    const newYork = { location: 'New York' };
    const then = first.slos[0].groups;
    expect(second.changes.map(({ key, old, new: now }) => [key, now.bad - old.bad, now.good - old.good])).toEqual([
      [{}, 1, -1],
      [newYork, 1, -1],
    ]);
    expect(second.changes[0].old).toMatchObject({ total: then[0].total, good: then[0].good, bad: then[0].bad });
    expect(second.slos[0].restatements).toMatchObject([
      { key: newYork, cause: { kind: 'late_spans', late_spans: 1, traces: [traceId(2_002)] } },
    ]);
    expect(renderReport(second, 'html')).toContain('Changed since the last report');
    const other = await makeReport(parts(), { window: { ...WINDOW, fromMinute: WINDOW.fromMinute + 1 }, slos: [] });
    expect(other.previous_id).toBeNull();
  });
});
