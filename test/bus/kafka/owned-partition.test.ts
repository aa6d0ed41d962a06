import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnedPartition } from '../../../bus/kafka/owned-partition.js';
import { decodeCounts, encodeCounts, NO_COUNTS } from '../../../bus/kafka/prefix-counts.js';

const at = (offset: number, items: number, tallies = {}) => ({ offset, endOffset: offset + 1, items, tallies });

describe('one ownership of a partition', () => {
  it('counts the items and tallies of the records that a commit passes, and the tallies of the commit', () => {
    const owned = new OwnedPartition(5, { items: 10, tallies: { rejected: 1 }, lastAppendTimeMs: 100 });
    owned.handOut(at(5, 2), 200);
    owned.handOut(at(6, 3, { rejected: 4 }), 300);
    owned.handOut(at(7, 1), 400);
    owned.store({ partition: 0, offset: 7, tallies: { dead_letter: 1 } });
    expect(owned.committable).toEqual({
      offset: 7,
      counts: { items: 15, tallies: { rejected: 5, dead_letter: 1 }, lastAppendTimeMs: 300 },
    });
    owned.committed(7);
    expect(owned.committable).toBeUndefined();
  });

  it('never lets append times fall, also where the broker stepped back before what is committed', () => {
    const owned = new OwnedPartition(0, { items: 0, tallies: {}, lastAppendTimeMs: 500 });
    expect(owned.handOut(at(0, 1), 400)).toBe(500);
    expect(owned.handOut(at(1, 1), 600)).toBe(600);
    expect(owned.handOut(at(2, 1), 550)).toBe(600);
  });

  it('commits up to the next record where there are none between', () => {
    const owned = new OwnedPartition(0, NO_COUNTS);
    owned.handOut(at(0, 1), 1);
    owned.skipTo(3);
    owned.store({ partition: 0, offset: 1 });
    expect(owned.committable?.offset).toBe(3);
    owned.committed(3);
    owned.skipTo(4);
    expect(owned.committable?.offset).toBe(4);
    owned.skipTo(2);
    expect(owned.position).toBe(4);
  });

  it('goes on from where somebody else has come to, with their counts, and takes no commit of before', () => {
    const owned = new OwnedPartition(0, NO_COUNTS);
    owned.handOut(at(0, 1), 1);
    owned.moveOn(8, { items: 20, tallies: {}, lastAppendTimeMs: 9 });
    owned.store({ partition: 0, offset: 1 });
    expect(owned.committable).toBeUndefined();
    owned.handOut(at(8, 2), 3);
    owned.store({ partition: 0, offset: 9 });
    expect(owned.committable).toEqual({ offset: 9, counts: { items: 22, tallies: {}, lastAppendTimeMs: 9 } });
  });

  it('takes no commit of what a former ownership was handed, beyond what this one was', () => {
    const owned = new OwnedPartition(4, { items: 9, tallies: {}, lastAppendTimeMs: 9 });
    owned.handOut(at(4, 1), 10);
    owned.store({ partition: 0, offset: 7, tallies: { dead_letter: 3 } });
    expect(owned.committable).toBeUndefined();
    owned.store({ partition: 0, offset: 5 });
    expect(owned.committable).toEqual({ offset: 5, counts: { items: 10, tallies: {}, lastAppendTimeMs: 10 } });
  });

  it('whoever commits an offset, in however many steps and ownerships, commits the same counts with it', () => {
    const record = fc.record({ items: fc.nat(9), rejected: fc.nat(2), appendTimeMs: fc.nat(50) });
    const plan = fc.record({
      records: fc.array(record, { minLength: 1, maxLength: 30 }),
      steps: fc.array(
        fc.record({ take: fc.nat(6), storeShare: fc.double({ min: 0, max: 1, noNaN: true }), hands: fc.boolean() }),
      ),
    });
    const run = ({ records, steps }: typeof plan extends fc.Arbitrary<infer P> ? P : never) => {
      let owned = new OwnedPartition(0, NO_COUNTS);
      let committed = { offset: 0, counts: NO_COUNTS };
      const seen = new Map<number, number>();
      const everything = { take: records.length, storeShare: 1, hands: false };
      for (const step of [...steps, everything]) {
        for (let left = step.take; left > 0 && owned.position < records.length; left--) {
          const { items, rejected, appendTimeMs } = records[owned.position];
          const offset = owned.position;
          const told = owned.handOut(at(offset, items, rejected > 0 ? { rejected } : {}), appendTimeMs);
          // The same on every redelivery.
          expect(seen.get(offset) ?? told).toBe(told);
          seen.set(offset, told);
        }
        const offset = Math.round(committed.offset + (owned.position - committed.offset) * step.storeShare);
        owned.store({ partition: 0, offset });
        const due = owned.committable;
        if (due !== undefined) {
          owned.committed(due.offset);
          committed = { offset: due.offset, counts: decodeCounts(encodeCounts(due.counts)) ?? NO_COUNTS };
        }
        if (step.hands) owned = new OwnedPartition(committed.offset, committed.counts);
      }
      return committed;
    };
    fc.assert(
      fc.property(plan, given => {
        const whole = run({ ...given, steps: [] });
        expect(run(given)).toEqual(whole);
        expect(whole.counts.items).toBe(given.records.reduce((sum, { items }) => sum + items, 0));
      }),
    );
  });
});

describe('counts in the metadata of an offset', () => {
  it.each([
    null,
    '',
    'x',
    '{}',
    '{"v":2,"items":1,"appended":1,"tallies":{}}',
    '{"v":1,"items":-1,"appended":1,"tallies":{}}',
  ])('that are not ours are not taken for some: %s', metadata => {
    expect(decodeCounts(metadata)).toBeUndefined();
  });
});
