import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Throughline } from '../support/throughline.js';

const TRACE_ID = '5b8efff798038103d269b633813fc60c';
const MINUTE_NS = 60_000_000_000n;

interface SpanSpec {
  readonly service: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes?: Readonly<Record<string, string>>;
}

function requestOf(...spans: readonly SpanSpec[]): string {
  const keyValues = (attributes: Readonly<Record<string, string>>) =>
    Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  return JSON.stringify({
    resourceSpans: spans.map(({ service, startNs, endNs, attributes = {}, ...span }) => ({
      resource: { attributes: keyValues({ 'service.name': service }) },
      scopeSpans: [
        {
          spans: [
            {
              traceId: TRACE_ID,
              startTimeUnixNano: String(startNs),
              endTimeUnixNano: String(endNs),
              attributes: keyValues(attributes),
              ...span,
            },
          ],
        },
      ],
    })),
  });
}

describe("the edge's root span comes long after the rest of its trace has been closed", () => {
  let throughline: Throughline;
  // Ten minutes before now, a minute apart from the root's end, so that the row moves between minutes too.
  const appStartNs = ((BigInt(Date.now()) * 1_000_000n) / MINUTE_NS - 10n) * MINUTE_NS + 50_000_000_000n;
  const app: SpanSpec = {
    service: 'accounts',
    spanId: 'eee19b7ec3c1b174',
    parentSpanId: 'eee19b7ec3c1b173',
    name: 'GET /balance',
    kind: 2,
    startNs: appStartNs,
    endNs: appStartNs + 200_000_000n,
    attributes: { 'cloud.region': 'us-east-1' },
  };
  const edge: SpanSpec = {
    service: 'edge-gateway',
    spanId: 'eee19b7ec3c1b173',
    name: 'GET /app/balance',
    kind: 3,
    startNs: appStartNs - 1_000_000_000n,
    endNs: appStartNs + MINUTE_NS,
    attributes: { 'geo.locality.name': 'New York', 'geo.region.iso_code': 'US-NY', 'geo.country.iso_code': 'US' },
  };
  const window = { from: String(appStartNs - 10n * MINUTE_NS), to: String(appStartNs + 20n * MINUTE_NS) };

  beforeAll(async () => {
    throughline = await Throughline.start({
      settings: {
        THROUGHLINE_STITCHER_COMPLETE_AFTER: '200ms',
        THROUGHLINE_STITCHER_IDLE: '500ms',
        THROUGHLINE_STITCHER_MAX_OPEN: '2s',
      },
    });
  });

  afterAll(() => throughline?.destroy());

  async function send(body: string): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${throughline.otlpHttp}/v1/traces`, { method: 'POST', headers, body });
    expect([response.status, await response.text()]).toEqual([200, '{}']);
    await throughline.settled();
  }

  const rollup = () =>
    throughline.sql(
      `SELECT locality, region, sum(traces) AS traces, sum(unknown) AS unknown FROM latency_rollup GROUP BY ALL ORDER BY ALL`,
    );

  test('before it, the trace is known by its app tier only', async () => {
    await send(requestOf(app));
    expect(await throughline.trace(TRACE_ID)).toMatchObject({
      root: null,
      complete: false,
      duration_ms: 200,
      location: { locality: '', region: 'us-east-1', country: '' },
      flags: expect.arrayContaining(['root_missing']),
    });
    const [group] = (await throughline.latency({ location: 'us-east-1', ...window })).groups;
    expect(group).toMatchObject({ traces: 1, unknown: 1 });
    expect((await rollup()).map(row => [row.region, Number(row.traces), Number(row.unknown)])).toEqual([
      ['us-east-1', 1, 1],
    ]);
  });

  test('with it, location and duration change, and the old key no longer counts it', async () => {
    const before = await throughline.trace(TRACE_ID);
    await send(requestOf(edge));
    const after = await throughline.trace(TRACE_ID);
    expect(after).toMatchObject({
      root: { service: 'edge-gateway', operation: 'GET /app/balance', span_id: edge.spanId },
      complete: true,
      duration_ms: 61_000,
      location: { locality: 'New York', region: 'US-NY', country: 'US' },
      late_span_count: 1,
      span_count: 2,
    });
    expect(after.revision).toBeGreaterThan(before.revision);

    expect(await throughline.sql('SELECT locality, duration_ms FROM traces')).toEqual([
      { locality: 'New York', duration_ms: 61_000 },
    ]);
    const [old] = (await throughline.latency({ location: 'us-east-1', ...window })).groups;
    expect(old).toMatchObject({ traces: 0, unknown: 0 });
    const [now] = (await throughline.latency({ location: 'New York', quantile: '0.99', ...window })).groups;
    expect(now).toMatchObject({ traces: 1, unknown: 0, latency_ms: { '0.99': 61_000 } });
    expect((await rollup()).map(row => [row.locality, Number(row.traces), Number(row.unknown)])).toEqual([
      ['New York', 1, 0],
    ]);
  });
});
