/** Bytes that no encoder would write: whatever the scan takes of them protobufjs can decode, and the other way round. */
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RequestScan, scanRequest } from '../../otlp/index.js';
import { LENIENT } from '../fuzz/protobuf-reference.js';
import { field, hex, requestOf, SPAN_ID, spanContent, TRACE_ID, text } from './message-bytes.js';
import { type JsonRequest, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';
import { checkStructure, encodeTraces } from './trace-proto.js';

const attribute = (value: Uint8Array): Uint8Array => field(9, field(1, text('key')), field(2, value));

describe('hostile bytes', () => {
  const line = recordedLines('opentelemetry-demo', 1)[0];
  const body = ProtobufTraceSerializer.serializeRequest(readableSpans(JSON.parse(line) as JsonRequest))!;

  /** Whatever the scan takes protobufjs must be able to decode, but for what only protobufjs is strict about. */
  function agreesWithProtobufjs(bytes: Uint8Array): void {
    const scan = new RequestScan();
    if (!scanRequest(bytes, scan)) {
      expect(scan).toMatchObject({ spans: 0 });
      return;
    }
    try {
      checkStructure(bytes);
    } catch (error) {
      expect((error as Error).message).toMatch(LENIENT);
    }
  }

  test('tags of more bytes than five are fine, as in Go and Java', () => {
    const body = requestOf(spanContent(hex('d182fea18200 0000000000000000')));
    expect(scanRequest(body, new RequestScan())).toBe(true);
    agreesWithProtobufjs(body);
  });

  test('23: every truncation is decoded as protobufjs decodes it, or refused', () => {
    for (let end = 0; end < body.length; end++) {
      const cut = body.slice(0, end);
      expect(scanRequest(cut, new RequestScan())).toBe(end === 0);
      agreesWithProtobufjs(cut);
    }
  });

  test('23: flipped bits', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(body.length * 8 - 1), { minLength: 1, maxLength: 4 }), bits => {
        const flipped = body.slice();
        for (const bit of bits) flipped[bit >>> 3] ^= 1 << (bit & 7);
        agreesWithProtobufjs(flipped);
      }),
      { numRuns: 3000 },
    );
  });

  test('23: garbage, alone and as the content of a span', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), garbage => {
        agreesWithProtobufjs(garbage);
        agreesWithProtobufjs(requestOf(spanContent(garbage)));
        agreesWithProtobufjs(requestOf(spanContent(attribute(garbage))));
      }),
      { numRuns: 3000 },
    );
  });

  test('every message that protobufjs encodes is taken', () => {
    const ids = { traceId: TRACE_ID, spanId: SPAN_ID };
    const attributes = fc.array(
      fc.record({
        key: fc.string(),
        value: fc.oneof(
          fc.record({ stringValue: fc.string() }),
          fc.record({ intValue: fc.integer() }),
          fc.record({ doubleValue: fc.double() }),
        ),
      }),
      { maxLength: 4 },
    );
    const span = fc.record({ name: fc.string(), kind: fc.integer({ min: -1, max: 6 }), attributes, flags: fc.nat() });
    fc.assert(
      fc.property(fc.array(span, { maxLength: 5 }), attributes, (spans, resourceAttributes) => {
        const scopeSpans = [{ spans: spans.map(one => ({ ...one, ...ids })) }];
        const bytes = encodeTraces({ resourceSpans: [{ resource: { attributes: resourceAttributes }, scopeSpans }] });
        const scan = new RequestScan();
        scanRequest(bytes, scan);
        expect(scan).toMatchObject({ spans: spans.length, rejected: 0, error: '' });
      }),
      { numRuns: 300 },
    );
  });
});
