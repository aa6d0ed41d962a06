import { expect, test } from 'vitest';
import { TRACE_FLAG_NAMES, TraceFlag, traceFlagNames } from '../../../stitcher/assembly/index.js';

test('every flag has its own bit, and its name is that of the constant', () => {
  const bits = Object.values(TraceFlag);
  expect(bits.reduce<number>((all, bit) => all | bit, 0)).toBe(2 ** bits.length - 1);
  for (const [name, bit] of Object.entries(TraceFlag)) expect(traceFlagNames(bit)).toEqual([name.toLowerCase()]);
  expect(TRACE_FLAG_NAMES).toHaveLength(bits.length);
});

test('the names of several flags come sorted', () => {
  const all = traceFlagNames(Object.values(TraceFlag).reduce<number>((bits, bit) => bits | bit, 0));
  expect(all).toEqual([...TRACE_FLAG_NAMES].sort());
  expect(traceFlagNames(TraceFlag.TRUNCATED | TraceFlag.CONFLICT | TraceFlag.RESTITCHED)).toEqual([
    'conflict',
    'restitched',
    'truncated',
  ]);
});

test('no bits, no names', () => {
  expect(traceFlagNames(0)).toEqual([]);
});
