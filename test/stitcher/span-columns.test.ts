/** Spans as the engine gives them back: what is stored as part of another column is read as if it had one of its own. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSpanBlock } from '../../otlp/index.js';
import { spanColumns } from '../../stitcher/span-columns.js';
import type { Store } from '../../store/index.js';
import { startStore } from '../analytics/support/store.js';
import { encodeRequest, ORIGIN, readerOf, rowsOf } from '../otlp/read-rows.js';

let store: Store;

beforeAll(async () => {
  store = await startStore();
});

afterAll(() => store?.close());

const SEED = Number(process.env.SPAN_COLUMNS_SEED ?? 20261124);
const NASTY = [
  '',
  '"',
  '\\',
  '\u0000',
  '\n',
  '\u007f',
  '{"a":"b"}',
  "'",
  '😀',
  '\ufffd',
  '__proto__',
  ' ',
  'a'.repeat(300),
];
const text = fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary', maxLength: 20 }));
const resource = fc.dictionary(text, text, { maxKeys: 8 });
const instant = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });

test('resources, ends, durations and checksums come back as they were read', async () => {
  const spans = fc.array(fc.record({ resource, start: instant, end: instant }), { minLength: 1, maxLength: 40 });
  const property = fc.asyncProperty(spans, async spans => {
    await store.command('TRUNCATE TABLE spans');
    const resourceSpans = spans.map(({ resource, start, end }, index) => ({
      resource: {
        attributes: Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } })),
      },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '5b8efff798038103d269b633813fc60c',
              spanId: (index + 1).toString(16).padStart(16, '0'),
              startTimeUnixNano: String(start),
              endTimeUnixNano: String(end),
            },
          ],
        },
      ],
    }));
    const block = createSpanBlock();
    expect(
      readerOf().read(encodeRequest({ resourceSpans }), { ...ORIGIN, appendTimeMs: Date.now() }, block).error,
    ).toBe('');
    await store.insert('spans', spanColumns(block), block.rows);
    const stored = await store.query(
      `SELECT span_id AS id, resource, toString(toUnixTimestamp64Nano(end)) AS end, toString(duration_ns) AS duration,
              checksum FROM spans ORDER BY span_id`,
    );
    const expected = rowsOf(block).map(row => ({
      id: row.spanId,
      resource: row.resource,
      end: String(row.end),
      duration: String(row.duration),
      checksum: row.checksum >>> 8,
    }));
    expect(stored).toEqual(expected);
  });
  await fc.assert(property, { numRuns: 30, seed: SEED });
}, 120_000);
