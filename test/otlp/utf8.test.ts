import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutUtf8, decodeUtf8, encodeUtf8, isValidUtf8, repairUtf8 } from '../../otlp/utf8.js';
import { hex, text } from './message-bytes.js';

const isValid = (bytes: Uint8Array): boolean => isValidUtf8(bytes, 0, bytes.length);
const strict = new TextDecoder('utf-8', { fatal: true });

function passesStrictDecoder(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('isValidUtf8', () => {
  test.each([
    ['nothing', ''],
    ['NUL', '00'],
    ['U+007F', '7f'],
    ['U+0080', 'c280'],
    ['U+07FF', 'dfbf'],
    ['U+0800', 'e0a080'],
    ['U+D7FF', 'ed9fbf'],
    ['U+E000', 'ee8080'],
    ['U+FFFF', 'efbfbf'],
    ['U+10000', 'f0908080'],
    ['U+10FFFF', 'f48fbfbf'],
    ['a byte order mark', 'efbbbf'],
  ])('takes %s', (_, bytes) => {
    expect(isValid(hex(bytes))).toBe(true);
  });

  test.each([
    ['a continuation byte alone', '80'],
    ['overlong NUL', 'c080'],
    ['overlong U+007F', 'c1bf'],
    ['overlong U+07FF', 'e09fbf'],
    ['overlong U+FFFF', 'f08fbfbf'],
    ['a high surrogate', 'eda080'],
    ['a low surrogate', 'edbfbf'],
    ['U+110000', 'f4908080'],
    ['a lead byte of five', 'f888808080'],
    ['0xff', 'ff'],
    ['1 of 2 bytes', 'c2'],
    ['2 of 3 bytes', 'e282'],
    ['3 of 4 bytes', 'f09f92'],
    ['ASCII in the second byte', 'c241'],
    ['ASCII in the third byte', 'e28241'],
    ['ASCII in the fourth byte', 'f09f9241'],
  ])('refuses %s', (_, bytes) => {
    expect(isValid(hex(bytes))).toBe(false);
    expect(isValid(hex(`61${bytes}`))).toBe(false);
  });

  test('agrees with the strict decoder on every pair of bytes, alone and before two continuation bytes', () => {
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        for (const bytes of [Uint8Array.of(first, second), Uint8Array.of(first, second, 0x80, 0x80)]) {
          if (isValid(bytes) !== passesStrictDecoder(bytes)) throw new Error(Buffer.from(bytes).toString('hex'));
        }
      }
    }
  });

  test('looks at nothing outside its range', () => {
    const bytes = hex('ff e282ac ff');
    expect(isValidUtf8(bytes, 1, 4)).toBe(true);
    expect(isValidUtf8(bytes, 1, 3)).toBe(false);
  });
});

describe('repairing', () => {
  test('22: replaces as the WHATWG decoder does, and keeps a byte order mark and NUL', () => {
    const repaired = repairUtf8(hex('efbbbf 61 00 f09f92 ff c3 62'), 0, 11);
    expect(repaired).toEqual(text('\ufeffa\0\ufffd\ufffd\ufffdb'));
    expect(decodeUtf8(repaired, 0, repaired.length)).toBe('\ufeffa\0\ufffd\ufffd\ufffdb');
  });

  test('22: always gives valid UTF-8, and changes nothing that is valid', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(encodeUtf8)), bytes => {
        const repaired = repairUtf8(bytes, 0, bytes.length);
        expect(isValid(repaired)).toBe(true);
        if (isValid(bytes)) expect(repaired).toEqual(bytes);
      }),
    );
  });
});

describe('cutUtf8', () => {
  test('never splits a character, and takes at most 3 bytes less than asked', () => {
    const bytes = text('aé€💸b'.repeat(3));
    for (let end = 0; end < bytes.length; end++) {
      const cut = cutUtf8(bytes, 0, end);
      expect(isValidUtf8(bytes, 0, cut)).toBe(true);
      expect(end - cut).toBeGreaterThanOrEqual(0);
      expect(end - cut).toBeLessThanOrEqual(3);
      expect(isValidUtf8(bytes, cut, bytes.length)).toBe(true);
    }
  });

  test('never goes before its start', () => {
    expect(cutUtf8(text('é€'), 2, 3)).toBe(2);
    expect(cutUtf8(text('é€'), 2, 4)).toBe(2);
  });

  test('cuts what is no UTF-8 where it is told to', () => {
    expect(cutUtf8(hex('808080808080'), 0, 5)).toBe(5);
  });
});
