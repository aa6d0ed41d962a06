/** Helpers that lay typed arrays out as Native columns; shared by span, arrival and trace rows. */
import type { StringDictionary, VarStrings } from '../otlp/index.js';
import type { NativeColumn, NativeData, NativeStrings } from '../store/index.js';

export function fixedColumn(name: string, type: string, width: number, array: ArrayBufferView): NativeColumn {
  return {
    name,
    type,
    data: { kind: 'fixed', width, bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) },
  };
}

export function stringColumn(name: string, values: NativeStrings): NativeColumn {
  return { name, type: 'String', data: { kind: 'string', values } };
}

/** Two hex digits of each byte value, as the 16 bits that little-endian memory wants. */
export const HEX_PAIRS = (() => {
  const pairs = new Uint16Array(256);
  const digits = '0123456789abcdef';
  for (let byte = 0; byte < 256; byte++) {
    pairs[byte] = digits.charCodeAt(byte >> 4) | (digits.charCodeAt(byte & 15) << 8);
  }
  return pairs;
})();

/** The first `byteCount` bytes of `source` as lower-case hex text. */
export function hexBytes(source: Uint8Array, byteCount: number): Uint8Array {
  const hex = new Uint16Array(byteCount);
  const pairs = HEX_PAIRS;
  for (let i = 0; i < byteCount; i++) hex[i] = pairs[source[i]];
  return new Uint8Array(hex.buffer);
}

/** Parent ids as strings: 16 hex digits, or empty for all-zero ids. */
export function optionalIdStrings(ids: Uint8Array, words: Uint32Array, rows: number): VarStrings {
  const bytes = new Uint8Array(rows * 17);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    if (words[row * 2] === 0 && words[row * 2 + 1] === 0) {
      bytes[at++] = 0;
      continue;
    }
    bytes[at++] = 16;
    const end = row * 8 + 8;
    for (let i = row * 8; i < end; i++) {
      const pair = HEX_PAIRS[ids[i]];
      bytes[at] = pair & 0xff;
      bytes[at + 1] = pair >> 8;
      at += 2;
    }
  }
  return { bytes, byteLength: at, count: rows };
}

/**
 * A LowCardinality column out of a dictionary shared by many columns: only the strings this one uses go along. Costs
 * one pass over the rows and one over the used strings; the engine would otherwise store the whole dictionary per column.
 */
export class DictionaryCompactor {
  #newIndex = new Uint32Array(1 << 12);
  #stringStart = new Uint32Array(1 << 12);

  compact(dictionary: StringDictionary, indexes: Uint32Array, count: number): NativeData {
    const starts = this.#locate(dictionary);
    const newIndex = this.#newIndex;
    newIndex.fill(0, 0, dictionary.count);
    const compacted = new Uint32Array(count);
    const used: number[] = [];
    let byteLength = 1;
    for (let row = 0; row < count; row++) {
      const index = indexes[row];
      if (index === 0) continue;
      let compactedIndex = newIndex[index];
      if (compactedIndex === 0) {
        used.push(index);
        byteLength += starts[index + 1] - starts[index];
        compactedIndex = used.length;
        newIndex[index] = compactedIndex;
      }
      compacted[row] = compactedIndex;
    }
    const bytes = new Uint8Array(byteLength);
    let at = 1; // '' is one zero byte
    for (const index of used) {
      bytes.set(dictionary.bytes.subarray(starts[index], starts[index + 1]), at);
      at += starts[index + 1] - starts[index];
    }
    return {
      kind: 'lowCardinality',
      dictionary: { bytes, byteLength, count: used.length + 1 },
      indexes: compacted,
    };
  }

  /** Start of every string (its length prefix) in the dictionary's bytes, and the end after the last. */
  #locate(dictionary: StringDictionary): Uint32Array {
    if (this.#stringStart.length <= dictionary.count) {
      this.#stringStart = new Uint32Array(dictionary.count * 2 + 1);
      this.#newIndex = new Uint32Array(dictionary.count * 2 + 1);
    }
    const starts = this.#stringStart;
    const bytes = dictionary.bytes;
    let at = 0;
    for (let i = 0; i < dictionary.count; i++) {
      starts[i] = at;
      let length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++];
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      at += length;
    }
    starts[dictionary.count] = at;
    return starts;
  }
}
