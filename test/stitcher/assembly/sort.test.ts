import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortByKeys } from '../../../stitcher/assembly/sort.js';

const keys = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }));

test('sorts any range by three keys, keeps equal entries in their order and touches nothing else', () => {
  const lists = fc.oneof(fc.array(keys, { maxLength: 30 }), fc.array(keys, { minLength: 100, maxLength: 400 }));
  fc.assert(
    fc.property(lists, fc.nat(), fc.nat(), (entries, a, b) => {
      const from = Math.min(a, b) % (entries.length + 1);
      const to = Math.max(from, Math.max(a, b) % (entries.length + 1));
      const key = (number: 0 | 1 | 2) => Float64Array.from(entries, entry => entry[number]);
      const order = Int32Array.from(entries.keys());
      const scratch = new Int32Array(entries.length);
      sortByKeys(order, scratch, from, to, key(0), key(1), key(2));
      const compare = (x: number, y: number) =>
        entries[x][0] - entries[y][0] || entries[x][1] - entries[y][1] || entries[x][2] - entries[y][2];
      const all = [...entries.keys()];
      expect([...order]).toEqual([...all.slice(0, from), ...all.slice(from, to).sort(compare), ...all.slice(to)]);
    }),
  );
});
