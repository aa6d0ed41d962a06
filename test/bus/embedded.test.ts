import { describe, expect, it } from 'vitest';
import { openEmbeddedBus } from '../../bus/index.js';
import { drain, openBus, pointsAfter, record, temporaryDirectory, text } from './support.js';

describe('publish', () => {
  it('gives each partition its own offsets, without gaps, and hands records out as they came', async () => {
    const bus = await openBus();
    await bus.publish([record(0, 'a'), record(1, 'b'), record(0, 'c')]);
    await bus.publish([record(1, 'd', 7)]);
    const records = await drain(await bus.consumer());
    expect(records.map(found => [found.partition, found.offset, text(found), found.itemCount, found.tenant])).toEqual([
      [0, 0, 'a', 1, 'default'],
      [0, 1, 'c', 1, 'default'],
      [1, 0, 'b', 1, 'default'],
      [1, 1, 'd', 7, 'default'],
    ]);
  });

  it('takes empty payloads, empty tenants and tenants that are not ASCII', async () => {
    const bus = await openBus();
    await bus.publish([
      { ...record(0, ''), tenant: '' },
      { ...record(0, 'x'), tenant: 'São Paulo 東京' },
    ]);
    const records = await drain(await bus.consumer());
    expect(records.map(found => [found.tenant, text(found)])).toEqual([
      ['', ''],
      ['São Paulo 東京', 'x'],
    ]);
  });

  it('keeps the tier of records that have one, beside tenants without', async () => {
    const bus = await openBus();
    await bus.publish([
      { ...record(0, 'x'), tenant: '東京', tier: 'Kante ä' },
      { ...record(0, 'y'), tier: '' },
      { ...record(0, 'z'), tenant: '', tier: 't'.repeat(255) },
    ]);
    const records = await drain(await bus.consumer());
    expect(records.map(found => [found.tenant, found.tier, text(found), found.corrupt])).toEqual([
      ['東京', 'Kante ä', 'x', undefined],
      ['default', undefined, 'y', undefined],
      ['', 't'.repeat(255), 'z', undefined],
    ]);
  });

  it('keeps records of parallel publishes apart and whole', async () => {
    const bus = await openBus({ partitionCount: 1 });
    const names = Array.from({ length: 200 }, (_, at) => `record ${at}`);
    await Promise.all(names.map(name => bus.publish([record(0, name), record(0, `${name}, second`)], { pairs: 1 })));
    const texts = (await drain(await bus.consumer())).map(text);
    expect(texts).toEqual(names.flatMap(name => [name, `${name}, second`]));
    expect((await bus.state()).counters).toEqual({ pairs: 200 });
  });

  it.each([
    ['a partition beyond the last', record(2, 'x')],
    ['a negative partition', record(-1, 'x')],
    ['a negative item count', record(0, 'x', -1)],
    ['a fractional item count', record(0, 'x', 0.5)],
    ['a tenant of 1025 bytes', { ...record(0, 'x'), tenant: 't'.repeat(1025) }],
    ['a tier of 256 bytes', { ...record(0, 'x'), tier: 'é'.repeat(128) }],
  ])('refuses %s together with the good records beside it', async (_case, bad) => {
    const bus = await openBus();
    await expect(bus.publish([record(0, 'good'), bad], { tried: 1 })).rejects.toThrow(RangeError);
    expect((await bus.state()).partitions.map(({ endOffset }) => endOffset)).toEqual([0, 0]);
    expect((await bus.state()).counters).toEqual({});
  });

  it('adds tallies without records, and sums them over publishes and openings', async () => {
    const directory = temporaryDirectory();
    const first = await openBus({ directory });
    await first.publish([], { 'rejected.bad_id': 2 });
    await first.publish([record(0, 'x')], { 'rejected.bad_id': 3, other: 1 });
    await first.close();
    const second = await openBus({ directory });
    await second.publish([], { other: 0.5 });
    expect((await second.state()).counters).toEqual({ 'rejected.bad_id': 5, other: 1.5 });
  });

  it('refuses a tally without a name or that is not finite', async () => {
    const bus = await openBus();
    await expect(bus.publish([], { '': 1 })).rejects.toThrow(RangeError);
    await expect(bus.publish([record(0, 'x')], { a: Number.NaN })).rejects.toThrow(RangeError);
    expect((await bus.state()).partitions[0].endOffset).toBe(0);
  });

  it('never lets append times of a partition decrease, whatever the clock says, also over openings', async () => {
    const directory = temporaryDirectory();
    let now = 500;
    const first = await openBus({ directory, clock: () => now });
    for (now of [500, 400, 600]) await first.publish([record(0, 'x')]);
    await first.close();
    const second = await openBus({ directory, clock: () => now });
    for (now of [100, 700]) await second.publish([record(0, 'x'), record(1, 'y')]);
    const records = await drain(await second.consumer());
    const times = (partition: number) => records.filter(r => r.partition === partition).map(r => r.appendTimeMs);
    expect(times(0)).toEqual([500, 500, 600, 600, 700]);
    expect(times(1)).toEqual([100, 700]);
    expect((await second.state()).partitions.map(({ lastAppendTimeMs }) => lastAppendTimeMs)).toEqual([700, 700]);
  });
});

