/** Sums of hours in the real engine: whatever is summed when, questions are answered as from the minutes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SloHoursJob } from '../../../analytics/slo/hours-job.js';
import { hoursSummedToMs, readProgress, type Store, StoreError, sloStretches } from '../../../store/index.js';
import { seededRandom } from '../../support/random.js';
import { testParts } from '../support/parts.js';
import { startStore, storeWith } from '../support/store.js';
import { CELLS, type Cell, type CellsToInsert, insertSloCells, stretchesOnPaper } from './support/slo-cells.js';

/** A full hour. */
const START = 28_000_020;
const DAYS = 4;
const SPAN = { fromMinute: START, toMinute: START + DAYS * 1_440 };
const SEED = Number(process.env.SEED ?? 11);

let store: Store;
const insertCells = (...of: CellsToInsert) => insertSloCells(store, ...of);

beforeAll(async () => {
  store = await startStore();
}, 120_000);
beforeEach(async () => {
  for (const table of ['slo_rollup', 'slo_hours', 'progress']) await store.command(`TRUNCATE TABLE ${table}`);
});
afterAll(() => store?.close());

/** As if there were more cells than are added up here. */
function ofManyRows(inner: Store): Store {
  return storeWith(inner, {
    queryRows: async (sql, parameters, options) => {
      if (options?.settings?.max_rows_to_read !== undefined) {
        throw new StoreError('STORE_REJECTED', 'too many rows', { clickhouseCode: 158 });
      }
      return inner.queryRows(sql, parameters, options);
    },
  });
}

/** Without the margin for cells that become visible late, which no test waits out. */
function hoursJob(overlapMs = 0): SloHoursJob {
  return new SloHoursJob(testParts(store, { rollup: { everyMs: 1, maxShare: 1, overlapMs } }));
}

/** Cells stamped in the millisecond in which the job looked at the clock are looked at again: let it pass. */
async function summed(): Promise<number> {
  await new Promise(resolve => setTimeout(resolve, 5));
  return hoursJob().pass();
}

const question = { objectives: [0], spans: [SPAN], edges: [], stepMinutes: null };

/** How far hours are summed, as `progress` says now. */
async function position(): Promise<number> {
  const { rows, serverNowMs } = await readProgress(store);
  return hoursSummedToMs(rows, serverNowMs);
}

async function goodOf(
  asked: Partial<typeof question & { hoursSummedToMs: number }> = {},
): Promise<Record<string, number>> {
  const stretches = await sloStretches(store, CELLS, { ...question, ...asked }, 100);
  return Object.fromEntries(
    stretches.map(each => [each.groupKey, each.cells.reduce((sum, cell) => sum + cell.good, 0)]),
  );
}

test('hours are read where they are summed, and minutes written since then in their place', async () => {
  await insertCells([
    [START + 60, 'a', 1, 1, 0, 0],
    [START + 61, 'a', 1, 2, 0, 0],
    [START + 1_500, 'a', 1, 4, 0, 0],
  ]);
  expect(await summed()).toBe(2);
  await store.command(
    `INSERT INTO slo_hours (tenant, slo, definition, objective, hour, group_key, seen, is_deleted, good, bad, unknown, received)
     SELECT 'default', 'fast', 'd', 0, toDateTime(${(START + 60) * 60}), 'a', 1000, 0, 100, 0, 0, now()`,
  );
  expect(await goodOf()).toEqual({ a: 104 });

  await insertCells([[START + 61, 'a', 2, 8, 0, 0]]);
  expect(await goodOf()).toEqual({ a: 13 });
  // The one of more that was seen stays; what the job sums is what it has seen.
  await store.command('TRUNCATE TABLE slo_hours');
  expect(await summed()).toBe(1);
  expect(await goodOf()).toEqual({ a: 9 });
});

test('whoever knows how far hours are summed, or did a while ago, gets the same', async () => {
  await insertCells([[START + 60, 'a', 1, 1, 0, 0]]);
  const before = await position();
  expect(before).toBe(0);
  await summed();
  const after = await position();
  expect(after).toBeGreaterThan(Date.now() - 60_000);
  await store.command(
    `INSERT INTO slo_hours (tenant, slo, definition, objective, hour, group_key, seen, is_deleted, good, bad, unknown, received)
     SELECT 'default', 'fast', 'd', 0, toDateTime(${(START + 60) * 60}), 'a', 1000, 0, 100, 0, 0, now()`,
  );
  expect(await goodOf({ hoursSummedToMs: after })).toEqual({ a: 100 });
  expect(await goodOf({ hoursSummedToMs: before })).toEqual({ a: 1 });
  await insertCells([[START + 61, 'a', 2, 8, 0, 0]]);
  expect(await goodOf({ hoursSummedToMs: after })).toEqual({ a: 9 });
});

