/**
 * Preloaded (`node --import`) into processes under test: makes the named moments of schemas/crash-point.ts real.
 *
 * FAULTS_CRASH_FILE names a file. While it holds `<point> <passes>`, the process kills itself at that point once it
 * has passed it so many times; the file is removed first, so that the next life goes on.
 */
import { readFileSync, rmSync } from 'node:fs';

const file = process.env.FAULTS_CRASH_FILE ?? '';
const passed = new Map<string, number>();

function armed(): { readonly point: string; readonly passes: number } | undefined {
  try {
    const [point, passes] = readFileSync(file, 'utf8').trim().split(' ');
    return { point, passes: Number(passes) };
  } catch {
    // Not armed, or not any more.
    return undefined;
  }
}

function atPoint(point: string): void {
  const order = armed();
  if (order?.point !== point) return;
  const times = (passed.get(point) ?? 0) + 1;
  passed.set(point, times);
  if (times < order.passes) return;
  rmSync(file);
  process.kill(process.pid, 'SIGKILL');
  // Nothing of what comes after the point may happen while the signal is on its way.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

Object.assign(globalThis, { [Symbol.for('throughline.crashPoint')]: atPoint });
