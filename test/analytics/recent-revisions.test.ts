import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cellsAmong } from '../../analytics/recent-cells.js';
import { RecentRevisions } from '../../analytics/recent-revisions.js';
import { DIMENSIONS, LatencyAnswer } from '../../schemas/index.js';
import { exactLatency, type LatencyQuestion, type Store } from '../../store/index.js';
import { type Random, seededRandom, shuffle } from '../support/random.js';
import { startApi } from './support/api.js';
import { insertRevisions, LONDON, NEW_YORK, type Revision, traceId } from './support/rows.js';
import { startEmbeddedStore, storeWith } from './support/store.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 24, 10, 0, 0);
const PLACES = [
  NEW_YORK,
  LONDON,
  ['', 'GB-LND', 'GB'],
  ['', '', 'US'],
  ['Zürich', 'CH-ZH', 'CH'],
  ['', '', ''],
] as const;
const MAX_CELLS = 10_000;

const ns = (ms: number) => BigInt(Math.round(ms * 1e3)) * 1_000n;
const lastMinutes = (minutes: number): LatencyQuestion => ({
  tenant: 'default',
  fromNs: ns(NOW - minutes * MINUTE),
  toNs: ns(NOW),
  groupBy: [],
  quantiles: [0.5],
});

const recentOf = (from: Store) => new RecentRevisions(from, 200_000);

let store: Store;
let statements: string[];

/** The store, with what it is asked written down. */
const watched = () =>
  storeWith(store, {
    queryRows: (sql, ...rest) => {
      statements.push(sql);
      return store.queryRows(sql, ...rest);
    },
  });

beforeAll(async () => {
  // Parts are what a server has of its own: never on a cluster.
  store = await startEmbeddedStore();
});

beforeEach(async () => {
  await store.command('TRUNCATE TABLE trace_revisions');
  statements = [];
});

afterAll(() => store?.close());

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)];

/** Rows of few traces, so that most supersede, repeat, move or delete what is there. */
function randomRows(random: Random): Revision[] {
  const at = (shift: number) => NOW - random() * 8 * MINUTE + shift;
  return Array.from({ length: Math.ceil(random() * 30) }, () => ({
    traceId: traceId(Math.ceil(random() * 3)),
    // Of a few instants, so that a key comes again.
    endMs: random() < 0.7 ? NOW - Math.floor(random() * 3) * MINUTE - 1 : at(random() < 0.1 ? 20 * MINUTE : 0),
    durationMs: Math.round(random() * 1e9) / 1e6,
    place: random() < 0.6 ? NEW_YORK : pick(random, PLACES),
    service: pick(random, ['web', 'Ünicode', '\u{1f600}', '\uffff', '']),
    operation: pick(random, ['GET /', 'POST /pay']),
    environment: pick(random, ['', 'prod']),
    error: random() < 0.3,
    hasRoot: random() < 0.8,
    complete: random() < 0.7,
    spans: Math.ceil(random() * 2),
    // Equal versions, too; and 3 and 40 have not the same number of digits.
    arrivals: pick(random, [3, 4, 40]),
    isDeleted: random() < 0.2,
    tenant: random() < 0.1 ? 'other' : 'default',
  }));
}

function randomQuestion(random: Random): LatencyQuestion {
  const to = NOW - Math.floor(random() * 3 * MINUTE);
  const from = to - Math.ceil(random() * 5 * MINUTE);
  return {
    tenant: random() < 0.9 ? 'default' : 'other',
    fromNs: ns(from),
    toNs: ns(to),
    location: random() < 0.5 ? undefined : pick(random, ['new york', 'GB', 'us', 'gb-lnd', '', 'nowhere']),
    service: random() < 0.7 ? undefined : pick(random, ['web', '\u{1f600}']),
    operation: random() < 0.8 ? undefined : 'GET /',
    groupBy: DIMENSIONS.filter(() => random() < 0.25),
    quantiles: [0, 0.25, 0.5, 0.99, 1],
    stepNs: random() < 0.6 ? undefined : pick(random, [1_000_000n, 10_000_000_000n, 60_000_000_000n]),
  };
}

describe('cells of what is remembered', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'are those of the store, whatever is written and merged (seed %i)',
    async seed => {
      const random = seededRandom(20_261_129 + seed);
      // In which order a server gives rows is not promised.
      const anyhow = storeWith(store, {
        queryRows: async (...asked) => {
          statements.push(asked[0]);
          return shuffle(await store.queryRows(...asked), random);
        },
      });
      const recent = recentOf(anyhow);
      for (const tenant of ['default', 'other']) await recent.since(0, { tenant, fromNs: ns(NOW) });
      for (let step = 0; step < 12; step++) {
        for (let part = 0; part < 3; part++) await insertRevisions(store, randomRows(random));
        if (random() < 0.3) await store.command(`OPTIMIZE TABLE trace_revisions ${random() < 0.5 ? 'FINAL' : ''}`);
        for (let asked = 0; asked < 3; asked++) {
          const question = randomQuestion(random);
          const held = await recent.since(performance.now(), question);
          if (held === undefined) throw new Error('nothing is remembered');
          expect(cellsAmong(held, question, MAX_CELLS)).toEqual(await exactLatency(store, question, MAX_CELLS));
        }
      }
      expect(statements.some(sql => sql.includes('_part NOT IN'))).toBe(true);
    },
  );

  test('are no more than are asked for, the first by their keys', async () => {
    await insertRevisions(store, randomRows(seededRandom(7)));
    const question = { ...lastMinutes(10), groupBy: ['service', 'location'] } satisfies LatencyQuestion;
    const recent = recentOf(store);
    await recent.since(0, question);
    const held = await recent.since(0, question);
    if (held === undefined) throw new Error('nothing is remembered');
    expect(cellsAmong(held, question, 3)).toEqual(await exactLatency(store, question, 3));
  });
});

