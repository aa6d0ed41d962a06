/** Records between kafkajs, which pushes them, and the stitcher, which polls. Knows its size; its owner keeps it bounded. */
import type { LogRecord } from '../types.js';

export class FetchedQueue {
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;
  readonly #sleepers = new Set<() => void>();

  get bytes(): number {
    return this.#bytes;
  }

  push(record: LogRecord): void {
    this.#records.push(record);
    this.#bytes += sizeOf(record);
  }

  /** Records up to `maxBytes` of payload, at least one if there is any. */
  take(maxBytes: number): LogRecord[] {
    const taken: LogRecord[] = [];
    let bytes = 0;
    while (this.#head < this.#records.length) {
      const record = this.#records[this.#head];
      if (taken.length > 0 && bytes + sizeOf(record) > maxBytes) break;
      taken.push(record);
      bytes += sizeOf(record);
      this.#head++;
    }
    this.#bytes -= bytes;
    if (this.#head === this.#records.length) {
      this.#records = [];
      this.#head = 0;
    }
    return taken;
  }

  /** Drops what came from partitions that are no longer ours. */
  drop(isLost: (partition: number) => boolean): void {
    this.#records = this.#records.slice(this.#head).filter(record => !isLost(record.partition));
    this.#head = 0;
    this.#bytes = this.#records.reduce((sum, record) => sum + sizeOf(record), 0);
  }

  wake(): void {
    for (const sleeper of this.#sleepers) sleeper();
  }

  /** Resolves when woken, or after `ms`. */
  sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const awake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(awake);
        resolve();
      };
      const timer = setTimeout(awake, ms);
      this.#sleepers.add(awake);
    });
  }
}

/** An empty record takes room, too. */
function sizeOf(record: LogRecord): number {
  return record.payload.length + 256;
}
