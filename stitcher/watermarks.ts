/**
 * How far the log's time has come in each partition: the largest append time among stored records, moved on by the wall
 * clock only while everything appended to the partition is stored. So replaying a log closes the same traces.
 */
import type { Bus, LogRecord } from '../bus/index.js';

export class Watermarks {
  readonly #bus: Bus;
  readonly #clock: () => number;
  readonly #watermarkMs = new Map<number, number>();
  readonly #committed = new Map<number, number>();

  constructor(bus: Bus, clock: () => number) {
    this.#bus = bus;
    this.#clock = clock;
  }

  /** Records that are stored and committed. */
  stored(records: readonly LogRecord[]): void {
    for (const { partition, offset, appendTimeMs } of records) {
      this.#raise(partition, appendTimeMs);
      this.#committed.set(partition, Math.max(this.#committed.get(partition) ?? 0, offset + 1));
    }
  }

  /** Moves idle partitions on. The clock is read before the log: whatever is appended later is stamped later. */
  async refresh(partitions: readonly number[]): Promise<void> {
    const nowMs = this.#clock();
    const states = (await this.#bus.state()).partitions;
    for (const { partition, committedOffset, endOffset } of states) {
      if (!partitions.includes(partition)) continue;
      this.#committed.set(partition, committedOffset);
      if (committedOffset === endOffset) this.#raise(partition, nowMs);
    }
  }

  of(partition: number): number {
    return this.#watermarkMs.get(partition) ?? 0;
  }

  lowest(partitions: readonly number[]): number {
    return partitions.length === 0 ? 0 : Math.min(...partitions.map(partition => this.of(partition)));
  }

  committedOffsets(): Record<string, number> {
    return Object.fromEntries([...this.#committed].map(([partition, offset]) => [String(partition), offset]));
  }

  #raise(partition: number, timeMs: number): void {
    if (timeMs > this.of(partition)) this.#watermarkMs.set(partition, timeMs);
  }
}