describe('poll', () => {
  it('resolves empty after its wait, and at once when something is published meanwhile', async () => {
    const bus = await openBus({ pollIntervalMs: 60_000 });
    const consumer = await bus.consumer();
    expect(await consumer.poll(1_000, 5)).toEqual([]);
    const waiting = consumer.poll(1_000, 30_000);
    await bus.publish([record(1, 'woken')]);
    expect((await waiting).map(text)).toEqual(['woken']);
  });

  it('finds what another opening of the log published', async () => {
    const directory = temporaryDirectory();
    const reader = await openBus({ directory, pollIntervalMs: 5 });
    const writer = await openBus({ directory });
    const consumer = await reader.consumer();
    const waiting = consumer.poll(1_000, 30_000);
    await writer.publish([record(0, 'from elsewhere')]);
    expect((await waiting).map(text)).toEqual(['from elsewhere']);
  });

  it('stays within its bytes but always hands out one record', async () => {
    const bus = await openBus({ partitionCount: 1 });
    await bus.publish(['aaaa', 'bbbb', 'cccccccccc', 'd'].map(payload => record(0, payload)));
    const consumer = await bus.consumer();
    const polls: string[][] = [];
    for (let poll = 0; poll < 4; poll++) polls.push((await consumer.poll(8, 0)).map(text));
    expect(polls).toEqual([['aaaa', 'bbbb'], ['cccccccccc'], ['d'], []]);
  });

  it('shares its bytes among the partitions, so that none starves', async () => {
    const bus = await openBus({ partitionCount: 3 });
    for (const partition of [0, 1, 2])
      await bus.publish(Array.from({ length: 50 }, () => record(partition, 'x'.repeat(100))));
    const consumer = await bus.consumer();
    const seen = (await consumer.poll(3_000, 0)).map(({ partition }) => partition);
    for (const partition of [0, 1, 2]) expect(seen.filter(other => other === partition).length).toBeGreaterThan(5);
  });

  it('hands out a record larger than its bytes though smaller ones keep coming beside it', async () => {
    const bus = await openBus();
    await bus.publish([record(1, 'L'.repeat(500))]);
    const consumer = await bus.consumer();
    const seen: string[] = [];
    for (let round = 0; round < 5; round++) {
      await bus.publish([record(0, 'small')]);
      seen.push(...(await consumer.poll(100, 0)).map(found => text(found)[0]));
    }
    expect(seen).toContain('L');
  });

  it('gives payloads that stay as they are while the log goes on', async () => {
    const bus = await openBus({ partitionCount: 1 });
    await bus.publish([record(0, 'first '.repeat(1_000))]);
    const consumer = await bus.consumer();
    const records = await drain(consumer);
    await consumer.commit(pointsAfter(records));
    for (let round = 0; round < 20; round++) await bus.publish([record(0, 'later '.repeat(1_000))]);
    expect(text(records[0])).toBe('first '.repeat(1_000));
  });
});

