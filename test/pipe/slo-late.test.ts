/**
 * Late spans change verdicts that were counted and judged: an alert begins because of some, another ends because of
 * others. All of it end to end, from OTLP to the webhook.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AlertsAnswer, SloRestatementsAnswer, SloStatusAnswer } from '../../schemas/index.js';
import { Webhook } from '../analytics/slo/support/alerts.js';
import { Throughline } from '../support/throughline.js';

const TRACES = 12;

/** `data` has no time on the critical path while the database has not reported: good, until it does. */
const DATABASE = `
      thresholdMetric:
        metricSource:
          type: throughline
          spec: { service: orders, metric: { tierDuration: data } }
  objectives: [{ op: lt, value: 50, target: 0.99 }]`;

/** What has no root yet is bad, until it comes and was fast. */
const ROOTS = `
      thresholdMetric:
        metricSource:
          type: throughline
          spec: { service: teller, unknown: bad }
  objectives: [{ op: lt, value: 300, target: 0.99 }]`;

const sloText = (name: string, indicatorAndObjectives: string, webhook: string) => `
apiVersion: openslo/v1
kind: SLO
metadata: { name: ${name} }
spec:
  service: bank
  timeWindow: [{ duration: 1d, isRolling: true }]
  budgetingMethod: Occurrences
  alertPolicies:
    - kind: AlertPolicy
      metadata: { name: ${name}-burns }
      spec:
        alertWhenResolved: true
        conditions:
          - kind: AlertCondition
            metadata: { name: half-a-day }
            spec:
              severity: page
              condition: { kind: burnrate, op: gt, threshold: 10, lookbackWindow: 4h }
        notificationTargets:
          - kind: AlertNotificationTarget
            metadata:
              name: ${name}-pager
              annotations: { throughline.dev/url: "${webhook}" }
            spec: { target: webhook }
  indicator:
    metadata: { name: ${name}-indicator }
    spec:${indicatorAndObjectives}
`;

interface SentSpan {
  readonly trace: number;
  readonly span: number;
  readonly parent?: number;
  readonly kind: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly fromMs: number;
  readonly toMs: number;
}

const hex = (number: number, digits: number) => number.toString(16).padStart(digits, '0');
const traceIdOf = (trace: number) => `5b8efff7${hex(trace, 24)}`;

function requestOf(spans: readonly SentSpan[]): string {
  const resourceSpans = spans.map(({ trace, span, parent, kind, resource, fromMs, toMs }) => ({
    resource: {
      attributes: Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } })),
    },
    scopeSpans: [
      {
        spans: [
          {
            traceId: traceIdOf(trace),
            spanId: hex(span, 16),
            parentSpanId: parent === undefined ? '' : hex(parent, 16),
            kind,
            name: 'POST /order',
            startTimeUnixNano: `${fromMs}000000`,
            endTimeUnixNano: `${toMs}000000`,
          },
        ],
      },
    ],
  }));
  return JSON.stringify({ resourceSpans });
}

