/** How far a command is, on standard error: one line that is rewritten on a terminal, else a line now and then. */
export class ProgressLine {
  readonly #everyMs: number;
  readonly #isTerminal = process.stderr.isTTY === true;
  #nextMs: number;

  /** `everyMs`: between two lines where it is no terminal; a terminal's line changes up to ten times a second. */
  constructor(everyMs: number) {
    this.#everyMs = this.#isTerminal ? 100 : everyMs;
    this.#nextMs = performance.now() + this.#everyMs;
  }

  /** Cheap to call often: `text` is made only when it is shown. */
  show(text: () => string): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + this.#everyMs;
    process.stderr.write(this.#isTerminal ? `\r\u001b[K${text()}` : `${text()}\n`);
  }

  /** Leaves a last line that stays. */
  end(text: string): void {
    process.stderr.write(this.#isTerminal ? `\r\u001b[K${text}\n` : `${text}\n`);
  }
}
