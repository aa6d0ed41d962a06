/**
 * ClickHouse's Native format, one block, as `INSERT … FORMAT Native` over HTTP takes it:
 *
 *   varint columns, varint rows, then per column: name, type (varint length + UTF-8), prefix, data
 *
 * | data           | layout                                                                                        |
 * |----------------|-----------------------------------------------------------------------------------------------|
 * | fixed          | width × rows bytes, little-endian                                                             |
 * | string         | per row: varint length, bytes                                                                 |
 * | array          | rows × UInt64 cumulative ends, then the elements as one column                                 |
 * | map            | as Array(Tuple(key, value)): ends, the column of keys, the column of values                    |
 * | lowCardinality | prefix UInt64 1; UInt64 index width and flags, UInt64 keys, keys, UInt64 rows, indexes. Nothing |
 * |                | but the prefix where there are no rows                                                        |
 *
 * Prefixes of nested columns come before all data of the outermost one. (Source: ClickHouse's
 * SerializationLowCardinality and NativeWriter.) Costs a copy of each column, and per row only the narrowing of
 * dictionary indexes.
 */
import type { NativeColumn, NativeData } from '../types.js';
import { BlockWriter, textSize, varintSize, writeBytes, writeText, writeUInt64, writeVarint } from './block-writer.js';

const LOW_CARDINALITY_VERSION = 1;
/** The keys come with the block, and replace those of the block before. */
const HAS_ADDITIONAL_KEYS = 1 << 9;
const NEED_UPDATE_DICTIONARY = 1 << 10;

/** The block's bytes, a copy: the columns may be reused as soon as this returns. */
export function encodeNativeBlock(columns: readonly NativeColumn[], rows: number): Uint8Array {
  let byteLength = varintSize(columns.length) + varintSize(rows);
  for (const { name, type, data } of columns) {
    byteLength += textSize(name) + textSize(type) + prefixSize(data) + dataSize(data, rows, name);
  }
  const writer = new BlockWriter(byteLength);
  writeVarint(writer, columns.length);
  writeVarint(writer, rows);
  for (const { name, type, data } of columns) {
    writeText(writer, name);
    writeText(writer, type);
    writePrefix(writer, data);
    writeData(writer, data, rows);
  }
  if (writer.at !== byteLength) throw new Error(`a block of ${byteLength} bytes was filled to ${writer.at}`);
  return writer.bytes;
}

function prefixSize(data: NativeData): number {
  switch (data.kind) {
    case 'lowCardinality':
      return 8;
    case 'array':
      return prefixSize(data.element);
    case 'map':
      return prefixSize(data.keys) + prefixSize(data.values);
    default:
      return 0;
  }
}

function writePrefix(writer: BlockWriter, data: NativeData): void {
  if (data.kind === 'lowCardinality') writeUInt64(writer, LOW_CARDINALITY_VERSION);
  else if (data.kind === 'array') writePrefix(writer, data.element);
  else if (data.kind === 'map') {
    writePrefix(writer, data.keys);
    writePrefix(writer, data.values);
  }
}

/** Bytes of a column's data. A column that does not fit its number of rows is a bug of whoever made it. */
function dataSize(data: NativeData, rows: number, name: string): number {
  switch (data.kind) {
    case 'fixed':
      assertHolds(data.bytes.length >= data.width * rows, name, rows);
      return data.width * rows;
    case 'string':
      assertHolds(data.values.count === rows, name, rows);
      return data.values.byteLength;
    case 'lowCardinality':
      if (rows === 0) return 0;
      assertHolds(data.indexes.length >= rows, name, rows);
      return 24 + data.dictionary.byteLength + rows * indexWidth(data.dictionary.count);
    case 'array': {
      assertHolds(data.ends.length >= rows, name, rows);
      return rows * 8 + dataSize(data.element, elementCount(data.ends, rows), name);
    }
    case 'map': {
      assertHolds(data.ends.length >= rows, name, rows);
      const pairs = elementCount(data.ends, rows);
      return rows * 8 + dataSize(data.keys, pairs, name) + dataSize(data.values, pairs, name);
    }
  }
}

function writeData(writer: BlockWriter, data: NativeData, rows: number): void {
  switch (data.kind) {
    case 'fixed':
      writeBytes(writer, data.bytes, data.width * rows);
      return;
    case 'string':
      writeBytes(writer, data.values.bytes, data.values.byteLength);
      return;
    case 'lowCardinality':
      if (rows > 0) writeLowCardinality(writer, data, rows);
      return;
    case 'array':
      writeEnds(writer, data.ends, rows);
      writeData(writer, data.element, elementCount(data.ends, rows));
      return;
    case 'map': {
      writeEnds(writer, data.ends, rows);
      const pairs = elementCount(data.ends, rows);
      writeData(writer, data.keys, pairs);
      writeData(writer, data.values, pairs);
    }
  }
}

function writeLowCardinality(
  writer: BlockWriter,
  { dictionary, indexes }: Extract<NativeData, { kind: 'lowCardinality' }>,
  rows: number,
): void {
  const width = indexWidth(dictionary.count);
  writeUInt64(writer, (width >> 1) | HAS_ADDITIONAL_KEYS | NEED_UPDATE_DICTIONARY);
  writeUInt64(writer, dictionary.count);
  writeBytes(writer, dictionary.bytes, dictionary.byteLength);
  writeUInt64(writer, rows);
  const { bytes } = writer;
  let at = writer.at;
  for (let row = 0; row < rows; row++) {
    const index = indexes[row];
    bytes[at++] = index;
    if (width === 1) continue;
    bytes[at++] = index >>> 8;
    if (width === 2) continue;
    bytes[at++] = index >>> 16;
    bytes[at++] = index >>> 24;
  }
  writer.at = at;
}

/** Bytes of an index; 1, 2 and 4 are ClickHouse's index types 0, 1 and 2. */
function indexWidth(dictionaryCount: number): 1 | 2 | 4 {
  return dictionaryCount <= 0x100 ? 1 : dictionaryCount <= 0x10000 ? 2 : 4;
}

function writeEnds(writer: BlockWriter, ends: BigUint64Array, rows: number): void {
  writeBytes(writer, new Uint8Array(ends.buffer, ends.byteOffset, rows * 8), rows * 8);
}

function elementCount(ends: BigUint64Array, rows: number): number {
  return rows === 0 ? 0 : Number(ends[rows - 1]);
}

function assertHolds(condition: boolean, name: string, rows: number): void {
  if (!condition) throw new Error(`column ${name} does not have ${rows} rows`);
}
