import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partitionOf, RequestScan, type SplitRecord, scanRequest, splitRequest } from '../../otlp/index.js';
import { concat, field, hex, SPAN_ID, TRACE_ID, text, varintField } from './message-bytes.js';
import { NaiveRequest, naiveSplit } from './naive-split.js';
import { type JsonRequest, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';
import { decodeTraces } from './trace-proto.js';

const MEBIBYTE = 1 << 20;
const ALWAYS_ALLOWED_BYTES = 64 * MEBIBYTE;
const NO_ID = hex('00000000000000000000000000000000');

interface Split {
  readonly records: SplitRecord[];
  readonly kept: number;
  readonly tooLarge: number;
  readonly totalBytes: number;
}

function split(body: Uint8Array, partitionCount: number, maxRecordBytes: number): Split {
  const scan = new RequestScan();
  expect(scanRequest(body, scan)).toBe(true);
  const records = splitRequest(body, scan, partitionCount, maxRecordBytes);
  const kept = records.reduce((sum, record) => sum + record.itemCount, 0);
  const totalBytes = records.reduce((sum, record) => sum + record.payload.length, 0);
  expect(Math.max(0, ...records.map(record => record.payload.length))).toBeLessThanOrEqual(maxRecordBytes);
  return { records, kept, tooLarge: scan.spans - kept, totalBytes };
}

function traceId(number: number): Uint8Array {
  const id = TRACE_ID.slice();
  new DataView(id.buffer).setUint32(0, number);
  return id;
}

const span = (number: number, nameBytes = 0): Uint8Array =>
  field(2, field(1, traceId(number)), field(2, SPAN_ID), field(5, text('x'.repeat(nameBytes))));
const spans = (count: number, nameBytes = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, number) => span(number, nameBytes));
/** A Resource with an unknown field of so many bytes. */
const resource = (byteCount: number): Uint8Array => field(1, field(1000, new Uint8Array(byteCount)));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Each span with the resource and scope it is in, as protobufjs sees it, and the partition of its trace (-1: rejected). */
function placedSpans(
  payload: Uint8Array,
  partitionCount: number,
): { readonly partition: number; readonly all: string }[] {
  const { resourceSpans = [] } = decodeTraces(payload) as unknown as JsonRequest;
  return resourceSpans.flatMap(({ scopeSpans = [], ...ofResource }) =>
    scopeSpans.flatMap(({ spans: own = [], ...ofScope }) =>
      own.map(one => ({
        partition: one.spanId === undefined ? -1 : partitionOf(hex(one.traceId), partitionCount),
        all: JSON.stringify([ofResource, ofScope, one]),
      })),
    ),
  );
}