test('a position of a clock that was set back since is none, and so is what cannot be read', () => {
  const row = (name: string, state: string) => ({ name, instance: '', atMs: 0, state });
  const known = row('slo_hours', '{"covered_ms":500}');
  expect(hoursSummedToMs([known, row('slo', '{"covered_ms":900}')], 1_000)).toBe(500);
  expect(hoursSummedToMs([known, row('slo_hours', '{"covered_ms":1001}')], 1_000)).toBe(500);
  expect(hoursSummedToMs([row('slo_hours', 'no'), row('slo_hours', '{}'), row('slo_hours', 'null')], 1_000)).toBe(0);
  expect(hoursSummedToMs([], 1_000)).toBe(0);
});

test('more cells than one thread is asked to read', async () => {
  const cells = DAYS * 1_440 * 11;
  await store.command(
    `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, received)
     SELECT 'default', 'fast', 'd', 0, toDateTime(${START * 60} + intDiv(number, 11) * 60), toString(number % 11), 1, 0, 3, 2, 1, 0, now()
     FROM numbers(${cells})`,
  );
  const good = await goodOf();
  expect(Object.keys(good)).toHaveLength(11);
  expect(new Set(Object.values(good))).toEqual(new Set([DAYS * 1_440 * 2]));
});

test('a group that has lost its last event is gone from its hour', async () => {
  await insertCells([
    [START + 60, 'a', 1, 1, 0, 0],
    [START + 61, 'b', 1, 2, 0, 0],
  ]);
  await summed();
  await insertCells([[START + 60, 'a', 2, 0, 0, 0]]);
  expect(await goodOf()).toEqual({ b: 2 });
  await summed();

  expect(await goodOf()).toEqual({ b: 2 });
  const rows = await store.queryRows('SELECT group_key, good FROM slo_hours FINAL');
  expect(rows).toEqual([['b', '2']]);
});

test('of two jobs the one that saw more wins, whichever writes last', async () => {
  await insertCells([[START + 60, 'a', 5, 1, 0, 0]]);
  await summed();
  await store.command('CREATE TABLE IF NOT EXISTS slo_hours_before AS slo_hours ENGINE = Memory');
  await store.command('INSERT INTO slo_hours_before SELECT * FROM slo_hours');
  await insertCells([[START + 61, 'a', 2, 1, 0, 0]]);
  await summed();
  await store.command('INSERT INTO slo_hours SELECT * FROM slo_hours_before');
  await store.command('DROP TABLE slo_hours_before');

  expect(await store.queryRows('SELECT good FROM slo_hours FINAL')).toEqual([['2']]);
});

test('what may become visible late is looked at again', async () => {
  await insertCells([[START + 60, 'a', 1, 1, 0, 0]]);
  expect(await hoursJob(60_000).pass()).toBe(1);
  expect(await hoursJob(60_000).pass()).toBe(1);
  expect(await summed()).toBe(1);
  expect(await summed()).toBe(0);
});

/** Two days of it are over. */
const AROUND_NOW = Math.floor(Date.now() / 3_600_000) * 60 - 2 * 1_440;

