/**
 * Fault 12: attributes of 10 MB, 100,000 attributes, keys that come twice, NUL, lone surrogates, invalid UTF-8: taken,
 * cut at the limits with a note, and readable through the API.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { concat, field, hex, requestOf, SPAN_ID, text } from '../otlp/message-bytes.js';
import { Throughline } from '../support/throughline.js';

const MAX_ATTRIBUTES = 1_024;
const MAX_VALUE_BYTES = 64 * 1_024;

let throughline: Throughline;

beforeAll(async () => {
  throughline = await Throughline.start();
});

afterAll(() => throughline?.destroy());

const traceIdOf = (number: number) => `${number}`.repeat(32);
const attribute = (key: Uint8Array, value: Uint8Array) => field(9, field(1, key), field(2, field(1, value)));

async function stored(
  number: number,
  contentType: string,
  body: Uint8Array | string,
): Promise<Record<string, unknown>> {
  const headers = { 'content-type': contentType };
  const response = await fetch(`${throughline.otlpHttp}/v1/traces`, {
    method: 'POST',
    headers,
    body: Buffer.from(body),
  });
  expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([
    200,
    contentType.endsWith('json') ? 2 : 0,
  ]);
  await throughline.settled();
  const rows = await throughline.sql(
    `SELECT attributes, dropped_attributes_count AS dropped, flags FROM spans WHERE trace_id = '${traceIdOf(number)}'`,
  );
  expect(rows).toHaveLength(1);
  return rows[0];
}

const protobuf = (number: number, ...attributes: readonly Uint8Array[]) =>
  stored(
    number,
    'application/x-protobuf',
    requestOf(concat(field(1, hex(traceIdOf(number))), field(2, SPAN_ID), ...attributes)),
  );

test('a value of 10 MB is cut', async () => {
  const row = await protobuf(1, attribute(text('large'), new Uint8Array(10_000_000).fill(0x61)));
  expect((row.attributes as Record<string, string>).large).toBe('a'.repeat(MAX_VALUE_BYTES));
});

test('of 100,000 attributes as many as the limit are kept, the others counted', async () => {
  const all = Buffer.concat(Array.from({ length: 100_000 }, (_, i) => attribute(text(`key.${i}`), text('v'))));
  const row = await protobuf(2, all);
  expect(Object.keys(row.attributes as object)).toHaveLength(MAX_ATTRIBUTES);
  expect(Number(row.dropped)).toBe(100_000 - MAX_ATTRIBUTES);
});

test('of a key that comes twice the first counts', async () => {
  const row = await protobuf(3, attribute(text('twice'), text('first')), attribute(text('twice'), text('second')));
  expect(row).toMatchObject({ attributes: { twice: 'first' } });
  expect(Number(row.dropped)).toBe(1);
});

test('NUL is kept, invalid UTF-8 replaced, in keys too', async () => {
  const row = await protobuf(
    4,
    attribute(text('nul'), text('a\u0000b')),
    attribute(text('bad'), hex('61 ff 62 ed a0 80 c3')),
    attribute(hex('6b ff'), text('v')),
  );
  expect(row.attributes).toEqual({ nul: 'a\u0000b', bad: 'a\ufffdb\ufffd\ufffd\ufffd\ufffd', 'k\ufffd': 'v' });
});

test('lone surrogates in JSON are replaced', async () => {
  const value = String.raw`{"stringValue":"a\ud800b\udc00"}`;
  const span = `{"traceId":"${traceIdOf(5)}","spanId":"eee19b7ec3c1b174","attributes":[{"key":"lone","value":${value}}]}`;
  const row = await stored(5, 'application/json', `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`);
  expect(row.attributes).toEqual({ lone: 'a\ufffdb\ufffd' });
});

test('the API answers with such a trace', async () => {
  expect((await throughline.trace(traceIdOf(4))).span_count).toBe(1);
});
