/** Recorded traces moved in time, so that a whole window after them is over when they have been replayed. */
import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { newestEndNs, shiftTimes } from '../../../cli/shift-times.js';

export async function shiftedFile(from: string, to: string, newestEndMs: number): Promise<void> {
  const json = gunzipSync(await readFile(from)).toString('utf8');
  await writeFile(to, shiftTimes(json, BigInt(newestEndMs) * 1_000_000n - newestEndNs(json)));
}
