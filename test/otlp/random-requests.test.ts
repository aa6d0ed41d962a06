import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSpanBlock } from '../../otlp/index.js';
import { comparable, naiveRows } from './naive-rows.js';
import { encodeRequest, ORIGIN, readerOf, rowsOf } from './read-rows.js';
import type { JsonAnyValue, JsonKeyValue } from './readable-spans.js';

const keys = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'service.name',
      'host.id',
      'host.ip',
      'host.name',
      'db.system',
      'server.address',
      'peer.service',
      'geo.locality.name',
      'geo.country.iso_code',
      'cloud.region',
      'throughline.tier',
      'browser.name',
      'telemetry.sdk.language',
      'deployment.environment',
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
);
const scalar: fc.Arbitrary<JsonAnyValue> = fc.oneof(
  fc.record({
    stringValue: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.constantFrom('', 'webjs', 'swift')),
  }),
  fc.record({ boolValue: fc.boolean() }),
  fc.record({ intValue: fc.maxSafeInteger().map(String) }),
  fc.record({ doubleValue: fc.double() }),
  fc.record({ bytesValue: fc.uint8Array({ maxLength: 9 }).map(bytes => Buffer.from(bytes).toString('base64')) }),
  fc.constant({}),
);
/** Keys inside of values are unique and no array indexes, so that objects keep their order. */
const { value: anyValue } = fc.letrec<{ value: JsonAnyValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('value'), { maxLength: 3 }) }) }),
    fc.record({
      kvlistValue: fc.record({
        values: fc
          .array(tie('value'), { maxLength: 3 })
          .map(values => values.map((value, i) => ({ key: `k${i}"`, value }))),
      }),
    }),
  ),
}));
const attributeList: fc.Arbitrary<JsonKeyValue[]> = fc.array(fc.record({ key: keys, value: anyValue }), {
  maxLength: 12,
});
const nanos = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String);
const spans = fc.record({
  traceId: fc.constant('5b8efff798038103d269b633813fc60c'),
  spanId: fc.constant('eee19b7ec3c1b174'),
  name: fc.string({ unit: 'grapheme' }),
  kind: fc.integer({ min: 0, max: 5 }),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes: attributeList,
  events: fc.array(fc.record({ name: fc.string(), timeUnixNano: nanos, attributes: uniqueByKey(attributeList) }), {
    maxLength: 2,
  }),
});

function uniqueByKey(lists: fc.Arbitrary<JsonKeyValue[]>): fc.Arbitrary<JsonKeyValue[]> {
  return lists.map(list =>
    [...new Map(list.map(attribute => [attribute.key, attribute])).values()].filter(({ key }) => key !== '__proto__'),
  );
}

const requests = fc.record({
  resourceSpans: fc.array(
    fc.record({
      resource: fc.record({ attributes: attributeList }),
      scopeSpans: fc.array(
        fc.record({ scope: fc.record({ name: fc.string() }), spans: fc.array(spans, { maxLength: 4 }) }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 3 },
  ),
});

describe('random requests', () => {
  const reader = readerOf();
  const block = createSpanBlock();

  test('have the columns that a naive decoder of protobufjs objects finds', () => {
    fc.assert(
      fc.property(requests, request => {
        const payload = encodeRequest(request);
        block.reset();
        expect(reader.read(payload, ORIGIN, block)).toMatchObject({ error: '', rejected: 0 });
        expect(comparable(rowsOf(block))).toEqual(naiveRows(payload));
      }),
      { numRuns: 400 },
    );
  });

  test('23: however they are corrupted, reading never throws, and an undecodable one leaves nothing', () => {
    const flips = fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)), {
      minLength: 1,
      maxLength: 5,
    });
    let undecodable = 0;
    fc.assert(
      fc.property(requests, flips, fc.double({ min: 0.5, max: 1, noNaN: true }), (request, changes, kept) => {
        const good = encodeRequest(request);
        const payload = good.slice(0, Math.ceil(good.length * kept));
        for (const [where, value] of changes) payload[Math.floor(where * payload.length)] = value;
        block.reset();
        reader.read(good, ORIGIN, block);
        const before = rowsOf(block);
        const { error, spans: added } = reader.read(payload, ORIGIN, block);
        const after = rowsOf(block);
        expect(after).toHaveLength(before.length + (error === '' ? added : 0));
        expect(after.slice(0, before.length)).toEqual(before);
        if (error !== '') undecodable++;
        expect(reader.read(good, ORIGIN, block).spans).toBe(before.length);
        expect(
          rowsOf(block)
            .slice(after.length)
            .map(row => ({ ...row, record: ORIGIN })),
        ).toEqual(before);
      }),
      { numRuns: 500 },
    );
    expect(undecodable).toBeGreaterThan(50);
  });
});
