/** A small file system of its own, so that a disk can be full without filling the machine's. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(1 << 20);

export class Tmpfs {
  readonly directory: string;

  /** Mounting needs root; where that is not to be had the test fails, and says so. */
  constructor(bytes: number) {
    this.directory = mkdtempSync(join(tmpdir(), 'throughline-tmpfs-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'throughline-faults', this.directory]);
    } catch (cause) {
      rmdirSync(this.directory);
      throw new Error('a tmpfs cannot be mounted: the tests of full disks need root (CAP_SYS_ADMIN)', { cause });
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  /** Takes all space but so much. */
  fill(leaveBytes = 0): void {
    const file = openSync(this.#ballast, 'a');
    try {
      while (this.freeBytes > leaveBytes)
        writeSync(file, CHUNK, 0, Math.min(CHUNK.length, this.freeBytes - leaveBytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what fill() took. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  destroy(): void {
    execFileSync('umount', ['-l', this.directory]);
    rmdirSync(this.directory);
  }

  get #ballast(): string {
    return join(this.directory, 'ballast');
  }
}