describe('the limit, to the byte', () => {
  const body = field(1, resource(10), field(2, span(1), span(2)));

  test('a body of exactly the limit is the record itself; a byte more and it is cut in two', () => {
    const [whole, ...others] = split(body, 1, body.length).records;
    expect(whole.payload).toBe(body);
    expect(others).toEqual([]);
    const cut = split(body, 1, body.length - 1).records;
    const one = (number: number) => hexOf(field(1, resource(10), field(2, span(number))));
    expect(cut.map(({ payload }) => hexOf(payload))).toEqual([one(1), one(2)]);
    expect(cut.map(({ partition, itemCount }) => [partition, itemCount])).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  test('a span that with its resource and scope takes a byte more than the limit is left out, the others stay', () => {
    const alone = field(1, resource(10), field(2, span(2, 100)));
    const mixed = field(1, resource(10), field(2, span(1), span(2, 100), span(3)));
    expect(split(mixed, 1, alone.length)).toMatchObject({ kept: 3, tooLarge: 0 });
    const { records, tooLarge } = split(mixed, 1, alone.length - 1);
    expect(tooLarge).toBe(1);
    expect(records.map(({ payload }) => hexOf(payload))).toEqual([
      hexOf(field(1, resource(10), field(2, span(1), span(3)))),
    ]);
  });

  test('a resource that fills the record by itself: its spans are left out, those of other resources stay', () => {
    const two = concat(field(1, resource(2_000), field(2, span(1), span(2))), field(1, resource(5), field(2, span(3))));
    const { records, tooLarge } = split(two, 4, 2_000);
    expect(tooLarge).toBe(2);
    expect(records.map(({ payload }) => hexOf(payload))).toEqual([hexOf(field(1, resource(5), field(2, span(3))))]);
  });

  test('fields of the request that exceed the limit by themselves leave no span room, and no record is made', () => {
    const { records, tooLarge } = split(concat(field(99, new Uint8Array(500)), body), 4, 400);
    expect([records, tooLarge]).toEqual([[], 2]);
  });

  test.each([126, 127, 128, 16_382, 16_383, 16_384])(
    'spans of %i bytes, whose lengths take another byte',
    nameBytes => {
      const whole = field(1, field(2, span(1, nameBytes), span(2, nameBytes)));
      const alone = field(1, field(2, span(1, nameBytes)));
      expect(split(whole, 1, whole.length - 1).records).toHaveLength(2);
      expect(split(whole, 1, alone.length)).toMatchObject({ kept: 2, tooLarge: 0 });
      expect(split(whole, 1, alone.length - 1)).toMatchObject({ kept: 0, tooLarge: 2 });
    },
  );
});

describe('whatever is split', () => {
  const filler = fc.constantFrom(field(1000, hex('0102')), varintField(99, 7), field(3, text('schema')));
  const anySpan = fc
    .record({ number: fc.nat(20), nameBytes: fc.oneof(fc.nat(10), fc.nat(200)) })
    .map(({ number, nameBytes }) => ({ span: span(number, nameBytes), traceId: traceId(number) }));
  const rejected = fc.constant({ span: field(2, field(1, NO_ID)), traceId: undefined });
  const scopes = fc.record({
    parts: fc.array(
      fc.oneof({ weight: 8, arbitrary: anySpan }, { weight: 1, arbitrary: rejected }, { weight: 2, arbitrary: filler }),
      { maxLength: 12 },
    ),
    name: fc.nat(99),
  });
  const resources = fc.record({
    parts: fc.array(fc.oneof({ weight: 3, arbitrary: scopes }, { weight: 1, arbitrary: filler }), { maxLength: 4 }),
    name: fc.nat(99),
    byteCount: fc.oneof(fc.nat(20), fc.nat(150)),
  });
  const requests = fc.array(
    fc.oneof({ weight: 4, arbitrary: resources }, { weight: 1, arbitrary: fc.constant(varintField(99, 7)) }),
    { maxLength: 4 },
  );
  const limits = fc.oneof(fc.integer({ min: 64, max: 400 }), fc.integer({ min: 64, max: 4_000 }), fc.constant(1 << 30));

  test('has byte for byte the records of a naive splitter that tries every cut', () => {
    let cuts = 0;
    let left = 0;
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 5 }), limits, (parts, partitionCount, limit) => {
        const request = new NaiveRequest(parts);
        const expected = naiveSplit(request, partitionCount, limit);
        const { records, tooLarge } = split(request.body, partitionCount, limit);
        expect(records.map(record => [record.partition, record.itemCount, hexOf(record.payload)])).toEqual(
          expected.records.map(record => [record.partition, record.itemCount, hexOf(record.payload)]),
        );
        expect(tooLarge).toBe(expected.tooLarge);
        if (new Set(records.map(record => record.partition)).size < records.length) cuts++;
        if (tooLarge > 0) left++;
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(cuts, left)).toBeGreaterThan(100);
  });

  test('decodes, and each span keeps its own resource, scope, partition and place in the order', () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 5 }), limits, (parts, partitionCount, limit) => {
        const { body } = new NaiveRequest(parts);
        const { records, kept, tooLarge } = split(body, partitionCount, limit);
        const accepted = placedSpans(body, partitionCount).filter(({ partition }) => partition >= 0);
        expect(kept + tooLarge).toBe(accepted.length);
        for (let partition = 0; partition < partitionCount; partition++) {
          const own = records.filter(record => record.partition === partition);
          const written = own.flatMap(record => placedSpans(record.payload, partitionCount));
          expect(written.filter(one => one.partition >= 0 && one.partition !== partition)).toEqual([]);
          expectSubsequence(
            written,
            accepted.filter(one => one.partition === partition),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['opentelemetry-demo', 2_000],
    ['onlineboutique', 1_500],
    ['trainticket', 65_536],
  ] as const)('the records of %s, at most %i bytes each, hold what fits once and nothing twice', (recording, limit) => {
    let cuts = 0;
    for (const line of recordedLines(recording, 40)) {
      const body = ProtobufTraceSerializer.serializeRequest(readableSpans(JSON.parse(line) as JsonRequest))!;
      const { records, tooLarge } = split(body, 3, limit);
      cuts += records.length - new Set(records.map(record => record.partition)).size;
      const written = records.flatMap(record => placedSpans(record.payload, 3).map(({ all }) => all)).sort();
      const fitting = placedSpans(body, 3).map(({ all }) => all);
      expect(written.length + tooLarge).toBe(fitting.length);
      if (tooLarge === 0) expect(written).toEqual(fitting.sort());
    }
    if (limit < 65_536) expect(cuts).toBeGreaterThan(40);
  });
});

