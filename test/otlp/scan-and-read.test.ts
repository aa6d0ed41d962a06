/** What the receiver accepts, the stitcher must be able to read: else an acknowledged span would be a dead letter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createSpanBlock,
  jsonToProtobuf,
  RequestScan,
  SpanReader,
  scanRequest,
  splitRequest,
} from '../../otlp/index.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../../schemas/index.js';
import { concat, field, hex, requestOf, spanContent, text } from './message-bytes.js';
import { recordedLines } from './recorded.js';

const ORIGIN = { partition: 0, offset: 0, appendTimeMs: 0, tenant: 'default' };
const reader = new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER });
const block = createSpanBlock();
const scan = new RequestScan();

/** Scan and reader come to the same verdict, also of the records that the request is split into. */
function expectAgreement(body: Uint8Array): void {
  const isDecodable = scanRequest(body, scan);
  const { spans, rejected } = scan;
  const records = isDecodable ? splitRequest(body, scan, 3, 1 << 20) : [];
  block.reset();
  const whole = reader.read(body, ORIGIN, block);
  expect(whole.error === '').toBe(isDecodable);
  expect([whole.spans, whole.rejected]).toEqual([spans, rejected]);
  for (const { payload, itemCount } of records) {
    expect(reader.read(payload, ORIGIN, block)).toMatchObject({ error: '', spans: itemCount });
  }
}

describe('scan and reader agree', () => {
  const body = jsonToProtobuf(text(recordedLines('opentelemetry-demo', 3)[2]));
  const attribute = (value: Uint8Array): Uint8Array => field(9, field(1, text('key')), field(2, value));

  test('on recorded requests', () => {
    for (const line of recordedLines('opentelemetry-demo')) expectAgreement(jsonToProtobuf(text(line)));
  });

  test('on values nested 1 to 140 levels deep, whatever is inside', () => {
    for (const inner of [hex(''), field(1, text('deep')), hex('0b0c'), hex('2aff')]) {
      let value = inner;
      for (let level = 0; level < 140; level++) {
        const isChecked = scanRequest(requestOf(spanContent(attribute(value))), scan);
        block.reset();
        const { error } = reader.read(requestOf(spanContent(attribute(value))), ORIGIN, block);
        // The scan looks deeper than the reader, never less deep.
        if (isChecked) expect(error).toBe('');
        value = level % 2 === 0 ? field(5, field(1, value)) : field(6, field(1, field(1, text('k')), field(2, value)));
      }
    }
  });

  test('on flipped bits: the reader reads whatever the scan takes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(body.length * 8 - 1), { minLength: 1, maxLength: 3 }), bits => {
        const flipped = body.slice();
        for (const bit of bits) flipped[bit >>> 3] ^= 1 << (bit & 7);
        if (scanRequest(flipped, scan)) expectAgreement(flipped);
      }),
      { numRuns: 1500 },
    );
  });

  test('on garbage in spans and values: the reader reads whatever the scan takes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), garbage => {
        for (const request of [
          requestOf(spanContent(garbage)),
          requestOf(concat(garbage, spanContent(attribute(garbage)))),
        ]) {
          if (scanRequest(request, scan)) expectAgreement(request);
        }
      }),
      { numRuns: 1500 },
    );
  });
});
