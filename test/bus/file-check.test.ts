/** A log whose file was cut or changed behind its back: refused with a name and a way out, or handed out as corrupt; never wrong. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATA_FILE, MADE_FILE, PAGE_BYTES } from '../../bus/embedded/file-check.js';
import { BusError } from '../../bus/index.js';
import { seededRandom } from '../support/random.js';
import { drain, openBus, recordOf, startProgram, temporaryDirectory } from './support.js';

const RECORDS = 60;

/** A closed log of records of many sizes, small ones in leaves and large ones in pages of their own. */
async function madeLog(): Promise<string> {
  const directory = temporaryDirectory();
  const bus = await openBus({ directory, partitionCount: 3 });
  for (let at = 0; at < RECORDS; at++)
    await bus.publish([recordOf(at % 3, 500 + ((at * 7_919) % 9_000))], { tried: 1 });
  await bus.close();
  return directory;
}

function copyOf(directory: string): string {
  const copy = temporaryDirectory();
  mkdirSync(copy, { recursive: true });
  for (const name of [DATA_FILE, MADE_FILE]) copyFileSync(join(directory, name), join(copy, name));
  return copy;
}

/** Refused by name, or the records that came out, each as it was or marked as corrupt. */
async function outcomeOf(directory: string): Promise<'refused' | { sound: number; corrupt: number }> {
  try {
    const bus = await openBus({ directory, partitionCount: 3 });
    const records = await drain(await bus.consumer());
    for (const { payload, corrupt, offset, partition } of records) {
      const expected = recordOf(partition, 500 + (((offset * 3 + partition) * 7_919) % 9_000)).payload;
      if (corrupt === undefined && Buffer.compare(Buffer.from(payload), expected) !== 0)
        throw new Error('a wrong record');
    }
    const corrupt = records.filter(record => record.corrupt !== undefined).length;
    return { sound: records.length - corrupt, corrupt };
  } catch (error) {
    if (!(error instanceof BusError) || error.code !== 'BUS_CORRUPT') throw error;
    return 'refused';
  }
}

describe('a log whose file', () => {
  it('was cut anywhere is refused with its name, what is wrong and what can be done', async () => {
    const directory = await madeLog();
    const { length } = readFileSync(join(directory, DATA_FILE));
    for (const bytes of [0, 1_000, PAGE_BYTES, 2 * PAGE_BYTES, length / 3, length / 2, length - PAGE_BYTES]) {
      const copy = copyOf(directory);
      truncateSync(join(copy, DATA_FILE), Math.floor(bytes));
      const path = join(copy, DATA_FILE);
      await expect(openBus({ directory: copy })).rejects.toMatchObject({
        code: 'BUS_CORRUPT',
        retryable: false,
        message: expect.stringMatching(new RegExp(`${path} is damaged: .*(bytes|cut off).*move the directory away`)),
      });
    }
  });

  it('is gone is refused: it is no new log', async () => {
    const directory = await madeLog();
    rmSync(join(directory, DATA_FILE));
    await expect(openBus({ directory })).rejects.toMatchObject({ code: 'BUS_CORRUPT' });
    expect(existsSync(join(directory, DATA_FILE))).toBe(false);
    // Without what says that it was made it is one: its process may have been killed before there was anything in it.
    rmSync(join(directory, MADE_FILE));
    writeFileSync(join(directory, DATA_FILE), '');
    const bus = await openBus({ directory, partitionCount: 1 });
    expect((await bus.state()).partitions[0].endOffset).toBe(0);
  });

  it('lost the offsets of a partition to a flipped bit is refused', async () => {
    const directory = await madeLog();
    const file = readFileSync(join(directory, DATA_FILE));
    // 20 as f64, the end of every partition, wherever it stands in a row.
    const twenty = Buffer.alloc(8);
    twenty.writeDoubleLE(20);
    let refused = 0;
    for (let at = file.indexOf(twenty); at >= 0; at = file.indexOf(twenty, at + 1)) {
      const copy = copyOf(directory);
      const changed = Buffer.from(file);
      changed[at + 6] ^= 0x10;
      writeFileSync(join(copy, DATA_FILE), changed);
      if ((await outcomeOf(copy)) === 'refused') refused++;
    }
    // Of each partition the row in use; older ones of former transactions do not matter.
    expect(refused).toBeGreaterThanOrEqual(3);
  });

  it('has flipped bits anywhere is refused, or hands out every record as it was or as corrupt', {
    timeout: 120_000,
  }, async () => {
    const directory = await madeLog();
    const file = readFileSync(join(directory, DATA_FILE));
    const random = seededRandom(20_261_124);
    const seen = { refused: 0, corrupt: 0 };
    for (let round = 0; round < 40; round++) {
      const copy = copyOf(directory);
      const changed = Buffer.from(file);
      // The pages behind the metas, where everything else is.
      for (let flips = 0; flips < 6; flips++) {
        const at = 2 * PAGE_BYTES + Math.floor(random() * (file.length - 2 * PAGE_BYTES));
        changed[at] ^= 1 << Math.floor(random() * 8);
      }
      writeFileSync(join(copy, DATA_FILE), changed);
      const outcome = await outcomeOf(copy);
      if (outcome === 'refused') seen.refused++;
      else {
        expect(outcome.sound + outcome.corrupt).toBe(RECORDS);
        seen.corrupt += outcome.corrupt;
      }
    }
    expect(seen.corrupt).toBeGreaterThan(0);
  });

  it('another process writes to all the time is not taken for damaged', async () => {
    const directory = temporaryDirectory();
    const program = startProgram('busy-program', directory);
    await program.wrote(20);
    for (let opening = 0; opening < 10; opening++) {
      const bus = await openBus({ directory, partitionCount: 3, maxBytes: 256 << 20 });
      expect((await bus.state()).partitions).toHaveLength(3);
      await bus.close();
    }
    program.process.kill('SIGKILL');
    await program.ended;
  });
});
