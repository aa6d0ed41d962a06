/** The assembler against the oracle (test/oracle), which shares nothing with it but docs/stitching.md. */
import { expect, test } from 'vitest';
import { generateTrace, mulberry32, toRequest } from '../../oracle/generate.js';
import { distinctSpans } from '../../oracle/identity.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleRecord } from '../../oracle/index.js';
import { spansOfRecord } from '../../oracle/otlp-json.js';
import { BASE_MS } from './build.js';
import { assembleOracleSpans, wordsOf } from './oracle-words.js';

/** Spans of one trace, each in a record of its own, appended with pauses of every interesting length. */
function recordsOf(seed: number, maxSpans: number): OracleRecord[] {
  const random = mulberry32(seed);
  const { spans } = generateTrace(random, seed, { maxSpans });
  const pauseMs = random() < 0.5 ? 1 : 4_000;
  let appendTimeMs = BASE_MS;
  const shuffled = spans.map(span => ({ span, at: random() })).sort((a, b) => a.at - b.at);
  return shuffled.map(({ span }, offset) => {
    appendTimeMs += Math.floor(random() * 3) * pauseMs;
    if (random() < 0.03) appendTimeMs += 40_000;
    return { partition: 0, offset, appendTimeMs, request: toRequest([span]) };
  });
}

const RULES = { ...DEFAULT_ORACLE_RULES, maxOpenMs: 60_000, latenessMs: 30_000 };

function compareTrace(seed: number, maxSpans: number, maxSpansPerTrace: number, isRestitched: boolean): void {
  const records = recordsOf(seed, maxSpans);
  const traceId = spansOfRecord(records[0])[0].traceId;
  const rules = { ...RULES, maxSpansPerTrace };
  const expected = computeTraces(records, rules, new Set(isRestitched ? [traceId] : [])).get(traceId)!;

  const { spans } = distinctSpans(records.flatMap(spansOfRecord));
  expect(assembleOracleSpans(spans, rules, isRestitched), `seed ${seed}`).toEqual(wordsOf(expected));
}

test('2,000 seeded traces say what the oracle says', () => {
  for (let seed = 0; seed < 2_000; seed++) compareTrace(seed, 24, 100_000, false);
});

test('with spans that came too late, on request', () => {
  for (let seed = 2_000; seed < 2_500; seed++) compareTrace(seed, 24, 100_000, true);
});

test('longer than the limit of spans', () => {
  for (let seed = 2_500; seed < 3_000; seed++) compareTrace(seed, 24, 8, false);
});

test('with hundreds of spans', () => {
  for (let seed = 3_000; seed < 3_040; seed++) compareTrace(seed, 400, 100_000, false);
});
