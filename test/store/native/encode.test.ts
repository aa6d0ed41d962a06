/** Against bytes made by hand, after the layout in ClickHouse's documentation of the Native format. */
import { describe, expect, it } from 'vitest';
import { encodeNativeBlock } from '../../../store/native/index.js';
import type { NativeData, NativeStrings } from '../../../store/types.js';

function strings(...texts: string[]): NativeStrings {
  const bytes = Buffer.concat(texts.map(text => Buffer.from([Buffer.byteLength(text), ...Buffer.from(text)])));
  // Writers reuse their buffers: there may be more than what counts.
  return { bytes: Buffer.concat([bytes, Buffer.from('left over')]), byteLength: bytes.length, count: texts.length };
}

/** Texts are taken letter by letter, numbers as bytes. */
function bytes(...parts: (string | number | readonly number[])[]): number[] {
  return parts.flatMap(part => (typeof part === 'string' ? [...Buffer.from(part)] : part));
}

const u64 = (value: number) => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, 0, 0, 0, 0, 0];
const encode = (type: string, data: NativeData, rows: number) => [
  ...encodeNativeBlock([{ name: 'c', type, data }], rows),
];
const header = (type: string, rows: number) => bytes(1, rows, 1, 'c', type.length, type);
const LOW_CARDINALITY_PREFIX = u64(1);
/** Keys come with the block and replace those before: bits 9 and 10 above the width of an index. */
const keysOf = (indexType: number) => [indexType, 0x06, 0, 0, 0, 0, 0, 0];

describe('a Native block', () => {
  it('has columns and rows, then every column’s name, type and data', () => {
    const block = encodeNativeBlock(
      [
        { name: 'a', type: 'UInt16', data: { kind: 'fixed', width: 2, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) } },
        { name: 'text', type: 'String', data: { kind: 'string', values: strings('', 'ab') } },
      ],
      2,
    );
    expect([...block]).toEqual(bytes(2, 2, 1, 'a', 6, 'UInt16', [1, 2, 3, 4], 4, 'text', 6, 'String', 0, 2, 'ab'));
  });

  it('counts rows in a varint of two bytes from 128 on', () => {
    const data = { kind: 'fixed', width: 1, bytes: new Uint8Array(200) } as const;
    expect(encode('UInt8', data, 127).slice(0, 3)).toEqual([1, 127, 1]);
    expect(encode('UInt8', data, 128).slice(0, 4)).toEqual([1, 0x80, 1, 1]);
  });

  it('has a dictionary and indexes into it for LowCardinality', () => {
    const data: NativeData = {
      kind: 'lowCardinality',
      dictionary: strings('', 'x', 'yz'),
      indexes: Uint32Array.of(2, 0, 2, 9),
    };
    expect(encode('LowCardinality(String)', data, 3)).toEqual(
      bytes(
        ...[header('LowCardinality(String)', 3), LOW_CARDINALITY_PREFIX, keysOf(0)],
        ...[u64(3), [0, 1], 'x', [2], 'yz', u64(3), [2, 0, 2]],
      ),
    );
  });

  it('has ends and elements for Array, empty ones included', () => {
    const element = { kind: 'fixed', width: 1, bytes: Uint8Array.of(7, 8, 9) } as const;
    const data: NativeData = { kind: 'array', ends: BigUint64Array.of(0n, 2n, 3n), element };
    expect(encode('Array(UInt8)', data, 3)).toEqual(
      bytes(header('Array(UInt8)', 3), u64(0), u64(2), u64(3), [7, 8, 9]),
    );
  });

  it('puts the prefix of LowCardinality before the ends of an Array around it', () => {
    const element: NativeData = { kind: 'lowCardinality', dictionary: strings('', 'x'), indexes: Uint32Array.of(1) };
    const data: NativeData = { kind: 'array', ends: BigUint64Array.of(1n), element };
    expect(encode('Array(LowCardinality(String))', data, 1)).toEqual(
      bytes(
        ...[header('Array(LowCardinality(String))', 1), LOW_CARDINALITY_PREFIX, u64(1), keysOf(0)],
        ...[u64(2), [0, 1], 'x', u64(1), [1]],
      ),
    );
  });

  it('has nothing but prefix and ends where no Array has an element', () => {
    const element: NativeData = { kind: 'lowCardinality', dictionary: strings(''), indexes: new Uint32Array(0) };
    const data: NativeData = { kind: 'array', ends: BigUint64Array.of(0n, 0n), element };
    expect(encode('Array(LowCardinality(String))', data, 2)).toEqual(
      bytes(header('Array(LowCardinality(String))', 2), LOW_CARDINALITY_PREFIX, u64(0), u64(0)),
    );
  });

  it('writes a Map as ends, keys and values', () => {
    const keys: NativeData = { kind: 'lowCardinality', dictionary: strings('', 'k'), indexes: Uint32Array.of(1) };
    const values: NativeData = { kind: 'string', values: strings('v') };
    const data: NativeData = { kind: 'map', ends: BigUint64Array.of(1n), keys, values };
    const type = 'Map(LowCardinality(String), String)';
    expect(encode(type, data, 1)).toEqual(
      bytes(
        ...[header(type, 1), LOW_CARDINALITY_PREFIX, u64(1), keysOf(0), u64(2), [0, 1], 'k', u64(1), [1]],
        ...[[1], 'v'],
      ),
    );
  });

  it.each([
    [256, 0, 1],
    [257, 1, 2],
    [65_536, 1, 2],
    [65_537, 2, 4],
  ])('has indexes as wide as a dictionary of %i asks for', (count, indexType, width) => {
    const dictionary = { bytes: new Uint8Array(count), byteLength: count, count };
    const last = count - 1;
    const block = encode(
      'LowCardinality(String)',
      { kind: 'lowCardinality', dictionary, indexes: Uint32Array.of(last) },
      1,
    );
    const headerSize = header('LowCardinality(String)', 1).length;
    expect(block.slice(headerSize + 8, headerSize + 16)).toEqual(keysOf(indexType));
    expect(block.slice(-width)).toEqual([last & 0xff, (last >> 8) & 0xff, last >> 16, 0].slice(0, width));
    expect(block).toHaveLength(headerSize + 24 + count + 8 + width);
  });

  it('is refused for a column that does not have its rows', () => {
    const short = { kind: 'fixed', width: 8, bytes: new Uint8Array(15) } as const;
    expect(() => encode('UInt64', short, 2)).toThrow('column c does not have 2 rows');
    expect(() => encode('String', { kind: 'string', values: strings('a') }, 2)).toThrow('does not have 2 rows');
  });
});
