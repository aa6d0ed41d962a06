/** Arms the points of schemas/crash-point.ts in a system whose processes were started with the hook. */
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrashPoint } from '../../../schemas/index.js';
import { programPath } from './programs.js';
import type { SystemOptions } from './system.js';

export class CrashPoints {
  readonly #file = join(tmpdir(), `throughline-crash-${process.pid}-${performance.now()}`);

  /** Of the system that is to crash. */
  get options(): Required<Pick<SystemOptions, 'env' | 'preload'>> {
    return { env: { FAULTS_CRASH_FILE: this.#file }, preload: [programPath('crash-hook')] };
  }

  /** Whoever passes the point for the so-manieth time from now on is killed there, once. */
  arm(point: CrashPoint, passes = 1): void {
    writeFileSync(this.#file, `${point} ${passes}`);
  }

  /** Whether nobody was killed yet. */
  get isArmed(): boolean {
    return existsSync(this.#file);
  }
}
