/** An engine that says nothing any more is as good as dead, and is treated so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { watchForHang } from '../../../store/engine/hang-watch.js';
import { columnOf } from '../columns.js';
import { startTestEngine } from '../support.js';

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

describe('an engine that hangs', () => {
  it('is killed and started again; inserts that waited for it are in, what was acknowledged is there', async () => {
    const { engine, store, close } = await startTestEngine({ hangTimeoutMs: 1_000 });
    await store.command('CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n');
    await store.insert('kept', [columnOf('n', 'UInt64', [1])], 1);
    const { pid, url } = engine;
    process.kill(pid, 'SIGSTOP');
    const waiting = store.insert('kept', [columnOf('n', 'UInt64', [2])], 1);
    await until('another child', () => engine.isReady() && engine.pid !== pid);
    await waiting;
    expect(engine.url).toBe(url);
    expect(await store.queryRows('SELECT n FROM kept ORDER BY n')).toEqual([['1'], ['2']]);
    await close();
  });

  it('is left alone while it works, however long a query takes', async () => {
    const { engine, store, close } = await startTestEngine({ hangTimeoutMs: 1_000 });
    const { pid } = engine;
    const slow = 'SELECT sum(sleepEachRow(0.5)) FROM numbers(8) SETTINGS max_block_size = 1';
    await Promise.all(Array.from({ length: 5 }, () => store.queryRows(slow)));
    expect(engine.pid).toBe(pid);
    await close();
  });
});

describe('the watch', () => {
  /** A child that answers as told. */
  function childThat(answers: boolean) {
    const listeners = new Set<(message: object) => void>();
    return {
      connected: true,
      asked: 0,
      on: (_event: string, listener: (message: object) => void) => listeners.add(listener),
      off: (_event: string, listener: (message: object) => void) => listeners.delete(listener),
      send(_message: string) {
        this.asked++;
        setImmediate(() => {
          if (answers) for (const listener of listeners) listener({ isAlive: true });
        });
      },
    };
  }

  it('asks again and again while it is answered, and calls once when it is not', async () => {
    const calls: string[] = [];
    const good = childThat(true);
    const bad = childThat(false);
    const watch = (child: typeof good, name: string) =>
      watchForHang(child as unknown as Parameters<typeof watchForHang>[0], 20, () => calls.push(name));
    const end = watch(good, 'good');
    watch(bad, 'bad');
    await until('several questions', () => good.asked > 5 && calls.length > 0);
    end();
    const { asked } = good;
    await sleep(100);
    expect(calls).toEqual(['bad']);
    expect([bad.asked, good.asked]).toEqual([1, asked]);
  });
});
