import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Parts } from '../../../analytics/settings.js';
import { alertRoutes } from '../../../analytics/slo/alerts/routes.js';
import { type AlertsAnswer, AlertsAnswer as AlertsSchema, countingHash } from '../../../schemas/index.js';
import { deleteSloDocument, type Store, saveSloBackfills } from '../../../store/index.js';
import { putSlo } from '../support/slos.js';
import { startStore, storeWith } from '../support/store.js';
import {
  ALERT_TABLES,
  alertingSlo,
  alertJob,
  completeTo,
  condition,
  count,
  putCounted,
  settle,
  Webhook,
} from './support/alerts.js';

const START = Date.parse('2026-11-10T00:00:00Z') / 60_000;
const QUIET = 4_400;

let store: Store;
let hook: Webhook;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());
beforeEach(async () => {
  for (const table of ALERT_TABLES) await store.command(`TRUNCATE TABLE ${table}`);
  hook = await new Webhook().start();
  return () => hook.close();
});

/** As text: `firing page-1h +9`, by minutes since START. */
function told(): string[] {
  return hook.distinct().map(({ kind, condition: name, startsAt, endsAt }) => {
    const minute = Date.parse(kind === 'firing' ? startsAt : endsAt) / 60_000 - START;
    return `${kind} ${name} +${minute}`;
  });
}

function answer(query: object = {}): Promise<AlertsAnswer> {
  const [route] = alertRoutes({ store, tenant: 'default' } as Parts);
  const input = { query: route.query.parse(query), path: {}, body: '', contentType: '' };
  return route.handle(input).then(({ body }) => AlertsSchema.parse(body));
}

const states = async () => (await answer()).alerts.map(each => `${each.state} ${each.condition}`);

describe("the SRE Workbook's table", () => {
  test.each([
    [1, [1, 3, 5, 5], [5, 30, 120, 360]],
    [0.1, [9, 22, 44, 44], [5, 29, 117, 357]],
  ])(
    'a share of %f bad fires and is over at its minutes, whoever evaluates when',
    async (share, fires, over) => {
      const slo = alertingSlo(hook.url);
      await putCounted(store, slo);
      const [good, burn] = [1_000, 360];
      await count(store, slo, { fromMinute: START - QUIET, toMinute: START, good, bad: 0 });
      const bad = good * share;
      await count(store, slo, { fromMinute: START, toMinute: START + burn, good: good - bad, bad });
      await count(store, slo, { fromMinute: START + burn, toMinute: START + burn + 400, good, bad: 0 });
      const [a, b] = [alertJob(store), alertJob(store)];
      await completeTo(store, START);
      await settle(store, a);
      for (let minute = START + 7; minute < START + burn + 400; minute += 20 + (minute % 50)) {
        await completeTo(store, minute);
        await Promise.all([a.pass(), b.pass()]);
        await Promise.all([a.send(), b.send()]);
      }
      await completeTo(store, START + burn + 400);
      await settle(store, a, b);
      const names = ['page-1h', 'page-6h', 'ticket-1d', 'ticket-3d'];
      const expected = names.flatMap((name, at) => [
        `firing ${name} +${fires[at]}`,
        `resolved ${name} +${burn + over[at]}`,
      ]);
      expect(told().sort()).toEqual(expected.sort());
    },
    60_000,
  );
});

/** One condition, 6 times over an hour and 5 minutes: burning is all bad. */
const SIMPLE = [condition('page-1h', 6_000, 60, 5)];

async function burning(more = {}, rule = {}) {
  const slo = alertingSlo(hook.url, more, { conditions: SIMPLE, ...rule });
  await putCounted(store, slo);
  await count(store, slo, { fromMinute: START - 100, toMinute: START, good: 100, bad: 0 });
  await completeTo(store, START);
  await settle(store, alertJob(store));
  await count(store, slo, { fromMinute: START, toMinute: START + 10, good: 0, bad: 100 });
  await count(store, slo, { fromMinute: START + 10, toMinute: START + 100, good: 100, bad: 0 });
  return slo;
}

