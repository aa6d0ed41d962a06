import { describe, expect, it } from 'vitest';
import { Auditor } from '../../stitcher/auditor.js';
import { OpenTraces } from '../../stitcher/open-traces.js';
import type { Audit, AuditFinding, TraceStore } from '../../store/index.js';

const TRACE_ID = '5b8efff798038103d269b633813fc60c';
const NOW = 1_000_000;
const WINDOWS = { completeAfterMs: 2_000, idleMs: 10_000, maxOpenMs: 60_000, debounceMs: 500, maxSpansPerTrace: 1_000 };

/** A store whose audit finds one trace, of these partitions, when the test lets it. */
function auditorOver(partitions: readonly number[], untilMs = NOW) {
  let answer = () => {};
  const finding: AuditFinding = {
    tenant: 'default',
    traceId: TRACE_ID,
    partitions: [...partitions],
    lastReceivedMs: 0,
  };
  const store = {
    audit: () =>
      new Promise<Audit>(resolve => {
        answer = () => resolve({ findings: [finding], serverNowMs: NOW, untilMs });
      }),
  } as Partial<TraceStore> as TraceStore;
  const open = new OpenTraces(WINDOWS, 8);
  const auditor = new Auditor(store, open, { everyMs: 1, overlapMs: 0, quietMs: 0 });
  const run = (watermarkMs = NOW) => auditor.run(1, watermarkMs, () => NOW);
  return { auditor, open, run, answer: () => answer() };
}

describe('what an audit finds', () => {
  it('of a partition of ours is put up for restitching there', async () => {
    const { auditor, open, run, answer } = auditorOver([3]);
    auditor.gain(new Map([[3, 0]]));
    const pass = run();
    answer();
    await pass;
    expect(open.traces.openCount).toBe(1);
    expect(open.nextDue(3, NOW)).toBeGreaterThanOrEqual(0);
    expect(auditor.isClean(1)).toBe(false);
  });

  it('is left to others where the partition was lost while the store was looking', async () => {
    const { auditor, open, run, answer } = auditorOver([3]);
    auditor.gain(
      new Map([
        [3, 0],
        [4, 0],
      ]),
    );
    const pass = run();
    auditor.lose(new Set([3]));
    answer();
    await pass;
    // Nobody here would ever close it.
    expect(open.traces.openCount).toBe(0);
  });

  it('of a trace in two partitions goes to the one that is still ours', async () => {
    const { auditor, open, run, answer } = auditorOver([3, 4]);
    auditor.gain(
      new Map([
        [3, 0],
        [4, 0],
      ]),
    );
    const pass = run();
    auditor.lose(new Set([3]));
    answer();
    await pass;
    expect(open.nextDue(4, NOW)).toBeGreaterThanOrEqual(0);
  });

  it('of somebody else does not make a pass unclean', async () => {
    const { auditor, open, run, answer } = auditorOver([3]);
    auditor.gain(new Map([[4, 0]]));
    const pass = run();
    answer();
    await pass;
    expect(open.traces.openCount).toBe(0);
    expect(auditor.isClean(1)).toBe(true);
    expect(auditor.auditedThroughMs).toEqual({ 4: NOW });
  });
});

describe('where the next audit begins after one that found something', () => {
  const positionAfter = async (sinceMs: number, untilMs: number) => {
    const { auditor, run, answer } = auditorOver([3], untilMs);
    auditor.gain(new Map([[3, sinceMs]]));
    const pass = run();
    answer();
    await pass;
    expect(auditor.isClean(1)).toBe(false);
    return auditor.auditedThroughMs[3];
  };

  it('is where that was touched last: under load something is always found, and an audit may not grow for ever', async () => {
    expect(await positionAfter(0, NOW - 5_000)).toBe(NOW - 5_000);
  });

  it('is no earlier than where this one began, which met it', async () => {
    expect(await positionAfter(NOW - 1_000, NOW - 5_000)).toBe(NOW - 1_000);
  });

  it('is not a time that is yet to come, of a clock that was set back', async () => {
    expect(await positionAfter(NOW + 60_000, NOW - 5_000)).toBe(NOW - 5_000);
  });
});

describe('an audit that took a second', () => {
  const pastFirst = async () => {
    const { auditor, answer } = auditorOver([3]);
    auditor.gain(new Map([[3, 0]]));
    const pass = auditor.run(1, NOW, steps(NOW, NOW + 1_000));
    answer();
    await pass;
    return auditor;
  };

  it('is followed by the next 20 seconds later while traces are open', async () => {
    const auditor = await pastFirst();
    expect(auditor.isDue(NOW + 20_999, 1, false)).toBe(false);
    expect(auditor.isDue(NOW + 21_000, 1, false)).toBe(true);
  });

  it('is followed at once where none is: somebody waits for the last word', async () => {
    const auditor = await pastFirst();
    expect(auditor.isDue(NOW + 1_000, 1, true)).toBe(false);
    expect(auditor.isDue(NOW + 1_001, 1, true)).toBe(true);
  });
});

/** Ticks that are read one after the other. */
function steps(...readings: number[]): () => number {
  return () => readings.shift()!;
}
