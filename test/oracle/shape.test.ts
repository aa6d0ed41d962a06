import { describe, expect, it } from 'vitest';
import { spansOfRecord } from './otlp-json.js';
import { shapeOf } from './shape.js';
import { type SpanSketch, sketchId, sketchRecords, sketchTrace } from './sketch.js';
import { KIND_CLIENT, KIND_CONSUMER, KIND_INTERNAL, KIND_PRODUCER, KIND_SERVER, type OracleSpan } from './types.js';

function shape(sketches: readonly SpanSketch[]) {
  return shapeOf(sketchRecords(sketches).flatMap(spansOfRecord));
}

/** "id/kind" of a span's parent, or undefined. */
function parentOf(sketches: readonly SpanSketch[], id: string, kind = KIND_INTERNAL): string | undefined {
  const { spans, parent } = shape(sketches);
  const found = parent.get(spans.find(span => span.spanId === sketchId(id) && span.kind === kind)!);
  return found && label(found);
}

function depths(sketches: readonly SpanSketch[]): Record<string, number> {
  return Object.fromEntries([...shape(sketches).depth].map(([span, depth]) => [label(span), depth]));
}

function label(span: OracleSpan): string {
  return `${span.spanId.replace(/^0+/, '')}/${span.kind}`;
}

describe('parents', () => {
  const sharers = [KIND_PRODUCER, KIND_INTERNAL, KIND_CLIENT, KIND_CONSUMER, KIND_SERVER];

  it.each([
    [sharers, KIND_SERVER],
    [[KIND_PRODUCER, KIND_INTERNAL, KIND_CLIENT, KIND_CONSUMER], KIND_CONSUMER],
    [[KIND_PRODUCER, KIND_INTERNAL, KIND_CLIENT], KIND_INTERNAL],
    [[KIND_PRODUCER, KIND_CLIENT], KIND_CLIENT],
  ])('of the kinds %j that share an id, a child prefers kind %i', (kinds, preferred) => {
    const sketches = [...kinds.map(kind => ({ id: '1', kind })), { id: '2', parent: '1' }];
    expect(parentOf(sketches, '2')).toBe(`1/${preferred}`);
  });

  it("puts a server under the client of its own id, whatever the server's parent id says", () => {
    const clientAndParent = [
      { id: '9', end: 10 },
      { id: '1', parent: '9', kind: KIND_CLIENT },
    ];
    for (const parent of [undefined, '9', '1', '7']) {
      const server = { id: '1', kind: KIND_SERVER, ...(parent === undefined ? {} : { parent }) };
      const trace = sketchTrace([...clientAndParent, server]);
      expect(trace).toMatchObject({ complete: true, orphanCount: 0, rootSpanId: sketchId('9'), flags: [] });
      expect(parentOf([...clientAndParent, server], '1', KIND_SERVER)).toBe(`1/${KIND_CLIENT}`);
    }
  });

  it('has no shared-id client for a consumer', () => {
    const sketches = [
      { id: '9' },
      { id: '1', parent: '9', kind: KIND_CLIENT },
      { id: '1', parent: '9', kind: KIND_CONSUMER },
    ];
    expect(parentOf(sketches, '1', KIND_CONSUMER)).toBe('9/1');
  });

  it('takes a parent id that is neither empty nor 8 bytes for none, and flags it', () => {
    const trace = sketchTrace([{ id: '1', end: 10, raw: { parentSpanId: 'abcd' } }]);
    expect(trace).toMatchObject({ hasRoot: true, complete: true, flags: ['bad_parent_id'] });
  });
});

describe('root', () => {
  it('of several is the one that starts first', () => {
    const trace = sketchTrace([
      { id: '1', start: 5, end: 50 },
      { id: '2', start: 4, end: 6 },
    ]);
    expect(trace).toMatchObject({
      rootSpanId: sketchId('2'),
      durationNs: 2n,
      flags: ['multiple_roots'],
      complete: true,
    });
  });

  it('of several that start together is the one that lasts longest, then the lower id, then the lower kind', () => {
    const longest = sketchTrace([
      { id: '1', end: 6 },
      { id: '2', end: 7 },
    ]);
    expect(longest.rootSpanId).toBe(sketchId('2'));
    const lowerId = sketchTrace([
      { id: 'f000000000000000', end: 7 },
      { id: '7000000000000000', end: 7 },
    ]);
    expect(lowerId.rootSpanId).toBe('7000000000000000');
    const { root } = shape([
      { id: '1', kind: KIND_CLIENT },
      { id: '1', kind: KIND_INTERNAL },
    ]);
    expect(root?.kind).toBe(KIND_INTERNAL);
  });

  it('is missing where every span has a parent id: the envelope counts and the entry is the earliest top', () => {
    const trace = sketchTrace([
      { id: '1', parent: '8', start: 10, end: 30, name: 'late top' },
      { id: '2', parent: '9', start: 5, end: 20, name: 'early top', service: 'front' },
      { id: '3', parent: '2', start: 1, end: 99, name: 'child', service: 'front' },
    ]);
    expect(trace).toMatchObject({ hasRoot: false, complete: false, rootSpanId: '', orphanCount: 2, durationNs: 98n });
    expect(trace).toMatchObject({
      service: 'front',
      operation: 'early top',
      flags: ['root_missing'],
      path: [],
      tiers: [],
    });
  });
});

describe('cycles and orphans', () => {
  it('counts a self-parent as an orphan and as a cycle', () => {
    const trace = sketchTrace([{ id: '1' }, { id: '2', parent: '2' }]);
    expect(trace).toMatchObject({ orphanCount: 1, complete: false, flags: ['cycle'] });
  });

  it('counts the spans of a cycle as spans but not as orphans', () => {
    const trace = sketchTrace([
      { id: '1', end: 9 },
      { id: '2', parent: '3' },
      { id: '3', parent: '2' },
    ]);
    expect(trace).toMatchObject({ spanCount: 3, orphanCount: 0, complete: false, flags: ['cycle'] });
  });

  it('starts depths at the earliest span on each cycle, not at what hangs below', () => {
    const sketches = [
      { id: '5', parent: '4', start: 0 },
      { id: '4', parent: '3', start: 3 },
      { id: '3', parent: '2', start: 2 },
      { id: '2', parent: '4', start: 1 },
      { id: '7', parent: '6', start: 9 },
      { id: '6', parent: '7', start: 8 },
    ];
    expect(depths(sketches)).toEqual({ '2/1': 1, '3/1': 2, '4/1': 3, '5/1': 4, '6/1': 1, '7/1': 2 });
    expect(sketchTrace(sketches)).toMatchObject({ operation: 'span 2', flags: ['cycle', 'root_missing'] });
  });

  it('gives the root depth 0, every other top depth 1 and each step down one more', () => {
    const sketches = [
      { id: '1', start: 0 },
      { id: '2', start: 1 },
      { id: '3', parent: '1', start: 2 },
      { id: '4', parent: 'ff', start: 3 },
      { id: '5', parent: '4', start: 4 },
    ];
    expect(depths(sketches)).toEqual({ '1/1': 0, '2/1': 1, '3/1': 1, '4/1': 1, '5/1': 2 });
  });
});
