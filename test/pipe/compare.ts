/** Compares what a running Throughline answers with the oracle's computation over the same spans. */
import { expect } from 'vitest';
import { latencyOf, type OracleTrace } from '../oracle/index.js';
import type { ApiClient } from '../support/api-client.js';

const NS_PER_MS = 1_000_000n;

/** What of a trace does not depend on when its spans came. */
export function expectedRow(trace: OracleTrace) {
  return {
    trace_id: trace.traceId,
    span_count: trace.spanCount,
    service_count: trace.serviceCount,
    orphan_count: trace.orphanCount,
    duplicate_count: trace.duplicateCount,
    complete: trace.complete,
    service: trace.service,
    operation: trace.operation,
    root_span_id: trace.rootSpanId,
    locality: trace.locality,
    region: trace.region,
    country: trace.country,
    start_ns: String(trace.startNs),
    end_ns: String(trace.endNs),
    duration_ns: String(trace.durationNs),
    error: trace.error,
    error_span_id: trace.errorSpanId,
    flags: [...trace.flags].sort(),
    tiers: trace.tiers.map(({ tier, ns }) => `${tier}=${ns}`).sort(),
  };
}

/** The same of the traces that the store has. */
export const ROWS = `
SELECT toString(trace_id) AS trace_id, span_count, service_count, orphan_count, duplicate_count, complete, service,
       operation, root_span_id, locality, region, country,
       toString(toUnixTimestamp64Nano(start)) AS start_ns, toString(toUnixTimestamp64Nano(end)) AS end_ns,
       toString(duration_ns) AS duration_ns, error, error_span_id, arraySort(flags) AS flags,
       arraySort(arrayMap((tier, ns) -> concat(tier, '=', toString(ns)), tier_names, tier_ns)) AS tiers
FROM traces ORDER BY trace_id`;

/** `duplicates: false` where copies were sent that the oracle was not told of. */
export async function expectSameTraces(
  throughline: ApiClient,
  oracle: ReadonlyMap<string, OracleTrace>,
  { duplicates = true } = {},
): Promise<void> {
  const rows = await throughline.sql(`${ROWS}`);
  const expected = [...oracle.values()].map(expectedRow).sort((a, b) => (a.trace_id < b.trace_id ? -1 : 1));
  const comparable = (row: object) => (duplicates ? row : { ...row, duplicate_count: undefined });
  // Counted first: a difference in number is easier to read than one among thousands of rows.
  expect(rows.length).toBe(expected.length);
  for (const [i, row] of rows.entries()) expect(comparable(row)).toEqual(comparable(expected[i]));
}

/** The window of all traces, to the millisecond outwards. */
export function windowOf(oracle: ReadonlyMap<string, OracleTrace>): { fromNs: bigint; toNs: bigint } {
  let fromNs = 1n << 63n;
  let toNs = 0n;
  for (const { endNs } of oracle.values()) {
    if (endNs < fromNs) fromNs = endNs;
    if (endNs > toNs) toNs = endNs;
  }
  return { fromNs: (fromNs / NS_PER_MS) * NS_PER_MS, toNs: (toNs / NS_PER_MS + 1n) * NS_PER_MS };
}

export async function expectSameLatency(
  throughline: ApiClient,
  oracle: ReadonlyMap<string, OracleTrace>,
  location: string,
  window = windowOf(oracle),
): Promise<void> {
  const quantiles = [0.5, 0.9, 0.95, 0.99];
  const expected = latencyOf(oracle.values(), { location, ...window }, quantiles);
  const answer = await throughline.latency({
    location,
    quantile: quantiles.join(','),
    from: String(window.fromNs).padStart(19, '0'),
    to: String(window.toNs).padStart(19, '0'),
  });
  const [group] = answer.groups;
  expect(group).toMatchObject({
    traces: expected.traces,
    errors: expected.errors,
    unknown: expected.unknown,
    method: 'exact',
    relative_error: 0,
  });
  for (const q of quantiles) expect(group.latency_ms[String(q)]).toBe(expected.latencyMs[String(q)]);
}

/** `latency_now` over a window that reaches back before the oldest trace. */
export async function expectSameLatencyNow(
  throughline: ApiClient,
  oracle: ReadonlyMap<string, OracleTrace>,
  location: string,
): Promise<void> {
  const { fromNs, toNs } = windowOf(oracle);
  const seconds = Math.ceil(Date.now() / 1000 - Number(fromNs / 1_000_000_000n)) + 60;
  const [row] = await throughline.sql(`SELECT * FROM latency_now(location = '${location}', window_s = ${seconds})`);
  const expected = latencyOf(oracle.values(), { location, fromNs: 0n, toNs }, [0.5, 0.9, 0.95, 0.99]);
  expect({ ...row, traces: Number(row.traces), unknown: Number(row.unknown) }).toEqual({
    location,
    traces: expected.traces,
    unknown: expected.unknown,
    p50_ms: expected.latencyMs['0.5'],
    p90_ms: expected.latencyMs['0.9'],
    p95_ms: expected.latencyMs['0.95'],
    p99_ms: expected.latencyMs['0.99'],
  });
}

/** `latency_rollup`, minute by minute and place by place. */
export async function expectSameRollups(
  throughline: ApiClient,
  oracle: ReadonlyMap<string, OracleTrace>,
): Promise<void> {
  const found = await rollupCells(throughline);
  expect([...found].sort()).toEqual([...expectedCells(oracle.values())].sort());
}

/** By minute and place: traces, errors, unknown and the sum of durations. */
export async function rollupCells(throughline: ApiClient): Promise<Map<string, string>> {
  const rows = await throughline.sql(
    `SELECT toUnixTimestamp(minute) AS minute, country, region, locality, service, operation,
            toString(traces) AS traces, toString(errors) AS errors, toString(unknown) AS unknown,
            toString(duration_ns_sum) AS sum
     FROM latency_rollup`,
  );
  return new Map(
    rows.map(({ minute, country, region, locality, service, operation, ...counts }) => [
      [minute, country, region, locality, service, operation].join('|'),
      [counts.traces, counts.errors, counts.unknown, counts.sum].join(' '),
    ]),
  );
}

export function expectedCells(traces: Iterable<OracleTrace>): Map<string, string> {
  const cells = new Map<string, { traces: number; errors: number; unknown: number; sum: bigint }>();
  for (const trace of traces) {
    const minute = trace.endNs / 60_000_000_000n;
    const { country, region, locality, service, operation } = trace;
    const key = [minute * 60n, country, region, locality, service, operation].join('|');
    const cell = cells.get(key) ?? { traces: 0, errors: 0, unknown: 0, sum: 0n };
    cells.set(key, {
      traces: cell.traces + 1,
      errors: cell.errors + Number(trace.error),
      unknown: cell.unknown + Number(!trace.hasRoot),
      sum: cell.sum + (trace.hasRoot ? trace.durationNs : 0n),
    });
  }
  return new Map(
    [...cells].map(([key, { traces, errors, unknown, sum }]) => [key, [traces, errors, unknown, sum].join(' ')]),
  );
}

/** Every received span is in exactly one place. */
export async function expectReconciled(throughline: ApiClient): Promise<void> {
  const ledger = await throughline.ledger();
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  expect(ledger.stored + ledger.duplicate + rejected + ledger.in_flight + ledger.dead_letter).toBe(ledger.received);
}