test.each([
  ['long ago', START],
  ['around now', AROUND_NOW],
])(
  'any cells of %s, summed at any time: stretches are those of the minutes',
  async (_when, first) => {
    const random = seededRandom(SEED);
    const whole = (below: number) => Math.floor(random() * below);
    const truth = new Map<string, Cell>();
    const positions: (number | undefined)[] = [undefined];
    for (let round = 0; round < 12; round++) {
      const cells = Array.from({ length: 40 }, (): Cell => {
        const minute = first + whole(random() < 0.5 ? DAYS * 1_440 : 200);
        const counts = random() < 0.2 ? ([0, 0, 0] as const) : ([whole(9), whole(3), whole(2)] as const);
        return [minute, 'abc'[whole(3)], 1 + whole(1_000), ...counts];
      });
      const distinct = new Map(cells.map(cell => [`${cell[0]} ${cell[1]}`, cell]));
      const risen = [...distinct].map(([key, [minute, group, seen, ...counts]]): [string, Cell] => {
        return [key, [minute, group, (truth.get(key)?.[2] ?? 0) + seen, ...counts]];
      });
      await insertCells(risen.map(([, cell]) => cell));
      await insertCells([[risen[0][1][0], '', round + 1, 0, 0, 0]], { objective: 255 });
      await insertCells([[first + 60, 'a', round + 1, 100, 0, 0]], { definition: 'other' });
      for (const [key, cell] of risen) truth.set(key, cell);
      if (random() < 0.6) await summed();
      positions.push(await position());
      const known = positions[whole(positions.length)];
      const fromMinute = first + whole(1_000);
      const spans = [{ fromMinute, toMinute: fromMinute + 800 + whole(4_000) }];
      const edges = Array.from({ length: whole(8) }, () => first + whole(DAYS * 1_440));
      const stepMinutes = random() < 0.3 ? 120 : null;
      const asked = { objectives: [0], spans, edges, stepMinutes, hoursSummedToMs: known };
      const found = await sloStretches(store, CELLS, asked, 100);
      expect(await sloStretches(ofManyRows(store), CELLS, asked, 100), 'added up by the engine').toEqual(found);
      const seen = found.flatMap(({ groupKey, cells: own }) =>
        own
          .filter(({ total }) => total > 0)
          .map(({ minute, good, bad, unknown }) => [groupKey, minute, good, bad, unknown]),
      );
      expect(seen, `seed ${SEED} from ${first}, round ${round}`).toEqual(
        stretchesOnPaper([...truth.values()], spans[0], edges, stepMinutes),
      );
    }
  },
  60_000,
);

/** Each statement goes through `around`, which may hold it back. */
function storeThat(around: (sql: string, ask: () => Promise<unknown[][]>) => Promise<unknown[][]>): Store {
  return storeWith(store, {
    queryRows: (sql, parameters, options) => around(sql, () => store.queryRows(sql, parameters, options)),
  });
}

/** Resolves when it is told to. */
function signalled(): { reached: Promise<void>; reach: () => void } {
  let reach = () => {};
  const reached = new Promise<void>(resolve => {
    reach = resolve;
  });
  return { reached, reach };
}

const isOfUnsummed = (sql: string) => sql.includes('DISTINCT');

test('which hours lack something, hours and minutes are asked for at once, and once where these are those of now', async () => {
  const thisHour = AROUND_NOW + 2 * 1_440;
  await insertCells([[AROUND_NOW + 60, 'a', 1, 1, 0, 0]]);
  await summed();
  const hoursSummedToMs = await position();
  await insertCells([[thisHour, 'a', 1, 10, 0, 0]]);
  const asked: string[] = [];
  const all = signalled();
  const holding = storeThat(async (sql, ask) => {
    asked.push(sql);
    if (asked.length === 3) all.reach();
    await all.reached;
    return ask();
  });
  const spans = [{ fromMinute: AROUND_NOW, toMinute: thisHour + 60 }];

  const [{ cells }] = await sloStretches(holding, CELLS, { ...question, spans, hoursSummedToMs }, 100);

  expect(cells.map(({ good }) => good)).toEqual([11]);
  expect(asked).toHaveLength(3);
});

test.each([
  { late: 'hours that lack something', isSummed: false, good: 110 },
  { late: 'hours that lack something', isSummed: true, good: 110 },
  { late: 'counts', isSummed: false, good: 11 },
  { late: 'counts', isSummed: true, good: 110 },
])('written while only the $late are not read yet, and summed: $isSummed', async ({ late, isSummed, good }) => {
  await insertCells([
    [START + 60, 'a', 1, 1, 0, 0],
    [START + 61, 'a', 1, 10, 0, 0],
  ]);
  await summed();
  const hoursSummedToMs = await position();
  const early = signalled();
  const write = async () => {
    await insertCells([[START + 60, 'a', 2, 100, 0, 0]]);
    if (isSummed) await summed();
  };
  let written: Promise<void> | undefined;
  const slow = storeThat(async (sql, ask) => {
    if (isOfUnsummed(sql) === (late === 'hours that lack something')) {
      await early.reached;
      written ??= write();
      await written;
      return ask();
    }
    const rows = await ask();
    early.reach();
    return rows;
  });
  const goodIn = async (asked: Store) => {
    const [{ cells }] = await sloStretches(asked, CELLS, { ...question, hoursSummedToMs }, 100);
    return cells.reduce((sum, cell) => sum + cell.good, 0);
  };

  expect(await goodIn(slow)).toBe(good);
  // What was written before it is asked is in it.
  expect(await goodIn(store)).toBe(110);
});