test('a place that is not ASCII is compared by the store', async () => {
  const place = ['İZMİR', 'TR-35', 'TR'] as const;
  await insertRevisions(
    store,
    [1, 2, 3].map(id => ({ traceId: traceId(id), endMs: NOW - MINUTE, place })),
  );
  const api = await startApi(store);
  api.nowMs = NOW;
  try {
    for (let times = 0; times < 3; times++) {
      const { groups } = await api.read(LatencyAnswer, `/api/v1/latency?location=${encodeURIComponent('İzmİr')}`);
      expect(groups[0].traces).toBe(3);
    }
  } finally {
    await api.close();
  }
});

describe('what is remembered', () => {
  const one = (id: number, ago = 1): Revision => ({ traceId: traceId(id), endMs: NOW - ago * MINUTE });
  const idsOf = async (recent: RecentRevisions, minutes = 5, sinceMs = performance.now()) => {
    const held = await recent.since(sinceMs, lastMinutes(minutes));
    return held && Array.from(held.rows, row => Number.parseInt(row.traceId, 16)).sort();
  };

  test('begins with the second question in a short time', async () => {
    await insertRevisions(store, [one(1)]);
    const recent = recentOf(watched());
    expect(await idsOf(recent)).toBeUndefined();
    expect(statements).toEqual([]);
    expect(await idsOf(recent)).toEqual([1]);
  });

  test('is read once for all that need nothing newer, and then what has come since', async () => {
    await insertRevisions(store, [one(1)]);
    const recent = recentOf(watched());
    await idsOf(recent);
    const sinceMs = performance.now();
    expect(await Promise.all([1, 2, 3].map(() => idsOf(recent, 5, sinceMs)))).toEqual([[1], [1], [1]]);
    await insertRevisions(store, [one(2)]);
    expect(await idsOf(recent, 4, sinceMs)).toEqual([1]);
    expect(statements).toHaveLength(1);
    expect(await idsOf(recent)).toEqual([1, 2]);
    expect(statements).toHaveLength(2);
    // Nothing has come, but who knows.
    expect(await idsOf(recent)).toEqual([1, 2]);
    expect(statements).toHaveLength(3);
  });

  test('is not taken from a reading that began too early', async () => {
    let release = () => {};
    const isReleased = new Promise<void>(resolve => {
      release = resolve;
    });
    const answers: Promise<unknown[][]>[] = [];
    const slow = storeWith(store, {
      queryRows: async (...asked) => {
        const answer = store.queryRows(...asked);
        answers.push(answer);
        const rows = await answer;
        if (answers.length === 1) await isReleased;
        return rows;
      },
    });
    const recent = recentOf(slow);
    await idsOf(recent);
    const early = idsOf(recent);
    await answers[0];
    await insertRevisions(store, [one(1)]);
    const late = idsOf(recent);
    release();
    expect(await early).toEqual([]);
    expect(await late).toEqual([1]);
  });

  test('is read anew where a question reaches further back', async () => {
    await insertRevisions(store, [one(1, 1), one(2, 7)]);
    const recent = recentOf(watched());
    await idsOf(recent);
    expect(await idsOf(recent, 2)).toEqual([1]);
    expect(await idsOf(recent, 8)).toEqual([1, 2]);
    expect(await idsOf(recent, 2)).toEqual([1, 2]);
    expect(statements.map(sql => sql.includes('_part NOT IN'))).toEqual([false, false, true]);
  });

  test('is left to the store for a while where it would be much', async () => {
    const recent = recentOf(watched());
    await idsOf(recent);
    await store.command(`
      INSERT INTO trace_revisions (tenant, end_minute, trace_id, version, received, end)
      SELECT 'default', toDateTime(${(NOW - MINUTE) / 1_000}), lower(leftPad(hex(number), 32, '0')), 1, now(), fromUnixTimestamp64Milli(${NOW - MINUTE})
      FROM numbers(60000)`);
    expect(await idsOf(recent)).toBeUndefined();
    expect(await idsOf(recent)).toBeUndefined();
    expect(statements).toHaveLength(1);
  });

  test('is left to the store where fewer are to be answered exactly', async () => {
    await insertRevisions(store, [one(1), one(2), one(3)]);
    const few = new RecentRevisions(store, 2);
    await idsOf(few);
    expect(await idsOf(few)).toBeUndefined();
    const enough = new RecentRevisions(store, 3);
    await idsOf(enough);
    expect(await idsOf(enough)).toEqual([1, 2, 3]);
  });

  test('is read again after the store could not be asked', async () => {
    await insertRevisions(store, [one(1)]);
    let isAway = true;
    const away = storeWith(store, {
      queryRows: (...asked) => (isAway ? Promise.reject(new Error('away')) : store.queryRows(...asked)),
    });
    const recent = recentOf(away);
    await idsOf(recent);
    await expect(Promise.all([idsOf(recent), idsOf(recent)])).rejects.toThrow('away');
    isAway = false;
    expect(await idsOf(recent)).toEqual([1]);
  });
});
