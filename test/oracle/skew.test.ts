import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_ORACLE_RULES, type OracleRules } from './index.js';
import { spansOfRecord } from './otlp-json.js';
import { shapeOf } from './shape.js';
import { type SpanSketch, sketchId, sketchRecords, sketchTrace } from './sketch.js';
import { skewOf } from './skew.js';
import { KIND_CONSUMER, KIND_PRODUCER } from './types.js';

interface JaegerCase {
  readonly description: string;
  readonly maxAdjust: string;
  readonly spans: readonly {
    readonly spanId: string;
    readonly parentSpanId: string;
    readonly startMs: number;
    readonly durationMs: number;
    readonly host: string;
    readonly adjustedStartMs: number;
  }[];
}

const MAX_ADJUST_NS: Readonly<Record<string, bigint>> = {
  '0': 0n,
  '10 * time.Millisecond': 10_000_000n,
  'time.Second': 1_000_000_000n,
};

const cases = JSON.parse(
  readFileSync('../shared/data/conformance/clock-skew-cases.json', 'utf8'),
) as readonly JaegerCase[];

/** Span id without zeros → shift. */
function shifts(sketches: readonly SpanSketch[], rules: Partial<OracleRules> = {}): Record<string, number> {
  const shape = shapeOf(sketchRecords(sketches).flatMap(spansOfRecord));
  const { shiftNs } = skewOf(shape, { ...DEFAULT_ORACLE_RULES, ...rules });
  return Object.fromEntries([...shiftNs].map(([span, shift]) => [span.spanId.replace(/^0+/, ''), Number(shift)]));
}

describe("Jaeger's clock skew cases", () => {
  it('are thirteen', () => {
    expect(cases).toHaveLength(13);
  });

  it.each(cases.map(jaeger => [jaeger.description, jaeger] as const))('%s', (_description, jaeger) => {
    const sketches = jaeger.spans.map(span => ({
      id: span.spanId,
      ...(/^0+$/.test(span.parentSpanId) ? {} : { parent: span.parentSpanId }),
      start: span.startMs * 1e6,
      end: (span.startMs + span.durationMs) * 1e6,
      host: span.host,
    }));
    const found = shifts(sketches, { maxClockSkewNs: MAX_ADJUST_NS[jaeger.maxAdjust] });
    for (const span of jaeger.spans) {
      expect(span.startMs * 1e6 + found[span.spanId.replace(/^0+/, '')]).toBe(span.adjustedStartMs * 1e6);
    }
  });
});

describe('clock skew', () => {
  it('rounds the middle down to a nanosecond, also below zero', () => {
    const parent = { id: '1', start: 10, end: 21, host: 'a' };
    expect(shifts([parent, { id: '2', parent: '1', start: 0, end: 4, host: 'b' }])).toMatchObject({ '2': 13 });
    expect(shifts([parent, { id: '2', parent: '1', start: 90, end: 94, host: 'b' }])).toMatchObject({ '2': -77 });
  });

  it('hands a shift down within a host and computes the next one against shifted times', () => {
    const sketches = [
      { id: '1', start: 100, end: 200, host: 'a' },
      { id: '2', parent: '1', start: 0, end: 80, host: 'b' },
      { id: '3', parent: '2', start: 10, end: 70, host: 'b' },
      { id: '4', parent: '3', start: 130, end: 150, host: 'c' },
      { id: '5', parent: '3', start: 20, end: 30, host: 'c' },
    ];
    expect(shifts(sketches)).toEqual({ '1': 0, '2': 110, '3': 110, '4': 0, '5': 125 });
  });

  it('shifts a child that is longer than its parent only when it starts before it', () => {
    const parent = { id: '1', start: 10, end: 20, host: 'a' };
    expect(shifts([parent, { id: '2', parent: '1', start: 4, end: 40, host: 'b' }])).toMatchObject({ '2': 6 });
    expect(shifts([parent, { id: '2', parent: '1', start: 10, end: 40, host: 'b' }])).toMatchObject({ '2': 0 });
    expect(shifts([parent, { id: '2', parent: '1', start: 50, end: 80, host: 'b' }])).toMatchObject({ '2': 0 });
  });

  it.each([
    ['host.id before host.name', { 'host.id': 'x' }, { 'host.id': 'x' }, 0],
    ['host.id against host.name', { 'host.id': 'x' }, {}, 10],
  ])('tells hosts apart by %s', (_case, parentResource, childResource, shift) => {
    const sketches = [
      { id: '1', start: 10, end: 20, host: 'a', resource: parentResource },
      { id: '2', parent: '1', start: 0, end: 10, host: 'b', resource: childResource },
    ];
    expect(shifts(sketches)).toMatchObject({ '2': shift });
  });

  it('takes two spans without a host for one host within a service, for two between services', () => {
    const parent = { id: '1', start: 10, end: 20 };
    expect(shifts([parent, { id: '2', parent: '1', end: 10 }])).toMatchObject({ '2': 0 });
    expect(shifts([parent, { id: '2', parent: '1', end: 10, service: 'other' }])).toMatchObject({ '2': 10 });
    expect(shifts([parent, { id: '2', parent: '1', end: 10, host: 'b' }])).toMatchObject({ '2': 0 });
  });

  it('never shifts a consumer or the child of a producer, and they hand on 0', () => {
    const sketches = [
      { id: '1', start: 100, end: 200, host: 'a' },
      { id: '2', parent: '1', start: 0, end: 50, host: 'b' },
      { id: '3', parent: '2', start: 10, end: 20, host: 'b', kind: KIND_CONSUMER },
      { id: '4', parent: '3', start: 12, end: 18, host: 'b' },
      { id: '5', parent: '2', start: 20, end: 30, host: 'b', kind: KIND_PRODUCER },
      { id: '6', parent: '5', start: 22, end: 28, host: 'c' },
    ];
    expect(shifts(sketches)).toEqual({ '1': 0, '2': 125, '3': 0, '4': 0, '5': 125, '6': 0 });
  });

  it('does not shift beyond the cap, one nanosecond over it, and says so', () => {
    const sketches = [
      { id: '1', start: 100, end: 110, host: 'a' },
      { id: '2', parent: '1', start: 0, end: 10, host: 'b' },
    ];
    expect(sketchTrace(sketches, { maxClockSkewNs: 100n }).flags).toEqual(['skew_adjusted']);
    expect(sketchTrace(sketches, { maxClockSkewNs: 99n }).flags).toEqual(['skew_exceeded']);
  });

  it('shifts below orphans too, but not on cycles', () => {
    const orphan = [
      { id: '1', parent: 'ff', start: 10, end: 20, host: 'a' },
      { id: '2', parent: '1', start: 0, end: 10, host: 'b' },
    ];
    expect(shifts(orphan)).toEqual({ '1': 0, '2': 10 });
    const cycle = [
      { id: '1', parent: '2', start: 10, end: 20, host: 'a' },
      { id: '2', parent: '1', start: 0, end: 10, host: 'b' },
    ];
    expect(shifts(cycle)).toEqual({ '1': 0, '2': 0 });
  });

  it('leaves recorded times, and so the duration, alone', () => {
    const trace = sketchTrace([
      { id: '1', start: 10, end: 20, host: 'a' },
      { id: '2', parent: '1', start: 900, end: 905, host: 'b' },
    ]);
    expect(trace).toMatchObject({ durationNs: 10n, flags: ['skew_adjusted'] });
    expect(trace.path.map(section => [section.spanId, section.offsetNs])).toEqual([
      [sketchId('1'), 0n],
      [sketchId('2'), 2n],
      [sketchId('1'), 7n],
    ]);
  });
});
