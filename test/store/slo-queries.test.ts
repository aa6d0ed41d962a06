import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { countingHash, type SloDefinition } from '../../schemas/index.js';
import {
  countedSlos,
  currentSloDocuments,
  deleteSloDocument,
  putSloDocument,
  type SloDocumentContent,
  type Store,
  sloDocumentHistory,
  sloRestatements,
  sloSeries,
  sloSeriesByGroup,
  sumSlo,
} from '../../store/index.js';
import { startApi, type TestApi } from '../analytics/support/api.js';
import { putSlo, sloDefinition } from '../analytics/support/slos.js';
import { startStore } from '../analytics/support/store.js';

const HOSTILE = `it's "a" \\ {x:String} 🏦\n'); DROP TABLE slo_documents; --`;

let store: Store;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());
beforeEach(async () => {
  for (const table of ['slo_rollup', 'slo_restatements', 'slo_documents'])
    await store.command(`TRUNCATE TABLE ${table}`);
});

const content = (document: string, definition: SloDefinition | null = null): SloDocumentContent => ({
  document,
  definition,
  definitionHash: definition === null ? '' : 'd',
  countingHash: definition === null ? '' : countingHash(definition),
  source: 'api',
});

describe('documents', () => {
  test('keep every version, and come back as they were given, whatever they hold', async () => {
    const key = { tenant: HOSTILE, kind: 'SLO', name: HOSTILE };
    const definition = sloDefinition({ name: HOSTILE, displayName: HOSTILE, labels: { [HOSTILE]: [HOSTILE] } });
    const first = await putSloDocument(store, key, content(HOSTILE, definition));
    const second = await putSloDocument(store, key, content(`${HOSTILE}2`, definition));
    expect(second).toBeGreaterThan(first);
    expect(await putSloDocument(store, key, content(`${HOSTILE}2`, definition))).toBe(second);
    expect(await sloDocumentHistory(store, key)).toEqual([
      { ...key, ...content(HOSTILE, definition), version: first, isDeleted: false },
      { ...key, ...content(`${HOSTILE}2`, definition), version: second, isDeleted: false },
    ]);
    expect((await currentSloDocuments(store, HOSTILE)).map(({ version }) => version)).toEqual([second]);
    expect(await currentSloDocuments(store, 'default')).toEqual([]);
  });

  test('are found by kind, and not once they are deleted', async () => {
    for (const kind of ['SLO', 'Service']) await putSloDocument(store, { tenant: 't', kind, name: 'a' }, content('x'));
    expect(await currentSloDocuments(store, 't', 'Service')).toHaveLength(1);
    expect(await currentSloDocuments(store, 't')).toHaveLength(2);
    const key = { tenant: 't', kind: 'SLO', name: 'a' };
    expect(await deleteSloDocument(store, key, 'api')).toBeGreaterThan(0);
    expect(await deleteSloDocument(store, key, 'api')).toBeUndefined();
    expect((await currentSloDocuments(store, 't')).map(({ kind }) => kind)).toEqual(['Service']);
    expect((await sloDocumentHistory(store, key)).map(({ isDeleted }) => isDeleted)).toEqual([false, true]);
  });

  test('may be as long as a file may be', async () => {
    const key = { tenant: 't', kind: 'Service', name: 'long' };
    const document = "it's ".repeat(200_000);
    await putSloDocument(store, key, content(document));
    expect((await sloDocumentHistory(store, key))[0].document).toBe(document);
  });

  test('say since when an SLO has been counted in its way', async () => {
    const slo = sloDefinition();
    const since = async () => (await countedSlos(store)).map(({ name, countedSince }) => [name, countedSince]);
    const first = await putSlo(store, slo);
    expect(await since()).toEqual([['fast', first]]);
    // Another target is not another way of counting.
    await putSlo(store, { ...slo, objectives: slo.objectives.map(each => ({ ...each, targetPpm: 1 })) });
    expect(await since()).toEqual([['fast', first]]);
    const second = await putSlo(store, { ...slo, groupBy: ['service'] });
    expect(await since()).toEqual([['fast', second]]);
    const third = await putSlo(store, slo);
    expect(await since()).toEqual([['fast', third]]);
    await deleteSloDocument(store, { tenant: 'default', kind: 'SLO', name: 'fast' }, 'api');
    expect(await since()).toEqual([]);
    expect(await since()).toEqual([]);
    const fourth = await putSlo(store, slo);
    expect(await since()).toEqual([['fast', fourth]]);
  });
});

