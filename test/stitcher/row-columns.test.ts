import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HexColumn, LongColumn } from '../../stitcher/row-columns.js';
import type { NativeData } from '../../store/index.js';

function bytesOf(data: NativeData): Uint8Array {
  if (data.kind !== 'fixed') throw new Error(`no column of fixed width: ${data.kind}`);
  return data.bytes;
}

/** What the platform makes of the same memory. */
const signed = (column: LongColumn) => [...new BigInt64Array(bytesOf(column.take()).slice().buffer)];

test('64-bit numbers of either sign, as doubles and as bigints, are the two words of their two’s complement', () => {
  const edges = [
    0,
    1,
    -1,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 32),
    -(2 ** 32) - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ];
  const column = new LongColumn();
  for (const edge of edges) column.push(edge);
  expect(column.count).toBe(edges.length);
  expect(signed(column)).toEqual(edges.map(BigInt));
  const number = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
  fc.assert(
    fc.property(fc.array(number, { maxLength: 300 }), numbers => {
      for (const each of numbers) column.push(each);
      expect(signed(column)).toEqual(numbers.map(BigInt));
    }),
  );
});

test('unsigned numbers up to the last keep every bit', () => {
  const column = new LongColumn();
  for (const value of [2n ** 63n, 2n ** 64n - 1n]) column.push(value);
  expect([...new BigUint64Array(bytesOf(column.take()).slice().buffer)]).toEqual([2n ** 63n, 2n ** 64n - 1n]);
});

test('ids are written as hex, however many, by word and by text, and none is left for the next block', () => {
  const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const column = new HexColumn(32);
  fc.assert(
    fc.property(fc.array(id, { maxLength: 200 }), ids => {
      for (const [index, bytes] of ids.entries()) {
        if (index % 2 === 0) column.pushHex(Buffer.from(bytes).toString('hex'));
        else for (const word of new Uint32Array(bytes.slice().buffer)) column.pushWord(word);
      }
      expect(column.count).toBe(ids.length);
      expect(Buffer.from(bytesOf(column.take())).toString('latin1')).toBe(Buffer.concat(ids).toString('hex'));
    }),
  );
});
