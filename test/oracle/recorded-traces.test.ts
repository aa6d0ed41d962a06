import { describe, expect, it } from 'vitest';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace, readOtlpLines } from './index.js';
import { parseExactly } from './read-lines.js';

function traces(name: string): OracleTrace[] {
  const requests = [...readOtlpLines(`../shared/data/traces/${name}.otlp.jsonl.gz`)];
  const records = requests.map((request, offset) => ({ partition: 0, offset, appendTimeMs: 0, request }));
  return [...computeTraces(records, DEFAULT_ORACLE_RULES).values()];
}

function total(of: readonly OracleTrace[], count: (trace: OracleTrace) => number): number {
  return of.reduce((sum, trace) => sum + count(trace), 0);
}

describe('recorded traces', () => {
  it.each([
    ['opentelemetry-demo', { traces: 141, spans: 547, duplicates: 0, orphans: 1 }],
    ['trainticket', { traces: 414, spans: 29_837, duplicates: 6_960, orphans: 0 }],
  ])('of %s have the counts that SOURCES.md gives, and paths that sum to the duration', (name, expected) => {
    const found = traces(name);
    expect({
      traces: found.length,
      spans: total(found, trace => trace.spanCount),
      duplicates: total(found, trace => trace.duplicateCount),
      orphans: total(found, trace => trace.orphanCount),
    }).toEqual(expected);
    for (const trace of found.filter(({ hasRoot }) => hasRoot)) {
      expect(trace.path.reduce((sum, section) => sum + section.selfNs, 0n)).toBe(trace.durationNs);
    }
  });
});

describe('parseExactly', () => {
  it('keeps integers above 2^53 and leaves strings, fractions and small numbers alone', () => {
    const json =
      '{"a":18446744073709551615,"b":[-9007199254740993],"c":"x:12345678901234567890\\"","d":0.1234567890123456,"e":7}';
    expect(parseExactly(json)).toEqual({
      a: '18446744073709551615',
      b: ['-9007199254740993'],
      c: 'x:12345678901234567890"',
      d: 0.1234567890123456,
      e: 7,
    });
  });
});
