/** The most memory that processes have taken, by name over all their lives. Linux only, like the rest of this suite. */
import { readFileSync } from 'node:fs';

const SAMPLE_MS = 200;

export interface MemoryPeak {
  readonly process: string;
  readonly peakBytes: number;
  readonly capBytes: number;
}

/**
 * Caps, generous on purpose: they are there to catch what grows without end. A process of ours has its configured pools
 * (`ingest.maxInFlightBytes`, `stitcher.maxMemory`, both 64 MiB here), their copies on the way to the store, and node;
 * the engine its configured 1 GiB, and what chDB maps besides.
 */
export const OWN_CAP_BYTES = 900 << 20;
export const ENGINE_CAP_BYTES = 2_000 * 2 ** 20;

export class MemoryWatch {
  readonly #pids: () => ReadonlyMap<string, number>;
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  /** `pids`: of what runs at the moment, by name. */
  constructor(pids: () => ReadonlyMap<string, number>) {
    this.#pids = pids;
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  sample(): void {
    for (const [name, pid] of this.#pids()) {
      const bytes = peakOf(pid);
      if (bytes > (this.#peaks.get(name) ?? 0)) this.#peaks.set(name, bytes);
    }
  }

  peaks(): MemoryPeak[] {
    this.sample();
    return [...this.#peaks].map(([process, peakBytes]) => ({
      process,
      peakBytes,
      capBytes: process === 'engine' ? ENGINE_CAP_BYTES : OWN_CAP_BYTES,
    }));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** The kernel keeps the high-water mark of each process; 0 once it has ended. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
