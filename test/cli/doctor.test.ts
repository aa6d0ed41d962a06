/** A running system, each fault provoked in turn; what cannot be provoked is put into observations. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examine } from '../../cli/doctor-checks.js';
import { type Observations, parseSamples } from '../../cli/doctor-observe.js';
import { Throughline } from '../support/throughline.js';

interface Report {
  readonly well: boolean;
  readonly findings: { readonly check: string; readonly isWell: boolean; readonly message: string }[];
  readonly not_asked: string[];
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex');

/** One transaction through web, gateway and accounts; without the spans of one of them. */
function transaction(missing = ''): object {
  const traceId = hex(16);
  const ids = { web: hex(8), gateway: hex(8), accounts: hex(8) };
  const at = BigInt(Date.now() - 1_000) * 1_000_000n;
  const span = (service: keyof typeof ids, parent: string) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [
      {
        spans: [
          {
            traceId,
            spanId: ids[service],
            parentSpanId: parent,
            name: service,
            kind: 2,
            startTimeUnixNano: String(at),
            endTimeUnixNano: String(at + 50_000_000n),
          },
        ],
      },
    ],
  });
  const all = { web: span('web', ''), gateway: span('gateway', ids.web), accounts: span('accounts', ids.gateway) };
  return { resourceSpans: Object.entries(all).flatMap(([name, spans]) => (name === missing ? [] : [spans])) };
}