interface Cell {
  readonly slo?: SloDefinition;
  readonly minute: number;
  readonly group?: string;
  readonly objective?: number;
  readonly seen?: number;
  readonly isDeleted?: number;
  readonly counts: readonly [good: number, bad: number, unknown: number];
}

const slo = sloDefinition({ groupBy: ['location'] });

async function insertCells(...cells: Cell[]): Promise<void> {
  for (const { slo: of = slo, minute, group = '{}', objective = 0, seen = 1, isDeleted = 0, counts } of cells) {
    const total = counts.reduce((sum, count) => sum + count);
    await store.command(
      `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, received)
       SELECT 'default', {slo:String}, {definition:String}, ${objective}, toDateTime(${minute * 60}), {group:String}, ${seen},
              ${isDeleted}, ${[total, ...counts]}, now()`,
      { slo: of.name, definition: countingHash(of), group },
    );
  }
}

describe('counts', () => {
  const cells = { tenant: 'default', slo: 'fast', definition: countingHash(slo) };

  test('are the newest of each cell, over several windows at once, and minute by minute', async () => {
    await insertCells(
      { minute: 100, group: 'a', counts: [9, 9, 9] },
      { minute: 100, group: 'a', seen: 2, counts: [1, 2, 3] },
      { minute: 101, group: 'a', counts: [10, 0, 0] },
      { minute: 101, group: 'b', counts: [0, 1, 0] },
      { minute: 102, group: 'b', counts: [5, 5, 5] },
      { minute: 102, group: 'b', seen: 3, isDeleted: 1, counts: [0, 0, 0] },
      { minute: 103, group: 'b', counts: [7, 0, 0] },
      { minute: 101, objective: 255, group: '', seen: 9, counts: [0, 0, 0] },
    );
    const windows = [
      { fromMinute: 100, toMinute: 103 },
      { fromMinute: 101, toMinute: 102 },
    ];
    const of = (good: number, bad: number, unknown: number) => ({ total: good + bad + unknown, good, bad, unknown });
    expect(await sumSlo(store, cells, windows)).toEqual([
      { objective: 0, groupKey: 'a', windows: [of(11, 2, 3), of(10, 0, 0)] },
      { objective: 0, groupKey: 'b', windows: [of(0, 1, 0), of(0, 1, 0)] },
    ]);
    const span = windows[0];
    expect(await sloSeriesByGroup(store, cells, 0, span)).toEqual([
      {
        groupKey: 'a',
        minutes: [
          { minute: 100, ...of(1, 2, 3) },
          { minute: 101, ...of(10, 0, 0) },
        ],
      },
      { groupKey: 'b', minutes: [{ minute: 101, ...of(0, 1, 0) }] },
    ]);
    expect(await sloSeries(store, cells, 0, span)).toEqual([
      { minute: 100, ...of(1, 2, 3) },
      { minute: 101, ...of(10, 1, 0) },
    ]);
    expect(await sumSlo(store, { ...cells, slo: 'other' }, windows)).toEqual([]);
    expect(await sloSeries(store, cells, 1, span)).toEqual([]);
  });
});

describe('restatements', () => {
  test('that overlap are cut to follow each other', async () => {
    const states: [seen: number, old: number, oldGood: number, newGood: number][] = [
      [20, 10, 5, 4],
      // Another job, from the same state to a later one: cut to 20 → 30.
      [30, 10, 5, 3],
      [40, 20, 4, 2],
      // What the one before has led to already.
      [50, 10, 5, 2],
    ];
    for (const [seen, old, oldGood, newGood] of states) {
      await store.command(
        `INSERT INTO slo_restatements (tenant, slo, definition, minute, objective, group_key, seen, old_seen, old_good, new_good, cause)
         SELECT 'default', 'fast', 'x', toDateTime(6000), 0, '{}', ${seen}, ${old}, ${oldGood}, ${newGood}, '{"kind":"late_spans","late_spans":1,"traces":[]}'`,
      );
    }
    const question = { tenant: 'default', slo: 'fast', fromMinute: 100, toMinute: 101, limit: 10 };
    const found = await sloRestatements(store, question);
    expect(
      found
        .map(({ old, new: after }) => [old.good, after.good])
        .sort()
        .reverse(),
    ).toEqual([
      [5, 4],
      [4, 3],
      [3, 2],
    ]);
    expect(await sloRestatements(store, { ...question, toMinute: 100 })).toEqual([]);
    expect(await sloRestatements(store, { ...question, limit: 1 })).toHaveLength(1);
    expect(await sloRestatements(store, { ...question, sinceMs: Date.now() + 60_000 })).toEqual([]);
  });
});