/** `part` is `whole` with some left out, in the same order. */
function expectSubsequence(part: readonly { all: string }[], whole: readonly { all: string }[]): void {
  let at = 0;
  for (const { all } of part) {
    while (at < whole.length && whole[at].all !== all) at++;
    expect(at).toBeLessThan(whole.length);
    at++;
  }
}

describe('growth is bounded', () => {
  test.each([1, 8, 64])('a resource of 900 KB and 10,000 spans over %i partitions: all are kept', partitionCount => {
    const body = field(1, resource(900_000), field(2, ...spans(10_000, 100)));
    const { kept, totalBytes } = split(body, partitionCount, MEBIBYTE);
    expect(kept).toBe(10_000);
    expect(totalBytes).toBeLessThanOrEqual(ALWAYS_ALLOWED_BYTES);
  });

  test.each([1, 8])(
    'a resource that leaves room for four spans, over %i partitions: what 64 MiB hold',
    partitionCount => {
      const greedy = (count: number) => field(1, resource(MEBIBYTE - 400), field(2, ...spans(count, 60)));
      const modest = field(1, resource(200), field(2, ...spans(100, 50)));
      const body = concat(greedy(10_000), greedy(3), modest);
      const { records, kept, tooLarge, totalBytes } = split(body, partitionCount, MEBIBYTE);
      expect(totalBytes).toBeLessThanOrEqual(ALWAYS_ALLOWED_BYTES);
      expect(totalBytes).toBeGreaterThan(ALWAYS_ALLOWED_BYTES - 4 * MEBIBYTE);
      expect(new Set(records.map(record => record.partition)).size).toBe(1);
      expect(kept + tooLarge).toBe(10_103);
      // The spans of other resources do not pay for it: these stand in the request once, and so they do in the records.
      expect(records.slice(-2).map(record => record.itemCount)).toEqual([3, 100]);
      expect(kept).toBeGreaterThan(300);
    },
  );

  test('a small body may grow to 64 MiB, a large one to 16 times itself', () => {
    const body = field(1, resource(MEBIBYTE - 400), field(2, ...spans(2_000, 3_000), ...spans(2_000)));
    const { totalBytes, kept, tooLarge } = split(body, 1, MEBIBYTE);
    expect(16 * body.length).toBeGreaterThan(ALWAYS_ALLOWED_BYTES + 4 * MEBIBYTE);
    expect(totalBytes).toBeGreaterThan(ALWAYS_ALLOWED_BYTES);
    expect(totalBytes).toBeLessThanOrEqual(16 * body.length);
    expect(kept).toBeGreaterThan(500);
    expect(tooLarge).toBe(4_000 - kept);
  });

  test('tiny fields between spans, which are slow to repeat, count for more than their bytes', () => {
    const between = field(3, text('s'));
    const body = field(1, field(2, Buffer.concat(spans(40_000).flatMap(one => [one, between]))));
    const { records, kept, tooLarge } = split(body, 1, 130_000);
    expect(records.length * 40_000 * 32).toBeLessThanOrEqual(ALWAYS_ALLOWED_BYTES);
    expect(kept).toBeGreaterThan(0);
    expect(kept + tooLarge).toBe(40_000);
  });
});