describe('partition counts', () => {
  it('that grow keep what there is and take new partitions', async () => {
    const directory = temporaryDirectory();
    const small = await openBus({ directory, partitionCount: 1 });
    await small.publish([record(0, 'old')]);
    await small.close();
    const large = await openBus({ directory, partitionCount: 3 });
    await large.publish([record(2, 'new')]);
    const consumer = await large.consumer();
    expect(consumer.partitions).toEqual([0, 1, 2]);
    expect((await drain(consumer)).map(text)).toEqual(['old', 'new']);
  });

  it('that shrink leave the old partitions to be drained, closed to publishes', async () => {
    const directory = temporaryDirectory();
    const large = await openBus({ directory, partitionCount: 3 });
    await large.publish([record(0, 'a'), record(2, 'c')]);
    await large.close();
    const small = await openBus({ directory, partitionCount: 1 });
    await expect(small.publish([record(2, 'x')])).rejects.toThrow(RangeError);
    const consumer = await small.consumer();
    expect(consumer.partitions).toEqual([0, 2]);
    const records = await drain(consumer);
    expect(records.map(text)).toEqual(['a', 'c']);
    await consumer.commit(pointsAfter(records));
    expect(consumer.partitions).toEqual([0]);
    expect((await small.state()).partitions.map(({ committedOffset }) => committedOffset)).toEqual([1, 0, 1]);
  });
});

describe('one consumer', () => {
  it('at a time, within one opening and over several', async () => {
    const directory = temporaryDirectory();
    const first = await openBus({ directory });
    const second = await openBus({ directory });
    const consumer = await first.consumer();
    await expect(first.consumer()).rejects.toMatchObject({ code: 'BUS_CONFLICT' });
    await expect(second.consumer()).rejects.toMatchObject({ code: 'BUS_CONFLICT' });
    await consumer.close();
    await (await second.consumer()).close();
    await first.consumer();
  });

  it('wins when two ask at once', async () => {
    const bus = await openBus();
    const outcomes = await Promise.allSettled([bus.consumer(), bus.consumer(), bus.consumer()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('that is closed does nothing more', async () => {
    const bus = await openBus();
    const consumer = await bus.consumer();
    const waiting = consumer.poll(100, 30_000);
    await consumer.close();
    expect(await waiting).toEqual([]);
    await expect(consumer.poll(100, 0)).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    await expect(consumer.commit([])).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    expect(() => consumer.partitions).toThrow('closed');
  });
});

describe('close', () => {
  it('waits for the publishes under way and refuses later ones', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory, partitionCount: 1 });
    const publishes = Array.from({ length: 50 }, (_, at) => bus.publish([record(0, `${at}`)]));
    const closed = bus.close();
    await expect(bus.publish([record(0, 'late')])).rejects.toMatchObject({ code: 'BUS_CLOSED', retryable: false });
    await Promise.all([...publishes, closed, bus.close()]);
    await expect(bus.state()).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    const again = await openBus({ directory, partitionCount: 1 });
    expect(await drain(await again.consumer())).toHaveLength(50);
  });

  it('gives the lock back, also of a consumer that is just taking it or waiting for records', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory });
    const consumer = await bus.consumer();
    const waiting = consumer.poll(100, 30_000);
    await bus.close();
    expect(await waiting).toEqual([]);
    const second = await openBus({ directory });
    const opening = second.consumer();
    await second.close();
    await opening;
    const third = await openBus({ directory });
    await third.consumer();
  });
});

describe('opening', () => {
  it.each([
    ['partitionCount', { partitionCount: 0 }],
    ['partitionCount', { partitionCount: 1.5 }],
    ['maxBytes', { maxBytes: (1 << 20) - 1 }],
  ])('refuses an impossible %s by name', async (name, bad) => {
    const options = { directory: temporaryDirectory(), partitionCount: 1, maxBytes: 1 << 20, clock: () => 0, ...bad };
    await expect(openEmbeddedBus(options)).rejects.toThrow(name);
  });
});