describe('views, through the SQL of the API', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi(store);
  });
  afterAll(() => api?.close());

  const rows = async (query: string) => {
    const response = await api.sql(query, '?format=JSONCompactEachRow');
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
    return text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line));
  };

  test('show current cells of current definitions of one tenant', async () => {
    await putSlo(store, slo);
    await putSlo(store, { ...slo, name: 'gone' });
    await deleteSloDocument(store, { tenant: 'default', kind: 'SLO', name: 'gone' }, 'api');
    await putSlo(store, slo, 'other');
    const old = { ...slo, groupBy: [] };
    await insertCells(
      { minute: 100, counts: [9, 9, 9] },
      { minute: 100, seen: 2, counts: [1, 2, 3] },
      { minute: 100, slo: old, counts: [4, 4, 4] },
      { minute: 100, slo: { ...slo, name: 'gone' }, counts: [4, 4, 4] },
      { minute: 100, objective: 255, group: '', counts: [0, 0, 0] },
    );
    await store.command("INSERT INTO slo_rollup SELECT * REPLACE ('other' AS tenant) FROM slo_rollup");
    expect(await rows('SELECT slo, objective, group_key, toUInt32(total), toUInt32(good) FROM slo_budget')).toEqual([
      ['fast', 0, '{}', 6, 1],
    ]);
    // Documents hold addresses of webhooks, which may be secret.
    await expect(rows('SELECT document FROM slo_documents')).rejects.toThrow('slo_documents is not a public table');
    expect(await rows('SELECT count() FROM slo_restatements')).toEqual([['0']]);
  });

  test('show where rolling SLOs stand: occurrences, and slices of both kinds', async () => {
    const now = Math.floor(Date.now() / 60_000);
    const window = { kind: 'rolling', minutes: 60 } as const;
    const sliced = (name: string, budgetingMethod: SloDefinition['budgetingMethod']): SloDefinition => ({
      ...slo,
      name,
      window,
      budgetingMethod,
      objectives: slo.objectives.map(each => ({
        ...each,
        targetPpm: 900_000,
        slices: { minutes: 5, targetPpm: 800_000 },
      })),
    });
    const plain = { ...slo, name: 'plain', window, unknown: 'bad' as const };
    const slos = [plain, sliced('slices', 'Timeslices'), sliced('ratio', 'RatioTimeslices')];
    const calendar = {
      kind: 'calendar',
      count: 1,
      unit: 'day',
      start: '2026-01-01T00:00:00',
      timeZone: 'UTC',
    } as const;
    for (const each of [...slos, { ...slo, name: 'daily', window: calendar }]) await putSlo(store, each);
    // Slices of five minutes that lie wholly inside, whenever this runs: one half bad, one good.
    const slice = Math.floor((now - 30) / 5) * 5;
    for (const each of slos) {
      await insertCells(
        { slo: each, minute: slice, counts: [30, 0, 10] },
        { slo: each, minute: slice + 1, counts: [0, 30, 0] },
        { slo: each, minute: slice + 5, counts: [40, 0, 0] },
        { slo: each, minute: now - 70, counts: [1_000, 1_000, 0] },
      );
    }
    const answer = await rows(
      'SELECT slo, toUInt32(good), toUInt32(bad), toUInt32(unknown), toUInt32(total), round(sli, 6), allowed, consumed, round(remaining_ratio, 6) FROM slo_status ORDER BY slo',
    );
    expect(answer).toEqual([
      ['plain', 70, 30, 10, 110, 0.636364, 1.1, 40, -35.363636],
      ['ratio', 70, 30, 10, 110, 0.75, 0.2, 0.5, -1.5],
      ['slices', 70, 30, 10, 110, 0.5, 0.2, 1, -4],
    ]);
  });
});
