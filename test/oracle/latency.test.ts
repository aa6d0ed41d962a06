import { describe, expect, it } from 'vitest';
import { latencyOf, quantileExact } from './index.js';
import { sketchTrace } from './sketch.js';
import type { OracleTrace } from './types.js';

const MS = 1e6;

function trace(durationMs: number, over: Partial<OracleTrace> = {}): OracleTrace {
  return { ...sketchTrace([{ id: '1', end: durationMs * MS }]), endNs: 1_000n, ...over };
}

describe('quantileExact', () => {
  const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

  it.each([
    [0, 0],
    [0.09, 0],
    [0.1, 1],
    [0.5, 5],
    [0.99, 9],
    [1, 9],
  ])('of 0 to 9 at %f is %i', (level, expected) => {
    expect(quantileExact(digits, level)).toBe(expected);
  });

  it('of one value is that value, of none nothing', () => {
    expect(quantileExact([7], 0.5)).toBe(7);
    expect(quantileExact([], 0.5)).toBeUndefined();
  });
});

describe('latencyOf', () => {
  const everything = { fromNs: 0n, toNs: 2_000n };

  it('takes traces whose end lies in [from, to)', () => {
    const traces = [999n, 1_000n, 1_999n, 2_000n].map(endNs => trace(1, { endNs }));
    expect(latencyOf(traces, { fromNs: 1_000n, toNs: 2_000n }, []).traces).toBe(2);
  });

  it('takes quantiles over rooted traces only, in milliseconds, and counts the others as unknown', () => {
    const traces = [30, 10, 20].map(ms => trace(ms));
    const unknown = trace(999, { hasRoot: false, complete: false, error: true });
    expect(latencyOf([...traces, unknown], everything, [0, 0.5, 1])).toEqual({
      traces: 4,
      errors: 1,
      unknown: 1,
      incomplete: 1,
      latencyMs: { '0': 10, '0.5': 20, '1': 30 },
    });
    expect(latencyOf([unknown], everything, [0.5]).latencyMs).toEqual({ '0.5': null });
  });

  it('matches locality, region or country in any case, as a whole', () => {
    const traces = [
      trace(1, { locality: 'São Paulo', region: 'BR-SP', country: 'BR' }),
      trace(1, { locality: 'New York', region: 'US-NY', country: 'US' }),
    ];
    for (const location of ['são paulo', 'SÃO PAULO', 'br-sp', 'br']) {
      expect(latencyOf(traces, { ...everything, location }, []).traces).toBe(1);
    }
    expect(latencyOf(traces, { ...everything, location: 'New' }, []).traces).toBe(0);
  });

  it('filters by service and operation', () => {
    const traces = [trace(1, { service: 'a', operation: 'x' }), trace(1, { service: 'a', operation: 'y' })];
    expect(latencyOf(traces, { ...everything, service: 'a' }, []).traces).toBe(2);
    expect(latencyOf(traces, { ...everything, service: 'a', operation: 'y' }, []).traces).toBe(1);
    expect(latencyOf(traces, { ...everything, service: 'b' }, []).traces).toBe(0);
  });
});
