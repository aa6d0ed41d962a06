/**
 * The wall clock, except that it never goes back: while the machine's clock is behind what was already told, time goes on at
 * half its pace until the machine has caught up. Windows of the log stay open for twice their time then, not for an hour.
 */
export class SteadyClock {
  readonly #wall: () => number;
  readonly #ticks: () => number;
  #lastMs = 0;
  #lastTick: number;

  /** `ticks`: milliseconds that pass, whatever the clock says. */
  constructor(wall: () => number = Date.now, ticks: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#ticks = ticks;
    this.#lastTick = ticks();
  }

  /** What was told before this process began. */
  atLeast(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms);
  }

  /** Whole epoch milliseconds. */
  readonly now = (): number => {
    const tick = this.#ticks();
    const wallMs = this.#wall();
    this.#lastMs = Math.max(
      wallMs,
      this.#lastMs + (wallMs < Math.floor(this.#lastMs) ? (tick - this.#lastTick) / 2 : 0),
    );
    this.#lastTick = tick;
    return Math.floor(this.#lastMs);
  };
}