describe('late spans', () => {
  let throughline: Throughline;
  const webhook = new Webhook();
  // Outside of the minutes judged first, whose completeness alerts look at; within the short window (20 m) of all.
  const endMs = Math.floor(Date.now() / 60_000) * 60_000 - 4 * 60_000 + 30_000;
  const minute = new Date(Math.floor(endMs / 60_000) * 60_000).toISOString();
  const numbers = Array.from({ length: TRACES }, (_, index) => index + 1);
  /** Whole, 120 ms, all of it the service's own as far as anyone knows. */
  const orders = numbers.map(
    (trace): SentSpan => ({
      trace,
      span: 1,
      kind: 2,
      resource: { 'service.name': 'orders' },
      fromMs: endMs - 120,
      toMs: endMs,
    }),
  );
  const queries = orders.map((root): SentSpan => {
    const resource = { 'service.name': 'orders-db', 'throughline.tier': 'data' };
    return { ...root, span: 2, parent: 1, resource, fromMs: endMs - 110, toMs: endMs - 10 };
  });
  const tellers = numbers.map((number): SentSpan => {
    const resource = { 'service.name': 'teller' };
    return { trace: 1_000 + number, span: 2, parent: 1, kind: 2, resource, fromMs: endMs - 90, toMs: endMs - 10 };
  });
  const tellerRoots = tellers.map(
    ({ parent, ...span }): SentSpan => ({ ...span, span: 1, fromMs: endMs - 100, toMs: endMs }),
  );

  async function send(spans: readonly SentSpan[]): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${throughline.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers,
      body: requestOf(spans),
    });
    expect([response.status, await response.text()]).toEqual([200, '{}']);
    await throughline.settled();
  }

  async function put(name: string, text: string): Promise<void> {
    const headers = { 'content-type': 'application/yaml' };
    const url = `${throughline.api}/api/v1/slos/${name}`;
    const response = await fetch(url, { method: 'PUT', headers, body: sloText(name, text, webhook.url) });
    expect(response.status, await response.text()).toBe(200);
  }

  async function status(name: string): Promise<SloStatusAnswer> {
    const at = new Date(endMs + 60_000).toISOString();
    const read = async () => SloStatusAnswer.parse(await throughline.get(`/api/v1/slos/${name}/status`, { at }));
    await throughline.until('counted', async () => (await read()).freshness.settled, 60_000);
    return read();
  }

  const alertsOf = async (slo: string) => AlertsAnswer.parse(await throughline.get('/api/v1/alerts', { slo })).alerts;
  const restatementsOf = async (slo: string) =>
    SloRestatementsAnswer.parse(await throughline.get(`/api/v1/slos/${slo}/restatements`)).restatements;
  const judged = () =>
    throughline.sql(
      "SELECT slo, status FROM slo_alerts FINAL WHERE evaluated_to IS NOT NULL AND held = '' ORDER BY slo",
    );
  const toldOf = (slo: string) => webhook.distinct().filter(({ body }) => body.alerts[0].labels.slo === slo);

  beforeAll(async () => {
    await webhook.start();
    throughline = await Throughline.start({
      settings: { THROUGHLINE_STITCHER_COMPLETE_AFTER: '200ms', THROUGHLINE_STITCHER_IDLE: '1s' },
    });
    await send([...orders, ...tellers]);
    await put('orders-database', DATABASE);
    await put('teller', ROOTS);
  }, 120_000);

  afterAll(async () => {
    await throughline?.destroy();
    await webhook.close();
  });

  test('before they come what is good is good, and what is unknown, being bad, has fired', async () => {
    const database = await status('orders-database');
    expect(database).toMatchObject({ total: TRACES, good: TRACES, bad: 0, unknown: 0, sli: 1 });
    expect(database.budget).toMatchObject({ consumed: 0, remaining_ratio: 1 });
    const teller = await status('teller');
    expect(teller).toMatchObject({ total: TRACES, good: 0, bad: 0, unknown: TRACES, sli: 0 });
    expect(teller.budget).toMatchObject({ consumed: TRACES });

    await throughline.until('told', async () => toldOf('teller').length > 0, 90_000);
    expect(await alertsOf('teller')).toMatchObject([{ state: 'firing', condition: 'half-a-day', resolved_at: null }]);
    // The other one was judged, too, and nothing found.
    await throughline.until('judged', async () => (await judged()).length === 2, 60_000);
    expect(await judged()).toEqual([
      { slo: 'orders-database', status: 'inactive' },
      { slo: 'teller', status: 'firing' },
    ]);
    expect(await alertsOf('orders-database')).toEqual([]);
    for (const slo of ['orders-database', 'teller']) expect(await restatementsOf(slo)).toEqual([]);
  }, 120_000);

  test('they restate counts and budget at once, with old, new and cause', async () => {
    await send([...queries, ...tellerRoots]);
    const database = await status('orders-database');
    expect(database).toMatchObject({ total: TRACES, good: 0, bad: TRACES, unknown: 0, sli: 0 });
    expect(database.budget).toMatchObject({ consumed: TRACES, exhausted_at: minute });
    const teller = await status('teller');
    expect(teller).toMatchObject({ total: TRACES, good: TRACES, bad: 0, unknown: 0, sli: 1 });
    expect(teller.budget).toMatchObject({ consumed: 0, remaining_ratio: 1, exhausted_at: null });

    const expectRestated = async (slo: string, first: number, taken: string, given: string) => {
      const list = await restatementsOf(slo);
      const none = { good: 0, bad: 0, unknown: 0 };
      // Counting may have seen them come in two parts.
      expect(list.at(-1)!.old).toMatchObject({ ...none, [taken]: TRACES });
      expect(list[0].new).toMatchObject({ ...none, [given]: TRACES });
      const traces = list.flatMap(({ cause }) => cause.traces);
      for (const { minute: restated, cause } of list) {
        expect(restated).toBe(minute);
        expect(cause.kind).toBe('late_spans');
        expect(cause.late_spans).toBeGreaterThan(0);
      }
      // Ten of them at most are named.
      expect(traces.length).toBeGreaterThanOrEqual(10);
      expect(traces.every(id => numbers.some(number => id === traceIdOf(first + number)))).toBe(true);
    };
    await expectRestated('orders-database', 0, 'good', 'bad');
    await expectRestated('teller', 1_000, 'unknown', 'good');
  }, 120_000);

  test('and the alert begins that they are the reason for, and the other one ends', async () => {
    const isTold = async () => toldOf('orders-database').length > 0 && toldOf('teller').length > 1;
    await throughline.until('told', isTold, 150_000);

    const [began] = await alertsOf('orders-database');
    expect(began).toMatchObject({ state: 'firing', condition: 'half-a-day', severity: 'page', resolved_at: null });
    expect(began.burn_rates.map(({ rate }) => rate)).toEqual([100, 100]);
    const [ended] = await alertsOf('teller');
    expect(ended.state).toBe('resolved');
    expect(Date.parse(began.fired_at!)).toBeGreaterThan(Date.parse(ended.fired_at!));

    expect(toldOf('orders-database')).toMatchObject([{ kind: 'firing', id: began.id }]);
    expect(toldOf('teller')).toMatchObject([
      { kind: 'firing', id: ended.id },
      { kind: 'resolved', id: ended.id },
    ]);
    // Not because anything got better since: what it fired on was not so.
    expect(toldOf('teller')[1].body.alerts[0].annotations.cause).toBe('restated');
  }, 180_000);
});
