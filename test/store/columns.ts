/** Native columns from plain values, made the slow and obvious way. */
import type { NativeColumn, NativeData, NativeStrings } from '../../store/types.js';

/** What a column's type reads like in JSON: integers of 64 bits and more, times and text are strings. */
export type Value = string | number | boolean | readonly Value[] | Readonly<Record<string, string>>;

const ENUMS: Readonly<Record<string, number>> = {
  UNSPECIFIED: 0,
  INTERNAL: 1,
  SERVER: 2,
  CLIENT: 3,
  PRODUCER: 4,
  CONSUMER: 5,
  UNSET: 0,
  OK: 1,
  ERROR: 2,
  service: 0,
  link: 1,
};

export function columnOf(name: string, type: string, values: readonly Value[]): NativeColumn {
  return { name, type, data: dataOf(type, values) };
}

function dataOf(type: string, values: readonly Value[]): NativeData {
  if (type.startsWith('Array(')) {
    const arrays = values as readonly (readonly Value[])[];
    return {
      kind: 'array',
      ends: endsOf(arrays.map(array => array.length)),
      element: dataOf(inside(type), arrays.flat()),
    };
  }
  if (type.startsWith('Map(')) {
    const maps = values.map(value => Object.entries(value as Record<string, string>));
    const [keyType, valueType] = inside(type).split(/, (?=\w+$)/);
    return {
      kind: 'map',
      ends: endsOf(maps.map(map => map.length)),
      keys: dataOf(
        keyType,
        maps.flat().map(([key]) => key),
      ),
      values: dataOf(
        valueType,
        maps.flat().map(([, value]) => value),
      ),
    };
  }
  if (type === 'LowCardinality(String)') return lowCardinality(values.map(String));
  if (type === 'String') return { kind: 'string', values: strings(values.map(String)) };
  return fixed(type, values);
}

function inside(type: string): string {
  return type.slice(type.indexOf('(') + 1, -1);
}

function endsOf(lengths: readonly number[]): BigUint64Array {
  let end = 0n;
  return BigUint64Array.from(lengths, length => (end += BigInt(length)));
}

function strings(texts: readonly string[]): NativeStrings {
  const bytes = Buffer.concat(texts.flatMap(text => [varint(Buffer.byteLength(text)), Buffer.from(text)]));
  return { bytes, byteLength: bytes.length, count: texts.length };
}

function varint(value: number): Buffer {
  return value < 0x80
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), varint(value >>> 7)]);
}

function lowCardinality(texts: readonly string[]): NativeData {
  const dictionary = ['', ...new Set(texts.filter(text => text !== ''))];
  const indexes = Uint32Array.from(texts, text => dictionary.indexOf(text));
  return { kind: 'lowCardinality', dictionary: strings(dictionary), indexes };
}

function fixed(type: string, values: readonly Value[]): NativeData {
  const encode = FIXED.find(([pattern]) => pattern.test(type))?.[1];
  if (encode === undefined) throw new Error(`no encoding of ${type} here`);
  const parts = values.map(value => encode(value, type));
  return { kind: 'fixed', width: parts[0]?.length ?? 1, bytes: Buffer.concat(parts) };
}

function integer(value: bigint, width: number): Buffer {
  const bytes = Buffer.alloc(width);
  for (let i = 0; i < width; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return bytes;
}

/** Ticks of 10^-digits seconds since 1970 of `2026-11-24 10:00:00.123`. */
function ticks(text: string, digits: number): bigint {
  const [seconds, fraction = ''] = text.split('.');
  return BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`) / 1000) * 10n ** BigInt(digits) + BigInt(fraction || '0');
}

const FIXED: readonly (readonly [RegExp, (value: Value, type: string) => Buffer])[] = [
  [/^FixedString/, value => Buffer.from(String(value), 'latin1')],
  [/^Enum8/, value => Buffer.from([ENUMS[String(value)]])],
  [/^Bool$/, value => Buffer.from([value === true ? 1 : 0])],
  [/^DateTime64\(\d/, (value, type) => integer(ticks(String(value), Number(/\d/.exec(type.slice(10))?.[0])), 8)],
  [/^DateTime/, value => integer(ticks(String(value), 0), 4)],
  [/^U?Int\d+$/, (value, type) => integer(BigInt(String(value)), Number(/\d+/.exec(type)) / 8)],
];
