/**
 * Two evaluators that are killed before and after any of their effects, webhooks that fail, hang and cut: whatever is to be
 * told arrives, once by alert and kind, the beginning before the end. A failure names its seed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AlertJob } from '../../../analytics/slo/alert-job.js';
import type { Store } from '../../../store/index.js';
import { startStore, storeWith } from '../support/store.js';
import {
  ALERT_TABLES,
  alertingSlo,
  alertJob,
  type Behaviour,
  completeTo,
  condition,
  count,
  putCounted,
  settle,
  Webhook,
} from './support/alerts.js';

const START = Date.parse('2026-11-10T00:00:00Z') / 60_000;
const SEEDS = Number(process.env.ALERT_KILL_SEEDS ?? 2);
const FIRST_SEED = Number(process.env.ALERT_KILL_FIRST_SEED ?? 1);

let store: Store;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());

/** mulberry32: from 0 to 1, the same for a seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Dies at the given effect, before it or just after it, and from then on answers nothing. */
function mortal(effects: number, isAfter: boolean): { store: Store; isDead: () => boolean } {
  let left = effects;
  const living = () => {
    if (left <= 0) throw new Error('killed');
  };
  const wrapped = storeWith(store, {
    queryRows: async (...rest) => {
      living();
      return store.queryRows(...rest);
    },
    command: async (...rest) => {
      living();
      left--;
      if (left > 0) return store.command(...rest);
      if (isAfter) await store.command(...rest);
      throw new Error('killed');
    },
  });
  return { store: wrapped, isDead: () => left <= 0 };
}

const BEHAVIOURS: readonly Behaviour[] = ['ok', 'ok', 'error', 'hang', 'cut', 'redirect'];
const PLACES = ['London', 'New York'];

class Run {
  readonly random: () => number;
  readonly hook = new Webhook();
  kills = 0;
  readonly #jobs: { job: AlertJob; isDead: () => boolean }[] = [];

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  upTo(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  async begin() {
    for (const table of ALERT_TABLES) await store.command(`TRUNCATE TABLE ${table}`);
    await this.hook.start();
    const conditions = [condition('page-1h', 6_000, 60, 5), condition('ticket-2h', 3_000, 120, 10)];
    const slo = alertingSlo(this.hook.url, { groupBy: ['location'] }, { conditions });
    await putCounted(store, slo);
    for (const place of PLACES) {
      const groupKey = JSON.stringify({ location: place });
      const spans = [-200, 0, 10, 30, 40, 100];
      for (const [at, from] of spans.slice(0, -1).entries()) {
        const bad = at % 2 === 1 ? 100 : 0;
        const [fromMinute, toMinute] = [START + from, START + spans[at + 1]];
        await count(store, slo, { fromMinute, toMinute, good: 100 - bad, bad, groupKey });
      }
    }
    await completeTo(store, START);
    await settle(store, alertJob(store));
    return slo;
  }

  /** One of the two does something, and may die of it; then another takes its place. */
  async act(which: number): Promise<void> {
    const living = this.#jobs[which];
    if (living === undefined || living.isDead()) {
      const { store: through, isDead } = mortal(1 + this.upTo(5), this.random() < 0.5);
      // What was evaluated must wait while further minutes are evaluated.
      this.#jobs[which] = { job: alertJob(through, { settleMs: 400 }), isDead };
    }
    const { job, isDead } = this.#jobs[which];
    await (this.random() < 0.6 ? job.pass() : job.send()).catch(() => undefined);
    if (isDead()) this.kills++;
  }

  async chaos(perMinute: (minute: number) => Promise<void> = async () => {}): Promise<void> {
    for (let minute = START + 1; minute < START + 70; minute += 1 + this.upTo(9)) {
      await perMinute(minute);
      await completeTo(store, minute);
      this.hook.behaviours.push(...Array.from({ length: 3 }, () => BEHAVIOURS[this.upTo(BEHAVIOURS.length)]));
      for (let round = 0; round < 3; round++) await Promise.all([this.act(0), this.act(1)]);
    }
    this.hook.behaviours = [];
    await completeTo(store, START + 90);
    await settle(store, alertJob(store), alertJob(store));
  }
}

const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index);

describe('kills at any point', () => {
  test.each(seeds)(
    'lose and double nothing: seed %i',
    async seed => {
      const run = new Run(seed);
      await run.begin();
      await run.chaos();
      await run.hook.close();
      expect(run.kills).toBeGreaterThan(3);
      const minuteOf = (text: string) => Date.parse(text) / 60_000 - START;
      const told = run.hook.distinct().map(({ kind, condition: name, body, startsAt, endsAt }) => {
        const { location } = body.alerts[0].labels;
        return `${location} ${name} ${kind} +${minuteOf(kind === 'firing' ? startsAt : endsAt)}`;
      });
      // By the Workbook's formulas, each burn being ten minutes of all bad.
      const expected = PLACES.flatMap(place => [
        ...['firing +1', 'resolved +15', 'firing +31', 'resolved +45'].map(each => `${place} page-1h ${each}`),
        ...['firing +1', 'resolved +20', 'firing +31', 'resolved +50'].map(each => `${place} ticket-2h ${each}`),
      ]);
      expect(told.sort()).toEqual(expected.sort());
      expectConsistent(run.hook);
    },
    600_000,
  );

  test.each(seeds)(
    'and restatements leave no alert without its end: seed %i',
    async seed => {
      const run = new Run(seed + 1_000);
      const slo = await run.begin();
      let seen = 2;
      await run.chaos(async minute => {
        const bad = run.random() < 0.4 ? 100 : 0;
        const groupKey = JSON.stringify({ location: PLACES[run.upTo(2)] });
        const [fromMinute, toMinute] = [minute - 1 - run.upTo(10), minute + 1];
        await count(store, slo, { fromMinute, toMinute, good: 100 - bad, bad, groupKey, seen: seen++ });
      });
      for (const place of PLACES) {
        const groupKey = JSON.stringify({ location: place });
        const calm = { fromMinute: START + 60, toMinute: START + 130, good: 100, bad: 0, groupKey, seen: 1_000 };
        await count(store, slo, calm);
      }
      await completeTo(store, START + 125);
      await settle(store, alertJob(store), alertJob(store));
      await run.hook.close();
      expect(run.hook.told.length).toBeGreaterThan(0);
      expectConsistent(run.hook);
      const firing = await store.queryRows("SELECT count() FROM slo_alerts FINAL WHERE status = 'firing'");
      expect(firing.map(([count]) => Number(count))).toEqual([0]);
    },
    600_000,
  );
});

/** Each alert has its beginning before its end, and whatever came twice was the same. */
function expectConsistent({ told }: Webhook): void {
  for (const id of new Set(told.map(each => each.id))) {
    const all = told.filter(each => each.id === id);
    const kinds = all.map(({ kind }) => kind);
    expect([...new Set(kinds)]).toEqual(['firing', 'resolved']);
    expect(new Set(all.map(({ fingerprint, startsAt }) => `${fingerprint} ${startsAt}`)).size).toBe(1);
    for (const kind of ['firing', 'resolved']) {
      const bodies = all.filter(each => each.kind === kind).map(({ body }) => JSON.stringify(body));
      expect(new Set(bodies).size).toBe(1);
    }
  }
}
