/** Traces of a size and shape that no program has: they must cost n log n, and no recursion. */
import { describe, expect, test } from 'vitest';
import { Assembler } from '../../../stitcher/assembly/index.js';
import { Interner } from '../../../stitcher/interner.js';
import { assemble, fill, rulesFor, type SpanSpec } from './build.js';

const MANY = 100_000;
const RULES = { maxSpansPerTrace: 1_000_000 };

/** Ids start at 1; they come neither in the order of time nor of depth. */
const idOf = (number: number) => `${(((number + 1) * 0x9e3779b1) % 2 ** 32).toString(16).padStart(8, '0')}00000001`;
const manySpans = (of: (number: number) => SpanSpec, count = MANY): SpanSpec[] =>
  Array.from({ length: count }, (_, n) => of(n));

describe('a hundred thousand spans', () => {
  test('in one chain, each inside the one above', () => {
    const trace = assemble(
      manySpans(n => ({
        id: idOf(n),
        parent: n === 0 ? '' : idOf(n - 1),
        name: '',
        service: n % 2 === 0 ? 'even' : 'odd',
        start: n,
        end: 2 * MANY - n,
        status: 'ERROR',
      })),
      RULES,
    );
    // All but the innermost have a nanosecond before and after the one below.
    expect(trace.path).toHaveLength(2 * MANY - 1);
    expect(trace.services).toEqual([
      ['even', BigInt(MANY)],
      ['odd', BigInt(MANY)],
    ]);
    expect(trace).toMatchObject({ complete: true, spanCount: MANY, flags: [] });
  });

  test('in one chain on as many hosts, each a little behind', () => {
    const trace = assemble(
      manySpans(n => ({
        id: idOf(n),
        parent: n === 0 ? '' : idOf(n - 1),
        name: '',
        host: `h${n}`,
        start: -n,
        end: 100 - n,
      })),
      RULES,
    );
    expect(trace.skew).toHaveLength(MANY - 1);
    expect(trace.skew.at(0)).toEqual(['', BigInt(MANY - 1)]);
    expect(trace.path).toHaveLength(1);
  });

  test('as children of one parent, one after the other', () => {
    const children = manySpans(n => ({ id: idOf(n), parent: 'a', name: '', start: n * 10 + 5, end: n * 10 + 10 }));
    const trace = assemble([{ id: 'a', end: MANY * 10 }, ...children], RULES);
    expect(trace.path).toHaveLength(2 * MANY);
    expect(trace.services).toEqual([['shop', BigInt(MANY) * 10n]]);
  });

  test('as children of one parent, all at once', () => {
    const children = manySpans(n => ({ id: idOf(n), parent: 'a', name: '', start: n, end: 2 * MANY }));
    const trace = assemble([{ id: 'a', end: 2 * MANY }, ...children], RULES);
    expect(trace.path.map(section => section.selfNs)).toEqual([BigInt(MANY - 1), BigInt(MANY + 1)]);
  });

  test('called by one client, each a link to a service of its own', () => {
    const children = manySpans(n => ({
      id: idOf(n),
      parent: 'a',
      name: '',
      kind: 'SERVER',
      service: `s${n}`,
      host: 'one',
      start: n * 10 + 5,
      end: n * 10 + 10,
    }));
    const trace = assemble([{ id: 'a', kind: 'CLIENT', end: MANY * 10, host: 'one' }, ...children], RULES);
    expect(trace.services).toHaveLength(MANY);
    // Time before a call belongs to the link of the call before.
    expect(trace.links).toHaveLength(MANY - 1);
    expect(trace.links[0]).toEqual(['shop', 's0', 10n]);
  });

  test('in one ring, with as many below it', () => {
    const ring = manySpans(n => ({
      id: idOf(n),
      parent: idOf((n + 1) % MANY),
      name: `ring ${n}`,
      start: (n * 7) % MANY,
      end: MANY,
    }));
    const below = manySpans(n => ({ id: idOf(MANY + n), parent: idOf(n), name: '', isDatabaseCall: n === 0 }));
    const trace = assemble([...below, ...ring], RULES);
    expect(trace).toMatchObject({ entry: 'ring 0', orphanCount: 0, flags: ['cycle', 'root_missing'], complete: false });
  });

  test('in as many rings as there are pairs', () => {
    const trace = assemble(
      manySpans(n => ({ id: idOf(n), parent: idOf(n ^ 1), name: String(n), start: MANY - n, end: MANY })),
      RULES,
    );
    expect(trace).toMatchObject({ entry: String(MANY - 1), orphanCount: 0, flags: ['cycle', 'root_missing'] });
  });

  test('all roots, all orphans, or all their own parents', () => {
    expect(
      assemble(
        manySpans(n => ({ id: idOf(n) })),
        RULES,
      ),
    ).toMatchObject({ flags: ['multiple_roots'] });
    expect(
      assemble(
        manySpans(n => ({ id: idOf(n), parent: 'f' })),
        RULES,
      ),
    ).toMatchObject({ orphanCount: MANY });
    expect(
      assemble(
        manySpans(n => ({ id: idOf(n), parent: idOf(n) })),
        RULES,
      ),
    ).toMatchObject({ orphanCount: MANY });
  });

  test('each received after a pause', () => {
    const trace = assemble(
      manySpans(n => ({ id: idOf(n), parent: n === 0 ? '' : idOf(n - 1), name: '', received: (MANY - n) * 1_000 })),
      { ...RULES, maxOpenMs: 1e12 },
    );
    expect(trace).toMatchObject({ lateCount: 0, complete: true });
  });

  test('over two centuries', () => {
    const trace = assemble(
      manySpans(n => ({
        id: idOf(n),
        parent: n === 0 ? '' : idOf(n - 1),
        name: '',
        start: BigInt(n + 1),
        end: 2n ** 62n,
      })),
      RULES,
    );
    expect(trace.path).toHaveLength(MANY);
    expect(trace.services).toEqual([['shop', 2n ** 62n - 1n]]);
  });
});

describe('an assembler', () => {
  test('gives the memory of a huge trace back with the next small one', () => {
    const interner = new Interner();
    const assembler = new Assembler(rulesFor(interner, RULES));
    const huge = fill(
      manySpans(n => ({ id: idOf(n), parent: n === 0 ? '' : idOf(0), name: '', start: n, end: n + 1 })),
      interner,
    );
    assembler.assemble(huge.table, huge.rows, MANY, false);
    const small = fill([{ id: 'a' }], interner);
    const trace = assembler.assemble(small.table, small.rows, 1, false);
    for (const column of [trace.pathRow, trace.pathSelfNs, trace.skewRow, trace.tierOverrideRow, trace.serviceIds]) {
      expect(column.length).toBeLessThan(1_000);
    }
  });
});
