/**
 * Stops a timer of kafkajs 2.2.4 that fires every millisecond for each connection, whether or not a request waits
 * (tulios/kafkajs#1704, and #1751 for Node 24's warnings about it): 14 ms of CPU a second for each connection that does
 * nothing, and a process that cannot end. A request that does have to wait starts it by itself.
 *
 * kafkajs is pinned, and a test says when this no longer finds what it looks for (test/bus/kafka/quiet-queue.test.ts).
 */
import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const quieted = new WeakSet<object>();

/** Whether it was found. */
export function quietRequestQueues(): boolean {
  try {
    const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as {
      prototype: RequestQueue;
    };
    if (quieted.has(prototype)) return true;
    const schedule = prototype.scheduleCheckPendingRequests;
    if (typeof schedule !== 'function') return false;
    prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
      if (this.pending.length > 0) schedule.call(this);
    };
    quieted.add(prototype);
    return true;
  } catch {
    return false;
  }
}
