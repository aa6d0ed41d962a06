/**
 * Work that goes on beside the loop, at most one of each name at a time. None rejects unhandled: a failure is kept, and
 * thrown in the loop when it asks; one that comes of stopping is none.
 */
export class Background<Name extends string> {
  readonly #signal: AbortSignal;
  readonly #running = new Map<Name, Promise<void>>();
  #failure: unknown = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  isRunning(name: Name): boolean {
    return this.#running.has(name);
  }

  /** Replaces what ran under the name: whoever needs one after the other waits first. */
  start(name: Name, work: Promise<void>): void {
    const guarded = this.#guard(work).finally(() => {
      if (this.#running.get(name) === guarded) this.#running.delete(name);
    });
    this.#running.set(name, guarded);
  }

  /** Resolves when it, if it runs, has ended, however. */
  async ended(...names: readonly Name[]): Promise<void> {
    await Promise.all(names.map(name => this.#running.get(name)));
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.#signal.aborted) this.#failure ??= error;
    }
  }
}
