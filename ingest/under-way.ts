import { setTimeout as sleep } from 'node:timers/promises';

/** How many requests a transport has begun and not yet answered, so that closing can wait for them. */
export class UnderWay {
  private count = 0;
  private waiting: (() => void)[] = [];

  /** Answers what ends it; ending it twice is ending it once. */
  begin(): () => void {
    let ended = false;
    this.count++;
    return () => {
      if (ended) return;
      ended = true;
      this.count--;
      if (this.count > 0) return;
      for (const resolve of this.waiting) resolve();
      this.waiting = [];
    };
  }

  /** Resolves when there is none, or when it has lasted too long. */
  async idle(withinMs: number): Promise<void> {
    if (this.count === 0) return;
    const idle = new Promise<void>(resolve => this.waiting.push(resolve));
    await Promise.race([idle, sleep(withinMs, undefined, { ref: false })]);
  }
}
