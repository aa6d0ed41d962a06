/** What holds for every trace, however broken: over small hostile ones in which everything collides. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Assembler } from '../../../stitcher/assembly/index.js';
import { Interner } from '../../../stitcher/interner.js';
import { DEFAULT_ORACLE_RULES } from '../../oracle/index.js';
import { shapeOf } from '../../oracle/shape.js';
import { skewOf } from '../../oracle/skew.js';
import { tiersOf } from '../../oracle/tiers.js';
import { computeTrace } from '../../oracle/trace.js';
import { compareSpans, type OracleSpan } from '../../oracle/types.js';
import { BASE_MS, BASE_NS, fill, rulesFor, type Summary, summarize } from './build.js';
import { assembleOracleSpans, nameOf, specOf, wordsOf } from './oracle-words.js';

const MAX_NS = 2n ** 63n - 1n;
const hexId = (digit: number) => digit.toString(16).padStart(16, '0');

/** Small numbers, so that spans touch, nest and coincide. */
const nearTime = fc.integer({ min: 0, max: 40 }).map(ns => BASE_NS + BigInt(ns));
/** Around the ends of the range and of exact doubles. */
const farTime = fc
  .tuple(
    fc.constantFrom(1n, BASE_NS, BASE_NS + 2n ** 53n, BASE_NS * 3n, MAX_NS - 40n),
    fc.integer({ min: -1, max: 40 }),
  )
  .map(([base, ns]) => base + BigInt(ns))
  .filter(time => time >= 0n && time <= MAX_NS);

function spanOf(time: fc.Arbitrary<bigint>): fc.Arbitrary<OracleSpan> {
  const span = fc.record({
    spanId: fc.integer({ min: 1, max: 6 }).map(hexId),
    parentSpanId: fc.oneof(fc.constant(''), fc.integer({ min: 1, max: 7 }).map(hexId)),
    kind: fc.integer({ min: 0, max: 5 }),
    status: fc.integer({ min: 0, max: 2 }),
    startNs: time,
    endNs: time,
    service: fc.constantFrom('a', 'b', 'c'),
    environment: fc.constantFrom('', 'production'),
    host: fc.constantFrom('', 'x', 'y'),
    tier: fc.constantFrom('app', 'app', 'data', 'edge'),
    place: fc.constantFrom(
      { rank: 255, locality: '', region: '', country: '' },
      { rank: 0, locality: 'New York', region: 'US-NY', country: 'US' },
      { rank: 2, locality: '', region: 'eu-central-1', country: '' },
    ),
    isDatabaseCall: fc.boolean(),
    hasBadParentId: fc.boolean(),
    receivedMs: fc.constantFrom(0, 0, 1, 2_000, 2_001, 4_002, 12_000, 14_003, 30_000).map(ms => BASE_MS + ms),
  });
  return span.map(fields => ({
    ...fields,
    traceId: hexId(1).repeat(2),
    name: `${fields.spanId} of ${fields.service}`,
    hasTimeOutOfRange: fields.startNs === 0n || fields.endNs === 0n,
    content: JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  }));
}

function traceOf(time: fc.Arbitrary<bigint>): fc.Arbitrary<OracleSpan[]> {
  const selector = (span: OracleSpan) => `${span.spanId}/${span.kind}`;
  return fc.uniqueArray(spanOf(time), { minLength: 1, maxLength: 14, selector });
}

const anyTrace = fc.oneof(traceOf(nearTime), traceOf(farTime));
const anyRules = fc.record({
  completeAfterMs: fc.constantFrom(2_000, 12_000),
  idleMs: fc.constantFrom(1_000, 10_000),
  maxOpenMs: fc.constantFrom(0, 5_000, 300_000),
  latenessMs: fc.constantFrom(0, 1_000, 86_400_000),
  maxClockSkewNs: fc.constantFrom(0n, 5n, 3_600_000_000_000n, 2n ** 62n),
  maxSpansPerTrace: fc.constantFrom(3, 100_000),
});

