import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dictionary } from '../../otlp/dictionary.js';
import { concat, text } from './message-bytes.js';
import { stringsOf } from './read-rows.js';

/** A Map is the model: index by string, in order of first appearance. */
function expectLikeMap(dictionary: Dictionary, strings: readonly string[]): void {
  const model = new Map([['', 0]]);
  for (const one of strings) {
    if (!model.has(one)) model.set(one, model.size);
    const bytes = text(one);
    expect(dictionary.intern(bytes, 0, bytes.length)).toBe(model.get(one));
  }
  expect(dictionary.count).toBe(model.size);
  expect(stringsOf(dictionary)).toEqual([...model.keys()]);
  for (const [one, index] of model) expect(dictionary.text(index)).toBe(one);
}

describe('Dictionary', () => {
  test('has the empty string as 0 from the start', () => {
    const dictionary = new Dictionary();
    expect([dictionary.count, dictionary.byteLength, dictionary.text(0)]).toEqual([1, 1, '']);
    expect(dictionary.internText('')).toBe(0);
  });

  test('numbers strings in order of first appearance, whatever the key of its hash', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 12 })), fc.integer(), (strings, hashKey) => {
        expectLikeMap(new Dictionary(hashKey), [...strings, ...strings]);
      }),
    );
  });

  test.each([1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 20_000])(
    'tells strings of %d bytes apart that differ in any one byte',
    length => {
      const dictionary = new Dictionary();
      const bytes = new Uint8Array(length).fill(0x61);
      const step = Math.max(1, Math.floor(length / 50));
      const variants = [bytes];
      for (let at = 0; at < length; at += step) {
        variants.push(bytes.slice());
        variants[variants.length - 1][at] = 0x62;
      }
      expect(variants.map(one => dictionary.intern(one, 0, length))).toEqual(variants.map((_, index) => index + 1));
      expect(variants.map(one => dictionary.intern(one, 0, length))).toEqual(variants.map((_, index) => index + 1));
    },
  );

  test('tells strings apart that are prefixes of each other, or differ in zeros at the end', () => {
    expectLikeMap(new Dictionary(), ['a', 'ab', 'abc', 'abcd', 'abcde', '\0', '\0\0', '\0\0\0', '\0\0\0\0', 'a\0']);
  });

  test('grows to 50,000 strings', () => {
    expectLikeMap(
      new Dictionary(),
      Array.from({ length: 50_000 }, (_, index) => `string-${index}`),
    );
  });

  test('takes a part of its source, and sources may be parts of buffers', () => {
    const dictionary = new Dictionary();
    const source = concat(text('xx'), text('name'), text('yy')).subarray(1);
    expect(dictionary.intern(source, 1, 5)).toBe(1);
    expect(dictionary.internText('name')).toBe(1);
    expect(dictionary.text(1)).toBe('name');
  });

  test('says whether a guess is right', () => {
    const dictionary = new Dictionary();
    const bytes = text('name');
    const view = new DataView(bytes.buffer);
    const index = dictionary.intern(bytes, 0, 4);
    expect(dictionary.isAt(index, bytes, view, 0, 4)).toBe(true);
    expect(dictionary.isAt(index, bytes, view, 0, 3)).toBe(false);
    expect(dictionary.isAt(0, bytes, view, 0, 4)).toBe(false);
    expect(dictionary.isAt(0, bytes, view, 2, 2)).toBe(true);
  });

  test('forgets everything at a reset, and a new generation begins', () => {
    const dictionary = new Dictionary();
    const { generation } = dictionary;
    for (let round = 0; round < 3; round++) {
      expectLikeMap(dictionary, [`only in round ${round}`, 'in all', 'x'.repeat(10_000)]);
      expect(dictionary.text(1)).toBe(`only in round ${round}`);
      dictionary.reset();
    }
    expect(dictionary.generation).toBe(generation + 3);
    expect([dictionary.count, dictionary.byteLength]).toEqual([1, 1]);
  });

  test('an index that does not exist is refused', () => {
    expect(() => new Dictionary().text(1)).toThrow(RangeError);
  });
});
