import { describe, expect, test } from 'vitest';
import { growthPercent } from '../../cli/heap-growth.js';

const MIB = 2 ** 20;

describe('a heap may grow', () => {
  test.each([
    [0, 900],
    [28 * MIB, 900],
    [32 * MIB, 800],
    [64 * MIB, 400],
    [256 * MIB, 100],
    [853 * MIB, 30],
    [4_096 * MIB, 30],
  ])('with %d bytes in use by %d percent', (usedBytes, percent) => {
    expect(growthPercent(usedBytes)).toBe(percent);
  });

  test('by about 256 MiB, until that is less than V8 itself allows', () => {
    for (let used = 29 * MIB; used < 850 * MIB; used += 7 * MIB) {
      const room = (used * growthPercent(used)) / 100;
      expect(room).toBeLessThanOrEqual(256 * MIB);
      expect(room).toBeGreaterThan(256 * MIB - used / 100);
    }
  });
});