/** Of one assembler for all runs: what it keeps from trace to trace must not show. */
const interner = new Interner();
const assembler = new Assembler(rulesFor(interner, { latenessMs: 5_000 }));

function assembleRows(spans: readonly OracleSpan[]): Summary {
  const filled = fill(spans.map(specOf), interner);
  return summarize(assembler.assemble(filled.table, filled.rows, spans.length, false), filled);
}

const RUNS = { numRuns: 2_000 };

describe('of any spans', () => {
  test('the assembler says what the oracle says, under any rules', () => {
    fc.assert(
      fc.property(anyTrace, anyRules, fc.boolean(), (spans, rules, isRestitched) => {
        const expected = computeTrace(spans, rules, isRestitched);
        expect(assembleOracleSpans(spans, rules, isRestitched)).toEqual(wordsOf(expected));
      }),
      { numRuns: 6_000 },
    );
  });

  test('the shifts and the new tiers are listed in order, each as the oracle has it', () => {
    fc.assert(
      fc.property(anyTrace, spans => {
        const inTime = spans.map(span => ({ ...span, receivedMs: BASE_MS })).sort(compareSpans);
        const shape = shapeOf(inTime);
        const { shiftNs } = skewOf(shape, DEFAULT_ORACLE_RULES);
        const tiers = tiersOf(shape);
        const { skew, tierOverrides } = assembleRows(inTime);
        const shifted = inTime.filter(span => shiftNs.get(span) !== 0n);
        expect(skew).toEqual(shifted.map(span => [nameOf(span), shiftNs.get(span)]));
        const retiered = inTime.filter(span => tiers.get(span) !== span.tier);
        expect(tierOverrides).toEqual(retiered.map(span => [nameOf(span), tiers.get(span)]));
      }),
      RUNS,
    );
  });

  test('the sections of the path have some length each and cover the root exactly', () => {
    fc.assert(
      fc.property(anyTrace, spans => {
        const { root, path, durationNs } = assembleRows(spans);
        let cursorNs = 0n;
        for (const { selfNs } of path) {
          expect(selfNs > 0n).toBe(true);
          cursorNs += selfNs;
        }
        expect(cursorNs).toBe(root === null ? 0n : durationNs);
      }),
      RUNS,
    );
  });

  test('the sums per tier, and those per service and link together, are the duration of the root', () => {
    fc.assert(
      fc.property(anyTrace, spans => {
        const { root, durationNs, tiers, services, links } = assembleRows(spans);
        const total = (sums: readonly bigint[]) => sums.reduce((a, b) => a + b, 0n);
        const expected = root === null ? 0n : durationNs;
        expect(total(tiers.map(sum => sum[1]))).toBe(expected);
        expect(total([...services.map(sum => sum[1]), ...links.map(sum => sum[2])])).toBe(expected);
      }),
      RUNS,
    );
  });

  test('the order of rows changes nothing', () => {
    const shuffled = anyTrace.chain(spans =>
      fc.tuple(fc.constant(spans), fc.shuffledSubarray(spans, { minLength: spans.length })),
    );
    fc.assert(
      fc.property(shuffled, ([spans, others]) => {
        expect(assembleRows(others)).toEqual(assembleRows(spans));
      }),
      RUNS,
    );
  });

  test('a trace with one span more has another revision hash and count', () => {
    const pairs = fc
      .uniqueArray(spanOf(nearTime), { minLength: 2, maxLength: 14, selector: s => `${s.spanId}/${s.kind}` })
      .map(spans => spans.map(span => ({ ...span, receivedMs: BASE_MS })));
    fc.assert(
      fc.property(pairs, spans => {
        const more = assembleRows(spans);
        const fewer = assembleRows(spans.slice(1));
        expect(more.spanCount).toBe(fewer.spanCount + 1);
        expect(more.revisionHash).not.toBe(fewer.revisionHash);
      }),
      RUNS,
    );
  });
});
