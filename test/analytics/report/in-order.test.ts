import { expect, test } from 'vitest';
import { inOrder } from '../../../analytics/report/in-order.js';

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

test('results come in the order of the items, whichever is done first, four at once', async () => {
  let running = 0;
  let most = 0;
  const results = await inOrder([9, 1, 5, 3, 7, 2], async item => {
    most = Math.max(most, ++running);
    await turns(item * 3);
    running--;
    return item * 10;
  });

  expect(results).toEqual([90, 10, 50, 30, 70, 20]);
  expect(most).toBe(4);
});

test('a failure ends it when what is under way is over, and nothing more begins', async () => {
  const begun: number[] = [];
  let running = 0;
  const result = inOrder([1, 2, 3, 4, 5, 6], async item => {
    begun.push(item);
    running++;
    await turns(item === 1 ? 1 : 20);
    running--;
    if (item === 1) throw new Error('no');
  });

  await expect(result).rejects.toThrow('no');
  expect([begun, running]).toEqual([[1, 2, 3, 4], 0]);
});
