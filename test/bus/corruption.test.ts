import { describe, expect, it } from 'vitest';
import { recordKey } from '../../bus/embedded/keys.js';
import { drain, openBus, pointsAfter, record, tamper, temporaryDirectory, text } from './support.js';

function flip(at: number): (value: Buffer) => Buffer {
  return value => {
    const position = at < 0 ? value.length + at : at;
    value[position] ^= 1;
    return value;
  };
}

async function tampered(change: (value: Buffer) => Buffer | undefined, offset = 1) {
  const directory = temporaryDirectory();
  const bus = await openBus({ directory });
  await bus.publish([record(0, 'first'), record(0, 'second', 5), record(0, 'third')]);
  await bus.close();
  await tamper(directory, 'records', tree => {
    const key = Buffer.from(recordKey(0, offset));
    const value = change(Buffer.from(tree.getBinary(key) as Buffer));
    return value === undefined ? tree.remove(key) : tree.put(key, value);
  });
  return openBus({ directory });
}

describe('a damaged record', () => {
  it.each([
    ['its last payload byte flipped', flip(-1), 'payload checksum mismatch'],
    ['a byte cut off', (value: Buffer) => value.subarray(0, -1), 'payload of 5 bytes, not 6'],
    ['its format version flipped', flip(0), 'header checksum mismatch'],
    ['its header checksum flipped', flip(4), 'header checksum mismatch'],
    ['its item count flipped', flip(20), 'header checksum mismatch'],
    ['its tenant flipped', flip(56), 'header checksum mismatch'],
    ['its tenant length flipped', flip(2), 'header checksum mismatch'],
    ['only ten bytes left', (value: Buffer) => value.subarray(0, 10), 'record of 10 bytes is shorter than its header'],
    ['nothing left', () => undefined, 'record is missing'],
  ])('with %s is handed out as corrupt, and the others as they are', async (_case, change, corrupt) => {
    const bus = await tampered(change);
    const records = await drain(await bus.consumer());
    expect(records.map(found => found.corrupt)).toEqual([undefined, corrupt, undefined]);
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect([text(records[0]), text(records[2])]).toEqual(['first', 'third']);
  });

  it('does not stop commits: items below an offset come from the next sound header', async () => {
    const bus = await tampered(flip(20));
    const consumer = await bus.consumer();
    const records = await drain(consumer);
    await consumer.commit([{ partition: 0, offset: 1 }]);
    expect((await bus.state()).partitions[0]).toMatchObject({ committedOffset: 1, committedItems: 6 });
    await consumer.commit(pointsAfter(records), [{ ...records[1], reason: records[1].corrupt! }]);
    expect((await bus.state()).partitions[0]).toMatchObject({ committedOffset: 3, committedItems: 7, startOffset: 3 });
    expect((await bus.state()).usedBytes).toBeGreaterThan(0);
    expect((await bus.deadLetters(1))[0]).toMatchObject({ offset: 1, reason: 'header checksum mismatch' });
  });
});

describe('a log of another format', () => {
  it('is refused as it is', async () => {
    const directory = temporaryDirectory();
    await (await openBus({ directory })).close();
    await tamper(directory, 'meta', tree => tree.put(Buffer.from('format'), Buffer.from('throughline-log 2')));
    await expect(openBus({ directory })).rejects.toMatchObject({ code: 'BUS_CORRUPT' });
  });
});
