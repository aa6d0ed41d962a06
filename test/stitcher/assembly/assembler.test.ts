import { describe, expect, test } from 'vitest';
import { SpanFlag } from '../../../otlp/index.js';
import { Assembler } from '../../../stitcher/assembly/index.js';
import { Interner } from '../../../stitcher/interner.js';
import { assemble, BASE_NS, fill, rulesFor, type SpanSpec, summarize } from './build.js';

describe('start, end and duration', () => {
  test('are those of the root, whatever lies outside it', () => {
    const trace = assemble([
      { id: 'a', start: 10, end: 30 },
      { id: 'b', parent: 'a', start: 0, end: 99 },
    ]);
    expect(trace).toMatchObject({ startNs: BASE_NS + 10n, endNs: BASE_NS + 30n, durationNs: 20n });
  });

  test('are without a root the envelope of all spans', () => {
    const trace = assemble([
      { id: 'a', parent: 'f', start: 10, end: 99 },
      { id: 'b', parent: 'a', start: 0, end: 30 },
    ]);
    expect(trace).toMatchObject({ startNs: BASE_NS, endNs: BASE_NS + 99n, durationNs: 99n });
  });

  test('are without a root exact over two centuries', () => {
    const trace = assemble([
      { id: 'a', parent: 'f', start: 1n, end: 2n ** 62n + 1n },
      { id: 'b', parent: 'a', start: 3n, end: 2n ** 62n + 2n },
    ]);
    expect(trace).toMatchObject({ startNs: 1n, endNs: 2n ** 62n + 2n, durationNs: 2n ** 62n + 1n });
  });

  test('of a root that ends before it starts: its end counts as its start', () => {
    const trace = assemble([{ id: 'a', start: 10, end: 9 }]);
    expect(trace).toMatchObject({ startNs: BASE_NS + 10n, endNs: BASE_NS + 10n, durationNs: 0n, path: [] });
    expect(trace.flags).toEqual(['negative_duration']);
  });

  test('of a span that ends long before it starts do not count as an end in the envelope', () => {
    const trace = assemble([{ id: 'a', parent: 'f', start: 50, end: 0 }]);
    expect(trace).toMatchObject({ startNs: BASE_NS + 50n, endNs: BASE_NS + 50n });
  });
});

describe('flags', () => {
  test('name times of zero', () => {
    expect(assemble([{ id: 'a' }, { id: 'b', parent: 'a', start: 0n }]).flags).toContain('time_out_of_range');
    expect(assemble([{ id: 'a', end: 0n }]).flags).toEqual(['negative_duration', 'time_out_of_range']);
  });

  test.each([
    ['bad_parent_id', SpanFlag.BAD_PARENT_ID],
    ['negative_duration', SpanFlag.NEGATIVE_DURATION],
    ['time_out_of_range', SpanFlag.TIME_OUT_OF_RANGE],
    ['attributes_cut', SpanFlag.ATTRIBUTES_CUT],
    ['invalid_utf8', SpanFlag.INVALID_UTF8],
    ['nesting_cut', SpanFlag.NESTING_CUT],
  ])('name what one of the spans was flagged with: %s', (name, flags) => {
    expect(assemble([{ id: 'a' }, { id: 'b', parent: 'a', flags }]).flags).toEqual([name]);
  });
});

describe('a trace of more spans than the limit', () => {
  const spans: SpanSpec[] = [
    { id: 'a', service: 'web' },
    { id: '3', parent: 'a', service: 'cart', start: 30, end: 40 },
    { id: '2', parent: '3', service: 'cart', start: 20, end: 25 },
    { id: '4', parent: 'f', service: 'mail', start: 40, flags: SpanFlag.NESTING_CUT },
  ];

  test('is not truncated at the limit', () => {
    expect(assemble(spans, { maxSpansPerTrace: 4 }).flags).toEqual(['nesting_cut']);
  });

  test('is assembled from the first ones by start; spans, services and flags of spans are those of all', () => {
    const trace = assemble(spans, { maxSpansPerTrace: 2 });
    expect(trace).toMatchObject({ spanCount: 4, serviceCount: 3, root: 'a' });
    expect(trace.flags).toEqual(['nesting_cut', 'truncated']);
  });

  test('counts the orphans of what is assembled', () => {
    expect(assemble(spans, { maxSpansPerTrace: 1 })).toMatchObject({ orphanCount: 0, complete: true });
    expect(assemble(spans, { maxSpansPerTrace: 2 })).toMatchObject({ orphanCount: 1, complete: false });
    expect(assemble(spans, { maxSpansPerTrace: 3 })).toMatchObject({ orphanCount: 0, complete: true });
  });

  test('has the revision of all of them', () => {
    expect(assemble(spans, { maxSpansPerTrace: 2 }).revisionHash).toBe(assemble(spans).revisionHash);
  });
});

