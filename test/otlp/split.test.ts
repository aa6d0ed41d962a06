import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partitionOf, RequestScan, type SplitRecord, scanRequest, splitRequest } from '../../otlp/index.js';
import { concat, field, hex, requestOf, SPAN_ID, TRACE_ID, text, varintField } from './message-bytes.js';
import { type JsonRequest, type JsonSpan, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';
import { decodeTraces } from './trace-proto.js';

const PARTITIONS = 4;
const NO_ID = hex('00000000000000000000000000000000');

function splitOf(body: Uint8Array, partitionCount = PARTITIONS, maxRecordBytes = 1 << 30): SplitRecord[] {
  const scan = new RequestScan();
  expect(scanRequest(body, scan)).toBe(true);
  return splitRequest(body, scan, partitionCount, maxRecordBytes);
}

/** A trace id that goes to the given one of four partitions. */
function traceIdIn(partition: number): Uint8Array {
  const traceId = TRACE_ID.slice();
  for (traceId[15] = 0; partitionOf(traceId, PARTITIONS) !== partition; traceId[15]++);
  return traceId;
}

const TRACE_IDS = Array.from({ length: PARTITIONS }, (_, partition) => traceIdIn(partition));
const spanIn = (partition: number, name: string): Uint8Array =>
  field(2, field(1, TRACE_IDS[partition]), field(2, SPAN_ID), field(5, text(name)));

/** One resource and scope. */
const inOneScope = (spans: readonly Uint8Array[]): Uint8Array => field(1, field(2, ...spans));

function spansOf(payload: Uint8Array): JsonSpan[] {
  const { resourceSpans = [] } = decodeTraces(payload) as unknown as JsonRequest;
  return resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans));
}

const hexOf = (payload: Uint8Array | undefined): string => Buffer.from(payload ?? []).toString('hex');

