/** An SLO over recorded traces, end to end: its counts are the oracle's, minute by minute, and late spans restate them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseSloDocuments, resolveSloDocuments, SloRestatementsAnswer, SloStatusAnswer } from '../../schemas/index.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace, readOtlpLines } from '../oracle/index.js';
import { type OracleCounts, oracleSloCounts } from '../oracle/slo-counts.js';
import { Throughline } from '../support/throughline.js';

const FILE = '../shared/data/traces/trainticket.otlp.jsonl.gz';
const ENTRY = { service: 'ts-gateway-service', operation: '/*' };

const sloText = (name: string) => `
apiVersion: openslo/v1
kind: SLO
metadata: { name: ${name} }
spec:
  service: trainticket
  indicator:
    metadata: { name: ${name}-duration }
    spec:
      thresholdMetric:
        metricSource:
          type: throughline
          spec: { service: ${ENTRY.service}, operation: "${ENTRY.operation}", location: New York }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ op: lt, value: 300, target: 0.995 }]
`;

describe("99.5 % of New York's transactions under 300 ms, 30 days rolling", () => {
  let throughline: Throughline;
  let expected: Map<string, OracleCounts>;
  /** After all that was replayed. */
  let at: string;

  async function put(name: string): Promise<void> {
    const headers = { 'content-type': 'application/yaml' };
    const url = `${throughline.api}/api/v1/slos/${name}`;
    const response = await fetch(url, { method: 'PUT', headers, body: sloText(name) });
    expect(response.status, await response.text()).toBe(200);
  }

  const status = async (name: string) =>
    SloStatusAnswer.parse(await throughline.get(`/api/v1/slos/${name}/status`, { at }));
  const counted = (name: string) =>
    throughline.until('counted', async () => (await status(name)).freshness.settled, 60_000);

  async function minutes(name: string): Promise<[string, OracleCounts][]> {
    const rows = await throughline.sql(
      `SELECT objective, toUnixTimestamp(minute) / 60 AS minute, group_key, good, bad, unknown FROM slo_budget
       WHERE slo = '${name}' AND total > 0 ORDER BY minute`,
    );
    return rows.map(({ objective, minute, group_key, good, bad, unknown }) => [
      JSON.stringify([Number(objective), Number(minute), JSON.parse(String(group_key))]),
      { good: Number(good), bad: Number(bad), unknown: Number(unknown) },
    ]);
  }

  const sumOf = (cells: Iterable<OracleCounts>) =>
    [...cells].reduce((sum, { good, bad, unknown }) => ({
      good: sum.good + good,
      bad: sum.bad + bad,
      unknown: sum.unknown + unknown,
    }));

  beforeAll(async () => {
    throughline = await Throughline.start({
      settings: { THROUGHLINE_STITCHER_COMPLETE_AFTER: '200ms', THROUGHLINE_STITCHER_IDLE: '2s' },
    });
    await put('live');
    const { code, stdout, stderr } = await throughline.run('replay', '--shift-to-now', FILE);
    expect(code, stderr + stdout).toBe(0);
    await throughline.settled(120_000);
    const records = [...readOtlpLines(FILE)].map((request, offset) => ({
      partition: 0,
      offset,
      appendTimeMs: 0,
      request,
    }));
    const traces = [...computeTraces(records, DEFAULT_ORACLE_RULES).values()];
    const shiftNs = await shiftOf(traces);
    const judged = traces.map(trace => ({ ...trace, endNs: trace.endNs + shiftNs, attribute: () => undefined }));
    const { slos } = resolveSloDocuments(parseSloDocuments(sloText('live'), 'slo.yaml'));
    expected = oracleSloCounts(judged, slos[0].definition!);
    at = new Date(Date.now() + 120_000).toISOString();
  }, 240_000);

  afterAll(() => throughline?.destroy());

  /** How far the replay has moved all times. */
  async function shiftOf([{ traceId, endNs }]: readonly OracleTrace[]): Promise<bigint> {
    const [{ end }] = await throughline.sql(
      `SELECT toString(toUnixTimestamp64Nano(end)) AS end FROM traces WHERE trace_id = '${traceId}'`,
    );
    return BigInt(String(end)) - endNs;
  }

  test('counts are those of the oracle, minute by minute', async () => {
    await counted('live');
    const sorted = [...expected].sort(([a], [b]) => (JSON.parse(a)[1] as number) - (JSON.parse(b)[1] as number));
    expect(await minutes('live')).toEqual(sorted);
    const { good, bad, unknown } = sumOf(expected.values());
    expect(Math.min(good, bad)).toBeGreaterThan(0);
    const answer = await status('live');
    expect(answer).toMatchObject({ objective_ppm: 995_000, good, bad, unknown, total: good + bad + unknown });
    expect(answer.sli).toBeCloseTo(good / (good + bad), 12);
    expect(answer.budget).toMatchObject({ consumed: bad, allowed: (good + bad) / 200 });
  });

  test('an SLO that comes after the traces counts the same', async () => {
    await put('later');
    await counted('later');
    expect(await minutes('later')).toEqual(await minutes('live'));
  });

  test('a root that comes late turns unknown into bad, restates count and budget, and is listed', async () => {
    const traceId = '5b8efff798038103d269b633813fc60c';
    const endMs = Date.now() - 60_000;
    const send = async (spanId: string, parentSpanId: string, kind: number, durationMs: number) => {
      const attributes = [{ key: 'geo.locality.name', value: { stringValue: 'New York' } }];
      const resource = { attributes: [{ key: 'service.name', value: { stringValue: ENTRY.service } }] };
      const times = { startTimeUnixNano: `${endMs - durationMs}000000`, endTimeUnixNano: `${endMs}000000` };
      const span = { traceId, spanId, parentSpanId, kind, name: ENTRY.operation, attributes, ...times };
      const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${throughline.otlpHttp}/v1/traces`, { method: 'POST', headers, body });
      expect([response.status, await response.text()]).toEqual([200, '{}']);
      await throughline.settled();
      await counted('live');
      return status('live');
    };
    const first = await status('live');
    const before = await send('eee19b7ec3c1b174', 'eee19b7ec3c1b173', 2, 100);
    expect(before).toMatchObject({ good: first.good, bad: first.bad, unknown: first.unknown + 1 });
    const after = await send('eee19b7ec3c1b173', '', 2, 900);
    expect(after).toMatchObject({ good: first.good, bad: first.bad + 1, unknown: first.unknown });
    expect(after.budget.consumed).toBe(before.budget.consumed + 1);
    expect(after.budget.remaining_ratio).toBeLessThan(before.budget.remaining_ratio);

    const answer = SloRestatementsAnswer.parse(await throughline.get('/api/v1/slos/live/restatements'));
    const own = answer.restatements.filter(({ cause }) => cause.traces.includes(traceId));
    expect(own).toMatchObject([{ objective: 0, key: {}, cause: { kind: 'late_spans', late_spans: 1 } }]);
    const [{ old, new: now, minute }] = own;
    expect(now).toEqual({ ...old, bad: old.bad + 1, unknown: old.unknown - 1 });
    expect(Date.parse(minute)).toBe(Math.floor(endMs / 60_000) * 60_000);
  });
});
