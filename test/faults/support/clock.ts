/**
 * The clock of a system whose processes were started with the hook: it may jump while they run. That of the engine inside
 * chDB is always right: so it is a machine whose clock jumps beside a store whose clock does not.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programPath } from './programs.js';
import type { SystemOptions } from './system.js';

export class Clock {
  readonly #file = join(tmpdir(), `throughline-clock-${process.pid}-${performance.now()}`);

  constructor() {
    this.set(0);
  }

  get options(): Required<Pick<SystemOptions, 'env' | 'preload'>> {
    return { env: { FAULTS_CLOCK_FILE: this.#file }, preload: [programPath('clock-hook')] };
  }

  /** How wrong it is from now on. */
  set(offsetMs: number): void {
    writeFileSync(`${this.#file}.new`, String(offsetMs));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
