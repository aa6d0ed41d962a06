import { TOO_MANY_QUERIES } from './exceptions.js';

/** At most `width` at once; the others wait in line, up to a limit. */
export class Lane {
  readonly #maxWaiting: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number, maxWaiting: number) {
    this.#free = width;
    this.#maxWaiting = maxWaiting;
  }

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    await this.#enter();
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      throw TOO_MANY_QUERIES(`Too many simultaneous queries. Waiting: ${this.#maxWaiting}`);
    }
    await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
