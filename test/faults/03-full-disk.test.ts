/** Fault 3: the disk is full. Receivers say come again, nothing is acknowledged that is not kept, and all goes on by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SEED } from './support/seeds.js';
import { System } from './support/system.js';
import { Tmpfs } from './support/tmpfs.js';
import { Trial } from './support/trial.js';

const DISK_BYTES = 400 << 20;
/** What a process has said may come a little later than its end. */
const LAST_WORDS = { timeout: 10_000 };

/** Fills the disk and waits until receivers refuse: the log's own free pages take some more. */
async function fillUp(disk: Tmpfs, system: System): Promise<void> {
  const before = await refusals(system.api);
  disk.fill();
  await system.until('full', async () => (await refusals(system.api)) > before + 3, 60_000);
}

/** Requests that were answered 503 so far. */
async function refusals(api: string): Promise<number> {
  const text = await (await fetch(`${api}/metrics`)).text();
  const line = /^throughline_ingest_requests_total\{[^}]*code="503"[^}]*\} (\d+)$/m.exec(text);
  return Number(line?.[1] ?? 0);
}

describe(`the disk is full (seed ${SEED})`, () => {
  test('senders get 503 and Retry-After; with room again, also after a kill, everything is there once', async () => {
    const disk = new Tmpfs(DISK_BYTES);
    onTestFinished(() => disk.destroy());
    const env = { THROUGHLINE_BUS_EMBEDDED_MAX_BYTES: '64MiB' };
    const trial = await Trial.start(SEED, { dataDir: disk.directory, env });
    const { system } = trial;

    const first = trial.load(300);
    await first.reached(20);
    await fillUp(disk, system);
    // Small requests may find a free page; the generator itself checks that each 503 has a Retry-After.
    const [acked, refused] = [first.acked, await refusals(system.api)];
    await sleep(1_500);
    expect((await refusals(system.api)) - refused).toBeGreaterThan(first.acked - acked);
    expect(system.program('up').isRunning).toBe(true);
    disk.free();
    await first.done;
    expect(first.acked).toBeGreaterThan(acked);

    const second = trial.load(300);
    await second.reached(20);
    await fillUp(disk, system);
    await system.kill('up');
    system.program('up').start();
    await sleep(1_500);
    disk.free();
    // It may have given up, saying why, or be about to: a supervisor starts it again.
    const supervisor = setInterval(() => {
      if (!system.program('up').isRunning) system.program('up').start();
    }, 200);
    onTestFinished(() => clearInterval(supervisor));
    await second.done;
    await system.ready();
    clearInterval(supervisor);
    await trial.judge();
  });

  test('a program that starts on it ends, saying which disk; with room again it starts', async () => {
    const disk = new Tmpfs(DISK_BYTES);
    onTestFinished(() => disk.destroy());
    const system = await System.prepare({ dataDir: disk.directory });
    onTestFinished(() => system.destroy());
    const program = system.program('up');

    disk.fill();
    program.start();
    expect(await program.exited).toBe(1);
    await expect
      .poll(() => program.log.at(-1), LAST_WORDS)
      .toMatch(`BUS_FULL: less than 1048576 bytes free on the disk of ${disk.directory}/log: too few for a new log`);
    disk.free();
    await system.up();
    expect(await system.stop()).toEqual([0]);

    // Now there is a log.
    disk.fill();
    program.start();
    expect(await program.exited).toBe(1);
    await expect
      .poll(() => program.log.at(-1), LAST_WORDS)
      .toMatch(`the disk of ${disk.directory} is full: make room on it, then start again`);
    disk.free();
    await system.up();
  });
});
