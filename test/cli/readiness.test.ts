import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { type Bus, BusError, type PartitionOffsets } from '../../bus/index.js';
import { exposeLag } from '../../cli/log-view.js';
import { PublishWatch, RoleReadiness } from '../../cli/readiness.js';

/** A log whose publishes and offsets do what the test says. */
function fakeBus(): { bus: Bus; does: { publish: () => Promise<void>; offsets: () => Promise<PartitionOffsets[]> } } {
  const does = { publish: async () => {}, offsets: async (): Promise<PartitionOffsets[]> => [] };
  const bus: Bus = {
    partitionCount: 1,
    maxRecordBytes: 1,
    failed: new Promise(() => {}),
    publish: () => does.publish(),
    offsets: () => does.offsets(),
    consumer: () => Promise.reject(new Error('not here')),
    state: async () => ({ partitions: [], counters: {} }),
    deadLetters: async () => [],
    close: async () => {},
  };
  return { bus, does };
}

const refusal = new BusError('BUS_FULL', 'full');

test('a process is ready between its start and its end', async () => {
  const readiness = new RoleReadiness(() => ({}));
  expect(await readiness.checkAll()).toEqual({ ready: false, reasons: ['starting'] });
  readiness.running();
  expect(await readiness.checkAll()).toEqual({ ready: true, reasons: [] });
  readiness.draining();
  expect(await readiness.checkAll()).toEqual({ ready: false, reasons: ['draining'] });
});

test('every reason is given at once', async () => {
  const readiness = new RoleReadiness(() => ({
    stitcher: { reason: () => 'the stitcher: it broke' },
    publishes: { reason: async () => 'the log does not answer' },
    store: { ping: async () => false },
  }));
  readiness.running();
  const reasons = ['the log does not answer', 'the stitcher: it broke', 'the store does not answer'];
  expect(await readiness.checkAll()).toEqual({ ready: false, reasons });
});

test('a store that fails or hangs does not answer', async () => {
  let ping = () => Promise.reject<boolean>(new Error('gone'));
  const readiness = new RoleReadiness(() => ({ store: { ping: () => ping() } }));
  readiness.running();
  expect((await readiness.checkAll()).reasons).toEqual(['the store does not answer']);
  ping = () => new Promise(() => {});
  expect((await readiness.checkAll()).reasons).toEqual(['the store does not answer']);
  ping = async () => true;
  expect((await readiness.checkAll()).reasons).toEqual([]);
});

test('a log that refused a publish is not ready until one succeeds', async () => {
  const { bus, does } = fakeBus();
  const watch = new PublishWatch(bus, () => 0);
  does.publish = () => Promise.reject(refusal);
  await expect(watch.bus.publish([])).rejects.toBe(refusal);
  expect(await watch.reason()).toBe('the log takes no records: BUS_FULL');
  does.publish = async () => {};
  await watch.bus.publish([]);
  expect(await watch.reason()).toBe('');
});

test('a refusal counts for 15 s: without spans nobody would find out that the log takes them again', async () => {
  const { bus, does } = fakeBus();
  let nowMs = 1_000;
  const watch = new PublishWatch(bus, () => nowMs);
  does.publish = () => Promise.reject(refusal);
  await expect(watch.bus.publish([])).rejects.toBe(refusal);
  nowMs += 14_999;
  expect(await watch.reason()).not.toBe('');
  nowMs += 1;
  expect(await watch.reason()).toBe('');
});

test('a record that no log would take says nothing about this one', async () => {
  const { bus, does } = fakeBus();
  const watch = new PublishWatch(bus, () => 0);
  does.publish = () => Promise.reject(new BusError('BUS_FULL', 'too large for any log', { retryable: false }));
  await expect(watch.bus.publish([])).rejects.toThrow('too large');
  expect(await watch.reason()).toBe('');
});

test('a log whose offsets cannot be had does not answer', async () => {
  const { bus, does } = fakeBus();
  const watch = new PublishWatch(bus, () => 0);
  does.offsets = () => Promise.reject(new BusError('BUS_UNAVAILABLE', 'no broker'));
  expect(await watch.reason()).toBe('the log does not answer');
  does.offsets = () => new Promise(() => {});
  expect(await watch.reason()).toBe('the log does not answer');
});

test('the lag is unknown while the log is away, and the other metrics stay', async () => {
  const { bus, does } = fakeBus();
  const registry = new Registry();
  exposeLag(bus, registry);
  const partition = { partition: 3, startOffset: 0, endOffset: 9, committedOffset: 4, lastAppendTimeMs: 1 };
  does.offsets = async () => [partition];
  expect(await registry.metrics()).toContain('\nthroughline_log_lag_records{partition="3"} 5\n');
  does.offsets = () => Promise.reject(new BusError('BUS_UNAVAILABLE', 'no broker'));
  const metrics = await registry.metrics();
  expect(metrics).toContain('# TYPE throughline_log_lag_records gauge');
  expect(metrics).not.toContain('{partition=');
});
