import { Gauge, type Registry } from 'prom-client';
import type { LogView } from '../analytics/index.js';
import type { Bus, BusState } from '../bus/index.js';
import { inTime } from './in-time.js';

/** Counters of spans refused by receivers, before the log; and by the stitcher, whose records a foreign producer wrote. */
const REJECTED = 'rejected.';
const REJECTED_IN_LOG = 'rejected_in_log.';

/** The log's state in the words of the ledger: its items are spans. */
export function viewOf({ partitions, counters, isEstimate = false }: BusState): LogView {
  const rejected: Record<string, number> = {};
  let rejectedInLogItems = 0;
  for (const [name, count] of Object.entries(counters)) {
    const reason = [REJECTED_IN_LOG, REJECTED].find(prefix => name.startsWith(prefix));
    if (reason === undefined) continue;
    const key = name.slice(reason.length);
    rejected[key] = (rejected[key] ?? 0) + count;
    if (reason === REJECTED_IN_LOG) rejectedInLogItems += count;
  }
  return {
    appendedItems: partitions.reduce((sum, partition) => sum + partition.appendedItems, 0),
    committedItems: partitions.reduce((sum, partition) => sum + partition.committedItems, 0),
    rejected,
    rejectedInLogItems,
    deadLetterItems: counters.dead_letter ?? 0,
    isEstimate,
  };
}

/** Well below the ten seconds that Prometheus waits for a whole answer. */
const OFFSETS_TIMEOUT_MS = 3_000;

/** How far the stitchers are behind, in /metrics. */
export function exposeLag(bus: Bus, registry: Registry): void {
  new Gauge({
    name: 'throughline_log_lag_records',
    help: 'Records appended and not yet committed, by partition',
    labelNames: ['partition'],
    registers: [registry],
    async collect() {
      // While the log is away nobody knows, and the other metrics are wanted all the more.
      const offsets = (await inTime(bus.offsets(), OFFSETS_TIMEOUT_MS)) ?? [];
      this.reset();
      for (const { partition, endOffset, committedOffset } of offsets) {
        this.set({ partition: String(partition) }, endOffset - committedOffset);
      }
    },
  });
}

/** Size of the embedded log, in /metrics. */
export function exposeSize(bus: Bus, registry: Registry): void {
  const used = new Gauge({
    name: 'throughline_log_used_bytes',
    help: 'Bytes of the embedded log in use',
    registers: [registry],
  });
  new Gauge({
    name: 'throughline_log_limit_bytes',
    help: 'Bytes the embedded log may use; when they are used up, receivers answer 503',
    registers: [registry],
    async collect() {
      const { usedBytes, limitBytes } = await bus.state();
      if (usedBytes !== undefined) used.set(usedBytes);
      if (limitBytes !== undefined) this.set(limitBytes);
    },
  });
}
