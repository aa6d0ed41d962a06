import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace, readOtlpLines } from '../oracle/index.js';
import { Throughline } from '../support/throughline.js';
import { expectReconciled, expectSameLatency, expectSameLatencyNow, expectSameTraces } from './compare.js';

const FILES = ['onlineboutique', 'trainticket', 'opentelemetry-demo'].map(
  name => `../shared/data/traces/${name}.otlp.jsonl.gz`,
);
const CITIES = ['New York', 'US-NY', 'gb', 'tokyo'];

describe('the recorded traces, replayed from the command line', () => {
  let throughline: Throughline;
  let oracle: Map<string, OracleTrace>;

  beforeAll(async () => {
    throughline = await Throughline.start();
    for (const file of FILES) {
      const { code, stdout, stderr } = await throughline.run('replay', file);
      expect(code, stderr + stdout).toBe(0);
    }
    // Nothing is late in the oracle's log: whether a span was depends on the machine's speed, and is not compared here.
    let offset = 0;
    const records = FILES.flatMap(file =>
      [...readOtlpLines(file)].map(request => ({ partition: 0, offset: offset++, appendTimeMs: 0, request })),
    );
    oracle = computeTraces(records, DEFAULT_ORACLE_RULES);
    await throughline.settled(120_000);
  }, 240_000);

  afterAll(() => throughline?.destroy());

  test('the ledger reconciles, and nothing is left in flight', async () => {
    const spans = [...oracle.values()].reduce((sum, trace) => sum + trace.spanCount, 0);
    const duplicates = [...oracle.values()].reduce((sum, trace) => sum + trace.duplicateCount, 0);
    expect(await throughline.ledger()).toEqual({
      received: 101_605 + 36_797 + 547,
      rejected: {},
      duplicate: duplicates,
      stored: spans,
      in_flight: 0,
      too_late: 0,
      dead_letter: 0,
    });
    await expectReconciled(throughline);
  });

  test('traces has one row per trace, with what a batch computation gives', async () => {
    expect(oracle.size).toBe(3_492 + 414 + 141);
    await expectSameTraces(throughline, oracle);
  });

  test.each(CITIES)('latency of %s is that of the batch computation', async location => {
    await expectSameLatency(throughline, oracle, location);
    await expectSameLatencyNow(throughline, oracle, location);
  });

  test('every trace in the answer by id sums up its critical path to the duration of its root', async () => {
    const withRoot = [...oracle.values()].filter(trace => trace.hasRoot).slice(0, 20);
    for (const { traceId, durationNs } of withRoot) {
      const { critical_path, tiers } = await throughline.trace(traceId);
      const sum = (parts: number[]) => Math.round(parts.reduce((total, ms) => total + ms * 1e6, 0));
      expect(sum(critical_path.map(section => section.self_ms))).toBe(Number(durationNs));
      expect(sum(tiers.map(tier => tier.critical_path_ms))).toBe(Number(durationNs));
    }
  });

  test('SIGTERM drains and exits 0', async () => {
    expect(await throughline.stop()).toBe(0);
  });
});