describe('a running system', () => {
  let throughline: Throughline;

  beforeAll(async () => {
    throughline = await Throughline.start({
      settings: {
        THROUGHLINE_STITCHER_IDLE: '1s',
        THROUGHLINE_STITCHER_COMPLETE_AFTER: '200ms',
        THROUGHLINE_INGEST_AUTH_TOKENS: JSON.stringify([
          { token: 'free', tenant: 'default' },
          { token: 'slow', tenant: 'default', maxSpansPerSecond: 1 },
        ]),
        THROUGHLINE_ANALYTICS_AUTH_TOKENS: JSON.stringify([
          { token: 'operator', role: 'read' },
          { token: 'bank', role: 'read', tenant: 'bank' },
        ]),
      },
    });
  }, 120_000);

  afterAll(() => throughline?.destroy());

  const send = (body: object, token = 'free') =>
    fetch(`${throughline.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });

  async function doctor(
    ...more: string[]
  ): Promise<{ code: number | null; report: Report; wrong: Map<string, string> }> {
    const run = await throughline.run('doctor', '--json', '--seconds', '1', '--token', 'operator', ...more);
    const report = JSON.parse(run.stdout) as Report;
    const wrong = new Map(
      report.findings.filter(({ isWell }) => !isWell).map(({ check, message }) => [check, message]),
    );
    return { code: run.code, report, wrong };
  }

  async function stitched(): Promise<void> {
    const settled = async () => {
      const headers = { authorization: 'Bearer operator' };
      const answer = await (await fetch(`${throughline.api}/api/v1/latency?window=1m`, { headers })).json();
      return (answer as { freshness: { settled: boolean } }).freshness.settled;
    };
    await throughline.until('settled', settled, 60_000);
  }

  test('that is well: exit code 0, and every check in words', async () => {
    for (let i = 0; i < 20; i++) expect((await send(transaction())).status).toBe(200);
    await stitched();
    const { code, report, wrong } = await doctor();
    expect([...wrong]).toEqual([]);
    expect({ code, well: report.well, not_asked: report.not_asked }).toEqual({ code: 0, well: true, not_asked: [] });
    expect(report.findings.map(({ check }) => check)).toEqual([
      ...['ready', 'lag', 'log', 'disk', 'clock', 'refused', 'rejected', 'dead letters', 'late', 'incomplete'],
    ]);
    const { stdout } = await throughline.run('doctor', '--seconds', '1', '--token', 'operator');
    expect(stdout).toMatch(/^ok {5}ready {9}ready\nok {5}lag .*\nall is well\n$/s);
  }, 120_000);

  test('whose traces lack a service: which one, told from whole traces', async () => {
    for (let i = 0; i < 5; i++) await send(transaction('gateway'));
    await stitched();
    const { code, wrong } = await doctor();
    expect(code).toBe(1);
    expect([...wrong.keys()]).toEqual(['incomplete']);
    expect(wrong.get('incomplete')).toMatch(
      /^20\.0 % of 25 traces .* spans of gateway do not come.* it calls accounts/,
    );
  }, 120_000);

  test('that rejects spans: how many, and why', async () => {
    const bad = transaction() as { resourceSpans: { scopeSpans: { spans: { traceId: string }[] }[] }[] };
    bad.resourceSpans[0].scopeSpans[0].spans[0].traceId = '0'.repeat(32);
    await send(bad);
    const { code, wrong } = await doctor();
    expect(code).toBe(1);
    expect(wrong.get('rejected')).toMatch(/rejected: 1 as invalid_trace_id \(trace ids that are not 16 bytes/);
  }, 120_000);

  test('that tells senders to come again', async () => {
    let isOver = false;
    const sending = (async () => {
      while (!isOver) {
        await send(transaction(), 'slow');
        await new Promise(later => setTimeout(later, 50));
      }
    })();
    const { code, wrong } = await doctor();
    isOver = true;
    await sending;
    expect(code).toBe(1);
    expect(wrong.get('refused')).toMatch(/^\d+ requests within 1 s were told to come again/);
  }, 120_000);

  test('that cannot be asked, or only in part: exit code 2', async () => {
    const away = await throughline.run('doctor', '--json', '--api', 'http://127.0.0.1:9');
    expect(away.code).toBe(2);
    expect((JSON.parse(away.stdout) as Report).not_asked).toEqual([expect.stringMatching(/does not answer/)]);
    const stranger = JSON.parse((await throughline.run('doctor', '--json', '--seconds', '1')).stdout) as Report;
    expect(stranger.not_asked.join()).toMatch(/401.*client\.token/s);
    const tenant = await doctor('--token', 'bank');
    expect(tenant.code).toBe(2);
    expect(tenant.report.not_asked.join()).toMatch(/ledger: .*403/s);
  }, 120_000);

  test('whose store hangs: not ready, and what waits in the log', async () => {
    const { pid } = JSON.parse(readFileSync(join(throughline.dataDir, 'clickhouse', 'engine.json'), 'utf8'));
    process.kill(pid, 'SIGSTOP');
    try {
      await send(transaction());
      await new Promise(later => setTimeout(later, 1_500));
      const { code, wrong } = await doctor();
      expect(code).toBe(1);
      expect(wrong.get('ready')).toMatch(/the store does not answer/);
      expect(wrong.get('lag')).toMatch(/^\d+ records wait in the log and none was stored within 1 s/);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }, 120_000);
});

describe('what is made of observations', () => {
  const METRICS = 'throughline_log_used_bytes 10\nthroughline_log_limit_bytes 100\n';
  const samples = (text = METRICS) => ({ before: parseSamples(text), after: parseSamples(text) });
  const seen = (changed: Partial<Observations>): Observations => ({
    readiness: { ready: true, reasons: [] },
    clockOffsetMs: 200,
    nowMs: Date.parse('2026-11-24T12:00:00Z'),
    ledger: { received: 9, rejected: {}, duplicate: 0, stored: 9, in_flight: 0, too_late: 0, dead_letter: 0 },
    latency: undefined,
    traces: [],
    metrics: samples(),
    observedMs: 3_000,
    disk: { directory: 'd', freeBytes: 50e9, totalBytes: 100e9 },
    notAsked: [],
    ...changed,
  });
  const ledger = (changed: object) => seen({ ledger: { ...seen({}).ledger, ...changed } as Observations['ledger'] });
  const freshness = (watermark: string) => ({ watermark, open_traces: 0, incomplete_ratio: 0, settled: true });
  const latency = (watermark: string) =>
    seen({ latency: { window: { from: '', to: '' }, groups: [], freshness: freshness(watermark) } });

  test('nothing wrong where nothing is', () => {
    expect(examine(seen({})).filter(({ isWell }) => !isWell)).toEqual([]);
    expect(examine(latency('2026-11-24T12:00:04Z')).filter(({ isWell }) => !isWell)).toEqual([]);
  });

  test.each<[string, Observations, RegExp]>([
    [
      'log',
      seen({ metrics: samples('throughline_log_used_bytes 81\nthroughline_log_limit_bytes 100\n') }),
      /81 % full/,
    ],
    [
      'disk',
      seen({ disk: { directory: 'd', freeBytes: 0.9 * 2 ** 30, totalBytes: 10e9 } }),
      /0\.9 GiB of 9\.3 are free/,
    ],
    ['disk', seen({ disk: { directory: 'd', freeBytes: 4e9, totalBytes: 100e9 } }), /free some/],
    ['clock', seen({ clockOffsetMs: 6_000 }), /6 s ahead of this machine's/],
    ['clock', seen({ clockOffsetMs: -3_600_000 }), /3600 s behind this machine's/],
    ['clock', latency('2026-11-24T13:00:00Z'), /the log's time is 3600 s ahead/],
    ['dead letters', ledger({ dead_letter: 3 }), /3 spans are in records that cannot be decoded/],
    ['late', ledger({ too_late: 4 }), /4 spans came later .* restitch --too-late/],
    ['rejected', ledger({ rejected: { too_large: 2, other: 1 } }), /2 as too_large \(.*\); 1 as other/],
    ['ready', seen({ readiness: { ready: false, reasons: ['a', 'b'] } }), /not ready: a; b/],
  ])('%s: %#', (check, observations, message) => {
    const wrong = examine(observations).filter(({ isWell }) => !isWell);
    expect(wrong).toEqual([{ check, isWell: false, message: expect.stringMatching(message) }]);
  });

  test('records that wait are no fault while others are stored', () => {
    const at = (stored: number) =>
      parseSamples(
        `throughline_log_lag_records{partition="0"} 5\nthroughline_stitcher_records_stored_total ${stored}\n`,
      );
    const lag = (stored: number) =>
      examine(seen({ metrics: { before: at(7), after: at(stored) } })).find(({ check }) => check === 'lag');
    expect(lag(8)).toMatchObject({ isWell: true });
    expect(lag(7)).toMatchObject({ isWell: false });
  });
});