describe('what is told', () => {
  test('is what Alertmanager sends: labels, figures, times, a fingerprint that stays', async () => {
    await burning();
    await completeTo(store, START + 30);
    await settle(store, alertJob(store));
    const [firing, resolved] = hook.told;
    const { alerts, ...rest } = firing.body;
    expect(rest).toMatchObject({
      version: '4',
      status: 'firing',
      receiver: 'pager',
      truncatedAlerts: 0,
      groupLabels: { alertname: 'error-budget', slo: 'fast' },
    });
    expect(alerts).toEqual([
      {
        status: 'firing',
        labels: {
          alertname: 'error-budget',
          slo: 'fast',
          severity: 'page',
          service: 'bank',
          condition: 'page-1h',
          objective: '0',
          tenant: 'default',
        },
        annotations: {
          summary: 'fast: the error budget burns at 16.67 over 1h and 200 over 5m',
          description: expect.stringContaining('Of 6000 events in the last 1h, 100 were bad. Promised are 99.9 %'),
          alert_id: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
        startsAt: '2026-11-10T00:01:00Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: '',
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    ]);
    const { body: ended, ...end } = resolved;
    expect(end).toMatchObject({
      kind: 'resolved',
      id: firing.id,
      fingerprint: firing.fingerprint,
      startsAt: firing.startsAt,
      endsAt: '2026-11-10T00:15:00Z',
    });
    expect(ended.alerts[0].labels).toEqual(alerts[0].labels);
    expect(ended.alerts[0].annotations).toMatchObject({ cause: 'recovered' });
  });

  test('says the group in its labels; each group has alerts of its own', async () => {
    const slo = await burning({ groupBy: ['location', 'service'] });
    const groupKey = '{"location":"New York","service":"web"}';
    await count(store, slo, { fromMinute: START, toMinute: START + 5, good: 0, bad: 100, groupKey });
    await completeTo(store, START + 3);
    await settle(store, alertJob(store));
    expect(hook.told.map(({ body }) => body.alerts[0].labels)).toMatchObject([
      { location: 'New York', group_service: 'web', service: 'bank' },
    ]);
  });

  test('an end is not told where nobody wants it, and only to who was told the beginning', async () => {
    await burning({}, { notifyResolved: false });
    await completeTo(store, START + 30);
    await settle(store, alertJob(store));
    expect(told()).toEqual(['firing page-1h +1']);
    expect(await states()).toEqual(['resolved page-1h']);
  });

  test('no data, and data again, where the rule wants it', async () => {
    const slo = await burning({}, { notifyNoData: true });
    await completeTo(store, START + 200);
    await settle(store, alertJob(store));
    await count(store, slo, { fromMinute: START + 200, toMinute: START + 300, good: 100, bad: 0 });
    await completeTo(store, START + 210);
    await settle(store, alertJob(store));
    expect(told().filter(each => each.includes('no data'))).toEqual([
      'firing page-1h (no data) +160',
      'resolved page-1h (no data) +201',
    ]);
  });
});

describe('a state', () => {
  test('outlives a restart, and what is told already is not told again', async () => {
    await burning();
    await completeTo(store, START + 5);
    await settle(store, alertJob(store));
    expect(await states()).toEqual(['firing page-1h']);
    await completeTo(store, START + 8);
    await settle(store, alertJob(store), alertJob(store));
    expect(hook.told.map(({ kind }) => kind)).toEqual(['firing']);
    const { alerts } = await answer({ state: 'firing', slo: 'fast' });
    expect(alerts).toMatchObject([
      {
        id: hook.told[0].id,
        since: '2026-11-10T00:01:00.000Z',
        burn_rates: [
          { window: '1h', rate: expect.closeTo(133.33, 1) },
          { window: '5m', rate: 1000 },
        ],
        held: '',
      },
    ]);
    expect(await answer({ state: 'resolved' })).toEqual({ alerts: [] });
    expect(await answer({ slo: 'other' })).toEqual({ alerts: [] });
  });

  test('is over as restated when late spans turn what it fired on', async () => {
    const slo = await burning();
    await completeTo(store, START + 5);
    await settle(store, alertJob(store));
    await count(store, slo, { fromMinute: START, toMinute: START + 10, good: 100, bad: 0, seen: 2 });
    await completeTo(store, START + 6);
    await settle(store, alertJob(store));
    expect(told()).toEqual(['firing page-1h +1', 'resolved page-1h +6']);
    expect(hook.told[1].body.alerts[0].annotations).toMatchObject({ cause: 'restated' });
  });

  test.each(['SLO', 'condition', 'groups'])('is over when its %s is gone', async what => {
    const slo = await burning();
    await completeTo(store, START + 5);
    await settle(store, alertJob(store));
    if (what === 'SLO') await deleteSloDocument(store, { tenant: 'default', kind: 'SLO', name: 'fast' }, 'api');
    if (what === 'condition') await putSlo(store, { ...slo, alerts: [] });
    if (what === 'groups') await putSlo(store, { ...slo, groupBy: ['location'] });
    await settle(store, alertJob(store), alertJob(store));
    expect(told()).toEqual(['firing page-1h +1', 'resolved page-1h +5']);
    expect(hook.told[1].fingerprint).toBe(hook.told[0].fingerprint);
    expect(await states()).toEqual(['resolved page-1h']);
  });

  test('is not written by who evaluated on what is outdated by now', async () => {
    const slo = await burning();
    let release = () => {};
    const released = new Promise<void>(resolve => {
      release = resolve;
    });
    let reached = () => {};
    const held = new Promise<void>(resolve => {
      reached = resolve;
    });
    const slow = alertJob(
      storeWith(store, {
        command: async (...rest) => {
          if (rest[0].includes('INTO slo_alerts')) {
            reached();
            await released;
          }
          return store.command(...rest);
        },
      }),
    );
    await completeTo(store, START + 5);
    const outdated = slow.pass();
    await held;
    // It has seen the burn. Meanwhile the counts are restated, and another evaluates.
    await count(store, slo, { fromMinute: START, toMinute: START + 10, good: 100, bad: 0, seen: 2 });
    await settle(store, alertJob(store));
    release();
    await outdated;
    await completeTo(store, START + 20);
    await settle(store, alertJob(store), slow);
    expect(told()).toEqual([]);
    expect(await states()).toEqual([]);
  });
});

describe('what is not fit to be judged', () => {
  const heldOf = async () => {
    const rows = await store.queryRows('SELECT held, status FROM slo_alerts FINAL');
    return rows.map(row => row.join());
  };

  test('waits for the watermark, says so, and is judged when it has come', async () => {
    await burning();
    await completeTo(store, START + 1);
    await settle(store, alertJob(store, { patienceMinutes: 3 }));
    expect(await heldOf()).toEqual(['watermark,firing']);
    expect((await answer()).alerts).toMatchObject([{ state: 'firing', held: 'watermark' }]);
    await completeTo(store, START + 20);
    await settle(store, alertJob(store));
    expect(await heldOf()).toEqual([',resolved']);
    expect(told()).toEqual(['firing page-1h +1', 'resolved page-1h +15']);
  });

  test('where most traces of a minute are incomplete it is passed over', async () => {
    await burning();
    const incomplete = (from: number, minutes: number) =>
      store.command(
        `INSERT INTO latency_rollup (tenant, minute, service, operation, traces, incomplete, received)
         SELECT 'default', toDateTime(60 * (${from} + number)), '', '', 100, 51, now() FROM numbers(${minutes})`,
      );
    await incomplete(START, 4);
    await completeTo(store, START + 4);
    await settle(store, alertJob(store));
    expect(await heldOf()).toEqual(['completeness,inactive']);
    await completeTo(store, START + 5);
    await settle(store, alertJob(store));
    expect(told()).toEqual(['firing page-1h +5']);
  });

  test('an SLO that is not counted far enough back waits', async () => {
    const slo = alertingSlo(hook.url, {}, { conditions: SIMPLE });
    const since = await putSlo(store, slo);
    await count(store, slo, { fromMinute: START - 10, toMinute: START, good: 0, bad: 100 });
    await completeTo(store, START);
    await settle(store, alertJob(store));
    expect(await heldOf()).toEqual([]);
    const backfill = { tenant: 'default', slo: slo.name, definition: countingHash(slo), since, note: '', job: 'test' };
    const left = { minutesTotal: 10, minutesLeft: 5, isDone: false };
    await saveSloBackfills(store, [{ ...backfill, ...left, reachedMinute: (START - 30) * 60 }]);
    await settle(store, alertJob(store));
    expect(await heldOf()).toEqual(['watermark,inactive']);
    await saveSloBackfills(store, [{ ...backfill, ...left, reachedMinute: (START - 60) * 60 }]);
    await settle(store, alertJob(store));
    expect(await heldOf()).toEqual([',firing']);
  });

  test('a handful of events begins no alert', async () => {
    const slo = alertingSlo(hook.url, {}, { conditions: SIMPLE });
    await putCounted(store, slo);
    await count(store, slo, { fromMinute: START - 3, toMinute: START, good: 0, bad: 3 });
    await completeTo(store, START);
    await settle(store, alertJob(store));
    expect(told()).toEqual([]);
  });
});

describe('a webhook', () => {
  test('that fails, hangs, floods or sends elsewhere is tried again; its URL is not logged', async () => {
    const log: string[] = [];
    const url = hook.url.replace('http://', 'http://who:pass-word@').replace('/hook', '/secret-path?key=secret-key');
    const slo = alertingSlo(url, {}, { conditions: SIMPLE });
    await putCounted(store, slo);
    await count(store, slo, { fromMinute: START - 30, toMinute: START, good: 0, bad: 100 });
    await completeTo(store, START);
    hook.behaviours = ['error', 'hang', 'cut', 'redirect'];
    await settle(store, alertJob(store, {}, log));
    expect(hook.told).toHaveLength(1);
    expect(hook.asked).toHaveLength(5);
    const authorization = `Basic ${Buffer.from('who:pass-word').toString('base64')}`;
    expect(hook.asked[4]).toEqual({ url: '/secret-path?key=secret-key', authorization });
    const text = log.join('');
    for (const why of ['HTTP 500', 'no answer in time', 'HTTP 302']) expect(text).toContain(why);
    expect(text).not.toMatch(/secret|pass-word/);
  });

  test('whose answer does not end is taken by its status', async () => {
    await burning();
    hook.behaviours = ['flood'];
    await completeTo(store, START + 2);
    await settle(store, alertJob(store));
    expect(hook.told).toHaveLength(1);
  });

  test('that never answers is given up, and holds up no other', async () => {
    const slo = await burning();
    const targets = [
      { name: 'pager', url: hook.url },
      { name: 'nobody', url: 'http://127.0.0.1:1/' },
    ];
    await putSlo(store, { ...slo, alerts: [{ ...slo.alerts[0], targets }] });
    await completeTo(store, START + 20);
    await settle(store, alertJob(store, { giveUpMs: 0 }));
    expect(told()).toEqual(['firing page-1h +1', 'resolved page-1h +15']);
    const rows = await store.queryRows('SELECT target, kind, state FROM slo_notifications FINAL ORDER BY target, kind');
    expect(rows).toEqual([
      ['nobody', 'firing', 'given_up'],
      ['nobody', 'resolved', 'given_up'],
      ['pager', 'firing', 'sent'],
      ['pager', 'resolved', 'sent'],
    ]);
  });
});