describe('the revision hash', () => {
  test('hangs on ids and kinds and on nothing else', () => {
    const { revisionHash } = assemble([{ id: 'a' }, { id: 'b', parent: 'a' }]);
    expect(
      assemble([
        { id: 'b', end: 5, service: 'x' },
        { id: 'a', parent: 'b' },
      ]).revisionHash,
    ).toBe(revisionHash);
    expect(assemble([{ id: 'a' }, { id: 'c', parent: 'a' }]).revisionHash).not.toBe(revisionHash);
    expect(assemble([{ id: 'a' }, { id: 'b', kind: 'CLIENT' }]).revisionHash).not.toBe(revisionHash);
  });

  test('is MurmurHash3 of the sorted identities, 12 bytes each', () => {
    // By an independent implementation (Austin Appleby's reference, seed 0) of 00…0a 01000000 and 00…0b 03000000.
    expect(assemble([{ id: 'b', kind: 'CLIENT' }, { id: 'a' }]).revisionHash).toBe(0xcb03adfc);
  });
});

describe('one assembler for many traces', () => {
  const traces: SpanSpec[][] = [
    [
      { id: 'a' },
      { id: 'b', parent: 'a', host: 'x', start: 300, end: 350 },
      { id: 'c', parent: 'a', isDatabaseCall: true },
    ],
    [
      { id: 'a', parent: 'b' },
      { id: 'b', parent: 'a' },
    ],
    [
      { id: 'a', kind: 'CLIENT' },
      { id: 'b', parent: 'a', kind: 'SERVER', service: 'peer', start: 10, end: 20 },
    ],
    Array.from({ length: 2_000 }, (_, at) => ({
      id: (at + 1).toString(16),
      parent: at.toString(16),
      service: `s${at}`,
    })),
    [{ id: 'a', start: 1n, end: 2n ** 62n, status: 'ERROR' }],
    [{ id: 'a', country: 'DE' }],
  ];

  test('says of each what a fresh one says', () => {
    const interner = new Interner();
    const assembler = new Assembler(rulesFor(interner));
    for (const specs of [...traces, ...traces.toReversed()]) {
      const filled = fill(specs, interner);
      const trace = assembler.assemble(filled.table, filled.rows, specs.length, false);
      expect(summarize(trace, filled)).toEqual(assemble(specs));
    }
  });

  test('does not see database calls of the trace before around a ring', () => {
    const before: SpanSpec[] = [
      { id: '1' },
      { id: '2', parent: '1', isDatabaseCall: true },
      { id: '3', parent: '2', service: 'peer' },
      { id: '4', parent: '3', service: 'peer' },
    ];
    const ring: SpanSpec[] = [
      { id: '1' },
      { id: '2', parent: '1', isDatabaseCall: true },
      { id: '3', parent: '4', service: 'ring' },
      { id: '4', parent: '3', service: 'ring' },
    ];
    const interner = new Interner();
    const assembler = new Assembler(rulesFor(interner));
    const overrides = [before, ring].map(specs => {
      const filled = fill(specs, interner);
      return summarize(assembler.assemble(filled.table, filled.rows, specs.length, false), filled).tierOverrides;
    });
    expect(overrides.map(list => list.length)).toEqual([2, 0]);
  });

  test('reads of a longer list of rows only the first `count`, and of a table only those rows', () => {
    const interner = new Interner();
    const filled = fill([{ id: '1' }, { id: 'a' }, { id: 'b', parent: 'a' }], interner);
    const trace = new Assembler(rulesFor(interner)).assemble(filled.table, filled.rows.slice(1), 1, false);
    expect(summarize(trace, filled)).toEqual(assemble([{ id: 'a' }]));
  });

  test('refuses a trace without spans', () => {
    const interner = new Interner();
    const { table, rows } = fill([], interner);
    expect(() => new Assembler(rulesFor(interner)).assemble(table, rows, 0, false)).toThrow(RangeError);
  });
});