describe('partitions', () => {
  test.each([
    // From another implementation of MurmurHash3 (x86, 32 bits), one that the published test vectors hold for.
    ['00000000000000000000000000000000', 0x8134cdf8],
    ['00000000000000000000000000000001', 0xa1265bc3],
    ['000102030405060708090a0b0c0d0e0f', 0x191573dd],
    ['5b8efff798038103d269b633813fc60c', 0xc6b51394],
    ['ffffffffffffffffffffffffffffffff', 0xe519346e],
  ])('the partition of trace id %s never changes', (traceId, hash) => {
    expect(partitionOf(hex(traceId), 64)).toBe(hash % 64);
    expect(partitionOf(hex(traceId), 2 ** 32)).toBe(hash);
  });

  test('every byte of the trace id decides', () => {
    for (let byte = 0; byte < 16; byte++) {
      const other = TRACE_ID.slice();
      other[byte] ^= 1;
      expect(partitionOf(other, 2 ** 32)).not.toBe(partitionOf(TRACE_ID, 2 ** 32));
    }
  });

  test.each([
    ['counted up from 1', (index: number) => BigInt(index + 1)],
    ['64-bit, random lower half', (index: number) => BigInt.asUintN(64, BigInt(index + 1) * 0x9e3779b97f4a7c15n)],
    ['that differ in their upper half only', (index: number) => BigInt(index + 1) << 64n],
    ['in steps of 2^32', (index: number) => BigInt(index + 1) << 32n],
  ])('trace ids %s spread evenly', (_, idOf) => {
    const counts = new Array<number>(16).fill(0);
    for (let index = 0; index < 16_000; index++) {
      counts[partitionOf(hex(idOf(index).toString(16).padStart(32, '0')), counts.length)]++;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});

describe('what goes untouched', () => {
  const body = requestOf(concat(field(1, TRACE_ID), field(2, SPAN_ID)));

  test('with one partition and nothing rejected the record is the body itself', () => {
    const [record, ...others] = splitOf(body, 1);
    expect(record.payload).toBe(body);
    expect(record).toMatchObject({ partition: 0, itemCount: 1 });
    expect(others).toEqual([]);
  });

  test('so it is when all spans go to one of many partitions', () => {
    const [record] = splitOf(body);
    expect(record.payload).toBe(body);
    expect(record.partition).toBe(partitionOf(TRACE_ID, PARTITIONS));
  });

  test.each([
    ['an empty request', new Uint8Array(0)],
    ['a resource without scopes', field(1, field(1))],
    ['a scope without spans', field(1, field(2, field(1)))],
    ['nothing but rejected spans', requestOf(field(1, NO_ID))],
  ])('5: %s has no records', (_, empty) => {
    expect(splitOf(empty, 1)).toEqual([]);
    expect(splitOf(empty)).toEqual([]);
  });
});

describe('what is rewritten', () => {
  test('20: a rejected span is left out, with one partition too', () => {
    const bad = field(2, field(1, NO_ID), field(2, SPAN_ID), field(5, text('bad')));
    const body = field(1, field(2, spanIn(0, 'a'), bad, spanIn(0, 'b')), field(2, bad));
    const [record, ...others] = splitOf(body, 1);
    expect(hexOf(record.payload)).toBe(hexOf(field(1, field(2, spanIn(0, 'a'), spanIn(0, 'b')))));
    expect([record.itemCount, others.length]).toEqual([2, 0]);
  });

  test('25: everything that is no span stays byte for byte and in order, at every level', () => {
    const unknown = (value: number): Uint8Array => varintField(1000, value);
    const resource = field(1, field(1, field(1, text('service.name')), field(2, field(1, text('cart')))), unknown(1));
    const scope = field(1, field(1, text('library')), unknown(2));
    const schema = field(3, text('https://opentelemetry.io/schemas/1.26.0'));
    const scopeSpans = (...spans: Uint8Array[]): Uint8Array =>
      field(2, scope, unknown(3), ...spans, schema, unknown(4));
    const resourceSpans = (...scopes: Uint8Array[]): Uint8Array =>
      field(1, unknown(5), resource, ...scopes, schema, unknown(6));
    const body = concat(
      unknown(7),
      resourceSpans(scopeSpans(spanIn(0, 'a'), spanIn(1, 'b'), spanIn(0, 'c')), scopeSpans(spanIn(1, 'd'))),
      unknown(8),
      field(1, field(2, spanIn(1, 'e'))),
      unknown(9),
    );
    const records = splitOf(body);
    expect(records.map(({ partition, itemCount }) => [partition, itemCount])).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(hexOf(records[0].payload)).toBe(
      hexOf(concat(unknown(7), resourceSpans(scopeSpans(spanIn(0, 'a'), spanIn(0, 'c'))), unknown(8), unknown(9))),
    );
    const second = resourceSpans(scopeSpans(spanIn(1, 'b')), scopeSpans(spanIn(1, 'd')));
    expect(hexOf(records[1].payload)).toBe(
      hexOf(concat(unknown(7), second, unknown(8), field(1, field(2, spanIn(1, 'e'))), unknown(9))),
    );
  });

  test('a body that is part of a larger Buffer is split like any other', () => {
    const body = field(1, field(2, spanIn(0, 'a'), spanIn(1, 'b'), spanIn(0, 'c')));
    const buffer = Buffer.concat([Buffer.from('before'), body, Buffer.from('after')]).subarray(6, 6 + body.length);
    expect(splitOf(buffer).map(record => hexOf(record.payload))).toEqual(
      splitOf(body).map(record => hexOf(record.payload)),
    );
  });

  test('25: a field between spans stays between the spans that remain', () => {
    const between = field(3, text('https://example.test/schema'));
    const body = field(1, field(2, spanIn(0, 'a'), between, spanIn(1, 'b'), spanIn(0, 'c')));
    const [first, second] = splitOf(body);
    expect(hexOf(first.payload)).toBe(hexOf(field(1, field(2, spanIn(0, 'a'), between, spanIn(0, 'c')))));
    expect(hexOf(second.payload)).toBe(hexOf(field(1, field(2, between, spanIn(1, 'b')))));
  });

  test('a resource without spans in a partition is not in its record, nor is an empty scope', () => {
    const service = (name: string): Uint8Array => field(1, field(1, field(1, text(name))));
    const body = concat(
      field(1, service('zero'), field(2, spanIn(0, 'a')), field(2, field(1))),
      field(1, service('one'), field(2, spanIn(1, 'b'))),
      field(1, service('none')),
    );
    const [first, second] = splitOf(body);
    expect(hexOf(first.payload)).toBe(hexOf(field(1, service('zero'), field(2, spanIn(0, 'a')))));
    expect(hexOf(second.payload)).toBe(hexOf(field(1, service('one'), field(2, spanIn(1, 'b')))));
  });

  test.each([126, 127, 128, 16_382, 16_383, 16_384])('lengths around %i bytes', nameBytes => {
    const long = spanIn(0, 'x'.repeat(nameBytes));
    const body = field(1, field(2, long, spanIn(1, 'short')));
    const [first, second] = splitOf(body);
    expect(hexOf(first.payload)).toBe(hexOf(field(1, field(2, long))));
    expect(hexOf(second.payload)).toBe(hexOf(field(1, field(2, spanIn(1, 'short')))));
  });

  test('a small request between two of more spans than columns are kept for', () => {
    const of = (count: number, from: number) => {
      const partitions = Array.from({ length: count }, (_, index) => (index + from) % PARTITIONS);
      return { partitions, body: inOneScope(partitions.map((partition, index) => spanIn(partition, `${index}`))) };
    };
    for (const { partitions, body } of [of(16_385, 0), of(6, 1), of(20_000, 2), of(16_384, 3), of(1, 0), of(5, 3)]) {
      const records = splitOf(body);
      expect(records.map(({ partition }) => partition)).toEqual([...new Set(partitions)].sort());
      for (const { partition, itemCount, payload } of records) {
        const names = partitions.flatMap((each, index) => (each === partition ? [`${index}`] : []));
        expect(itemCount).toBe(names.length);
        expect(spansOf(payload).map(({ name }) => name)).toEqual(names);
      }
    }
  });

  test('a resource of megabytes is not multiplied without end: the request stays in one partition', () => {
    const resource = field(1, field(1000, new Uint8Array(1_200_000)));
    const spans = Array.from({ length: 300 }, (_, index) => {
      const traceId = TRACE_ID.slice();
      traceId[0] = index;
      traceId[1] = index >> 8;
      return field(2, field(1, traceId), field(2, SPAN_ID));
    });
    const body = field(1, resource, field(2, ...spans));
    const records = splitOf(body, 256);
    expect(records.map(record => record.itemCount)).toEqual([300]);
    expect(hexOf(records[0].payload)).toBe(hexOf(body));
    expect(splitOf(body, 8)).toHaveLength(8);
  });
});

describe('whatever is split', () => {
  test.each(['opentelemetry-demo', 'onlineboutique', 'trainticket'] as const)(
    'the records of %s hold every span once, each in the partition of its trace',
    recording => {
      for (const line of recordedLines(recording, 40)) {
        const body = ProtobufTraceSerializer.serializeRequest(readableSpans(JSON.parse(line) as JsonRequest))!;
        const records = splitOf(body, 7);
        expect(new Set(records.map(record => record.partition)).size).toBe(records.length);
        for (const { partition, itemCount, payload } of records) {
          const spans = spansOf(payload);
          expect(spans).toHaveLength(itemCount);
          expect(spans.every(span => partitionOf(hex(span.traceId), 7) === partition)).toBe(true);
        }
        const together = records.flatMap(record => spansOf(record.payload)).map(span => JSON.stringify(span));
        expect(together.sort()).toEqual(
          spansOf(body)
            .map(span => JSON.stringify(span))
            .sort(),
        );
      }
    },
  );

  test('random nestings, partitions, fields in between and rejected spans', () => {
    const filler = fc.constantFrom(field(1000, hex('0102')), varintField(99, 7), field(3, text('schema')));
    const span = fc
      .record({ partition: fc.nat(PARTITIONS), name: fc.nat(999) })
      .map(({ partition, name }) =>
        partition === PARTITIONS ? field(2, field(1, NO_ID)) : spanIn(partition, String(name)),
      );
    const scope = fc.array(fc.oneof(span, span, filler), { maxLength: 6 }).map(parts => field(2, ...parts));
    const resource = fc.array(fc.oneof(scope, scope, filler), { maxLength: 4 }).map(parts => field(1, ...parts));
    const request = fc.array(fc.oneof(resource, fc.constant(varintField(99, 7))), { maxLength: 4 });
    fc.assert(
      fc.property(request, parts => {
        const body = concat(...parts);
        const records = splitOf(body);
        const accepted = spansOf(body).filter(one => one.spanId !== undefined);
        const together = records.flatMap(({ partition, itemCount, payload }) => {
          const spans = spansOf(payload);
          const isAllHere = spans.every(one => partitionOf(hex(one.traceId), PARTITIONS) === partition);
          expect([spans.length, isAllHere]).toEqual([itemCount, true]);
          return spans;
        });
        const sorted = (spans: readonly JsonSpan[]): string[] => spans.map(one => JSON.stringify(one)).sort();
        expect(sorted(together)).toEqual(sorted(accepted));
      }),
      { numRuns: 500 },
    );
  });
});
