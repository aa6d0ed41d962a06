/**
 * How far the log's time has come in each partition: the largest append time among stored records, moved on by the wall
 * clock only while everything appended to the partition is stored. So replaying a log closes the same traces.
 */
import type { Bus, LogRecord } from '../bus/index.js';

export class Watermarks {
  readonly #bus: Bus;
  readonly #clock: () => number;
  readonly #ticks: () => number;
  readonly #everyMs: number;
  /** Of partitions that are drained: since when, and what their watermark was then. */
  readonly #drained = new Map<number, { readonly tick: number; readonly fromMs: number }>();
  readonly #watermarkMs = new Map<number, number>();
  readonly #committed = new Map<number, number>();
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** `everyMs`: the log is asked at most so often; it may be on another machine. */
  constructor(bus: Bus, clock: () => number, ticks: () => number, everyMs: number) {
    this.#bus = bus;
    this.#clock = clock;
    this.#ticks = ticks;
    this.#everyMs = everyMs;
  }

  /** Records that are stored and committed. */
  stored(records: readonly LogRecord[]): void {
    for (const { partition, offset, appendTimeMs } of records) {
      this.#raise(partition, appendTimeMs);
      this.#drained.delete(partition);
      this.#committed.set(partition, Math.max(this.#committed.get(partition) ?? 0, offset + 1));
    }
  }

  /** Moves idle partitions on. The clock is read before the log: whatever is appended later is stamped later. */
  async refresh(partitions: readonly number[]): Promise<void> {
    const tick = this.#ticks();
    if (tick - this.#lookedAtMs < this.#everyMs) return;
    this.#lookedAtMs = tick;
    const nowMs = this.#clock();
    for (const { partition, committedOffset, endOffset } of await this.#bus.offsets()) {
      if (!partitions.includes(partition)) continue;
      this.#committed.set(partition, committedOffset);
      if (committedOffset === endOffset) this.#raise(partition, Math.max(nowMs, this.#idleMs(partition, tick)));
      else this.#drained.delete(partition);
    }
  }

  /**
   * Where the watermark of a drained partition is at least, also while this clock is behind the one that stamped its
   * records (it was set back, or is another machine's): it goes on from there at half the pace, as the log's own clock does
   * then (cli/steady-clock.ts). Otherwise nothing would close until the clock has caught up.
   */
  #idleMs(partition: number, tick: number): number {
    const since = this.#drained.get(partition);
    if (since !== undefined) return since.fromMs + (tick - since.tick) / 2;
    this.#drained.set(partition, { tick, fromMs: this.of(partition) });
    return this.of(partition);
  }

  of(partition: number): number {
    return this.#watermarkMs.get(partition) ?? 0;
  }

  lowest(partitions: readonly number[]): number {
    return partitions.length === 0 ? 0 : Math.min(...partitions.map(partition => this.of(partition)));
  }

  committedOffsets(partitions: readonly number[]): Record<string, number> {
    return Object.fromEntries(partitions.map(partition => [String(partition), this.#committed.get(partition) ?? 0]));
  }

  #raise(partition: number, timeMs: number): void {
    if (timeMs > this.of(partition)) this.#watermarkMs.set(partition, timeMs);
  }
}
