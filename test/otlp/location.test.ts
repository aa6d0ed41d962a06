import { describe, expect, test } from 'vitest';
import { createSpanBlock, NO_LOCATION_RANK } from '../../otlp/index.js';
import type { LocationSource, Place } from '../../schemas/index.js';
import { encodeRequest, NOWHERE, ORIGIN, readerOf, readRows, rowsOf } from './read-rows.js';

type Attributes = Readonly<Record<string, string>>;

const NEW_YORK = { 'geo.locality.name': 'New York', 'geo.region.iso_code': 'US-NY', 'geo.country.iso_code': 'US' };
const PLACES: Readonly<Record<string, Place>> = {
  '203.0.113.7': { locality: 'London', region: 'GB-LND', country: 'GB' },
  '2001:db8::1': { locality: '', region: '', country: 'JP' },
  '192.0.2.1': { locality: '', region: '', country: '' },
};
const geoip = (address: string): Place | undefined => PLACES[address];

const listOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));

function requestOf(spans: readonly Attributes[], resource: Attributes): Uint8Array {
  const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };
  const scopeSpans = [{ spans: spans.map(attributes => ({ ...ids, attributes: listOf(attributes) })) }];
  return encodeRequest({ resourceSpans: [{ resource: { attributes: listOf(resource) }, scopeSpans }] });
}

const placeOf = (span: Attributes, resource: Attributes, options = {}) =>
  readRows(requestOf([span], resource), { geoip, ...options })[0].place;

describe('location', () => {
  test.each([
    ['nothing', {}, {}, NOWHERE],
    ["the span's own geo", NEW_YORK, {}, [0, 'New York', 'US-NY', 'US']],
    ["its resource's geo", {}, NEW_YORK, [0, 'New York', 'US-NY', 'US']],
    ["the span's geo before its resource's, as a whole", { 'geo.country.iso_code': 'DE' }, NEW_YORK, [0, '', '', 'DE']],
    [
      'an empty geo of the span hides nothing',
      { 'geo.country.iso_code': '' },
      NEW_YORK,
      [0, 'New York', 'US-NY', 'US'],
    ],
    [
      "the resource's geo before the span's address",
      { 'client.address': '203.0.113.7' },
      NEW_YORK,
      [0, 'New York', 'US-NY', 'US'],
    ],
    ['the address of the client', { 'client.address': '203.0.113.7' }, {}, [1, 'London', 'GB-LND', 'GB']],
    ['an address known by its country alone', { 'client.address': '2001:db8::1' }, {}, [1, '', '', 'JP']],
    [
      'an address before a cloud region',
      { 'client.address': '2001:db8::1', 'cloud.region': 'r' },
      {},
      [1, '', '', 'JP'],
    ],
    [
      'an unknown address',
      { 'client.address': '198.51.100.1' },
      { 'cloud.region': 'eu-west-1' },
      [2, '', 'eu-west-1', ''],
    ],
    ['an address of no place', { 'client.address': '192.0.2.1' }, {}, NOWHERE],
    ['an empty address', { 'client.address': '' }, {}, NOWHERE],
    [
      "the span's cloud region before its resource's",
      { 'cloud.region': 'a' },
      { 'cloud.region': 'b' },
      [2, '', 'a', ''],
    ],
    ['an empty cloud region', { 'cloud.region': '' }, { 'cloud.region': 'b' }, [2, '', 'b', '']],
  ] as [string, Attributes, Attributes, unknown][])('%s', (_, span, resource, place) => {
    expect(placeOf(span, resource)).toEqual(place);
  });

  test('the configured order decides, and gives the ranks', () => {
    const locationOrder: LocationSource[] = ['cloud.region', 'geoip', 'geo'];
    const all = { ...NEW_YORK, 'client.address': '203.0.113.7', 'cloud.region': 'r' };
    expect(placeOf(all, {}, { locationOrder })).toEqual([0, '', 'r', '']);
    expect(placeOf({ ...all, 'cloud.region': '' }, {}, { locationOrder })).toEqual([1, 'London', 'GB-LND', 'GB']);
    expect(placeOf(NEW_YORK, {}, { locationOrder })).toEqual([2, 'New York', 'US-NY', 'US']);
  });

  test('a source that is not in the order is not used', () => {
    const all = { ...NEW_YORK, 'client.address': '203.0.113.7', 'cloud.region': 'r' };
    expect(placeOf(all, {}, { locationOrder: ['cloud.region'] })).toEqual([0, '', 'r', '']);
    expect(placeOf(all, NEW_YORK, { locationOrder: [] })).toEqual([NO_LOCATION_RANK, '', '', '']);
  });

  test('without a GeoIP table addresses say nothing', () => {
    const [row] = readRows(requestOf([{ 'client.address': '203.0.113.7' }], { 'cloud.region': 'r' }));
    expect(row.place).toEqual([2, '', 'r', '']);
  });

  test('an address is looked up once, over blocks too, and text that is none never', () => {
    const asked: string[] = [];
    const reader = readerOf({ geoip: address => geoip(asked[asked.push(address) - 1]) });
    const spans = ['203.0.113.7', '198.51.100.1', '203.0.113.7', 'x'.repeat(65)].map(address => ({
      'client.address': address,
    }));
    const payload = requestOf(spans, { 'client.address': '2001:db8::1' });
    const block = createSpanBlock();
    for (let round = 0; round < 2; round++) {
      block.reset();
      reader.read(payload, ORIGIN, block);
      // The resource's address answers where the span's own says nothing.
      expect(rowsOf(block).map(row => row.place[3])).toEqual(['GB', 'JP', 'GB', 'JP']);
    }
    expect(asked).toEqual(['2001:db8::1', '203.0.113.7', '198.51.100.1']);
  });

  test('more addresses than are remembered are still answered', () => {
    const reader = readerOf({ geoip: address => ({ locality: address, region: '', country: '' }) });
    const block = createSpanBlock();
    const addresses = Array.from(
      { length: 70_000 },
      (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    );
    reader.read(
      requestOf(
        addresses.map(address => ({ 'client.address': address })),
        {},
      ),
      ORIGIN,
      block,
    );
    const places = Array.from({ length: block.rows }, (_, row) => block.dictionary.text(block.locality[row]));
    expect(places).toEqual(addresses);
  });
});
