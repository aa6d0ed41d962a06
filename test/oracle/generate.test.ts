import { describe, expect, it } from 'vitest';
import { type GeneratedSpan, generateTrace, mulberry32, toRequest } from './generate.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace } from './index.js';
import { spansOfRecord } from './otlp-json.js';

function generate(seed: number, count: number, anomalies = 1): GeneratedSpan[] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, (_, index) => generateTrace(random, index, { anomalies }).spans).flat();
}

function oracle(spans: readonly GeneratedSpan[]): OracleTrace[] {
  const record = { partition: 0, offset: 0, appendTimeMs: 0, request: toRequest(spans) };
  return [...computeTraces([record], DEFAULT_ORACLE_RULES).values()];
}

describe('generated traces', () => {
  it('are the same for the same seed and others for another', () => {
    expect(generate(7, 20)).toEqual(generate(7, 20));
    expect(generate(7, 20)).not.toEqual(generate(8, 20));
  });

  it('without anomalies are whole', () => {
    const traces = oracle(generate(1, 200, 0));
    expect(traces).toHaveLength(200);
    for (const trace of traces) {
      expect(trace).toMatchObject({ complete: true, duplicateCount: 0 });
      expect(trace.flags.filter(flag => flag !== 'skew_adjusted')).toEqual([]);
    }
  });

  it('have every flag, shape and section kind that there is a rule for', () => {
    const traces = oracle(generate(2, 1_500));
    const flags = new Set(traces.flatMap(trace => trace.flags));
    expect([...flags].sort()).toEqual([
      'bad_parent_id',
      'conflict',
      'cycle',
      'multiple_roots',
      'negative_duration',
      'root_missing',
      'skew_adjusted',
      'skew_exceeded',
      'time_out_of_range',
    ]);
    const seen = (test: (trace: OracleTrace) => boolean) => traces.filter(test).length;
    expect(seen(trace => trace.orphanCount > 0)).toBeGreaterThan(50);
    expect(seen(trace => trace.links.length > 0)).toBeGreaterThan(200);
    expect(seen(trace => trace.path.length > 10)).toBeGreaterThan(50);
    expect(seen(trace => trace.error && trace.errorSpanId !== trace.rootSpanId)).toBeGreaterThan(50);
    expect(seen(trace => trace.duplicateCount > 0)).toBeGreaterThan(100);
    const tiers = new Set(traces.flatMap(trace => trace.tiers.map(({ tier }) => tier)));
    expect([...tiers].sort()).toEqual(['app', 'core', 'data', 'edge']);
    const places = new Set(traces.map(trace => trace.locality || trace.region || trace.country));
    expect([...places].sort()).toEqual(['', 'DE', 'New York', 'São Paulo', 'eu-central-1']);
  });

  it('have paths that sum to the duration and roots shorter than 2^53 ns', () => {
    for (const trace of oracle(generate(3, 1_000))) {
      if (!trace.hasRoot) continue;
      expect(trace.path.reduce((sum, section) => sum + section.selfNs, 0n)).toBe(trace.durationNs);
      expect(trace.durationNs).toBeLessThan(2n ** 53n);
    }
  });

  it('never have different copies of a span that end together', () => {
    const ends = new Map<string, string>();
    const request = toRequest(generate(4, 2_000));
    for (const span of spansOfRecord({ partition: 0, offset: 0, appendTimeMs: 0, request })) {
      const key = `${span.traceId} ${span.spanId} ${span.kind} ${span.endNs}`;
      expect(ends.get(key) ?? span.content).toBe(span.content);
      ends.set(key, span.content);
    }
  });

  it('say the same however they are grouped and ordered', () => {
    const spans = generate(5, 300);
    const backwards = [...spans].reverse().map((span, offset) => ({
      partition: 1,
      offset,
      appendTimeMs: 0,
      request: toRequest([span]),
    }));
    const scattered = computeTraces(backwards, DEFAULT_ORACLE_RULES);
    for (const trace of oracle(spans)) expect(scattered.get(trace.traceId)).toEqual(trace);
  });
});

describe('toRequest', () => {
  it('groups spans of one resource and scope', () => {
    const of = (service: string, scope: string, name: string) => ({
      traceId: 'aa',
      resource: { service },
      scope: { scope },
      span: { name },
    });
    expect(toRequest([of('a', 'x', '1'), of('b', 'x', '2'), of('a', 'y', '3'), of('a', 'x', '4')])).toEqual({
      resourceSpans: [
        {
          resource: { service: 'a' },
          scopeSpans: [
            { scope: { scope: 'x' }, spans: [{ name: '1' }, { name: '4' }] },
            { scope: { scope: 'y' }, spans: [{ name: '3' }] },
          ],
        },
        { resource: { service: 'b' }, scopeSpans: [{ scope: { scope: 'x' }, spans: [{ name: '2' }] }] },
      ],
    });
  });
});
