import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DenseIds } from '../../../stitcher/assembly/dense-ids.js';

const word = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

test('numbers pairs in order of first appearance, use after use', () => {
  const ids = new DenseIds();
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word), { maxLength: 300 }), pairs => {
      ids.clear();
      const known: string[] = [];
      for (const [first, second] of pairs) {
        const text = `${first}/${second}`;
        if (!known.includes(text)) known.push(text);
        expect(ids.index(first, second)).toBe(known.indexOf(text));
      }
      const kept = Array.from({ length: ids.count }, (_, number) => `${ids.first[number]}/${ids.second[number]}`);
      expect(kept).toEqual(known);
    }),
  );
});
