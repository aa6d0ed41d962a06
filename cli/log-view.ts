import { Gauge, type Registry } from 'prom-client';
import type { LogView } from '../analytics/index.js';
import type { Bus, BusState } from '../bus/index.js';

/** Counters of spans refused by receivers, before the log; and by the stitcher, whose records a foreign producer wrote. */
const REJECTED = 'rejected.';
const REJECTED_IN_LOG = 'rejected_in_log.';

/** The log's state in the words of the ledger: its items are spans. */
export function viewOf({ partitions, counters }: BusState): LogView {
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
    partitions,
    appendedItems: partitions.reduce((sum, partition) => sum + partition.appendedItems, 0),
    committedItems: partitions.reduce((sum, partition) => sum + partition.committedItems, 0),
    rejected,
    rejectedInLogItems,
    deadLetterItems: counters.dead_letter ?? 0,
  };
}

/** Lag and size of the log in /metrics. */
export function exposeLog(bus: Bus, registry: Registry): void {
  const lag = new Gauge({
    name: 'throughline_log_lag_records',
    help: 'Records appended and not yet committed, by partition',
    labelNames: ['partition'],
    registers: [registry],
  });
  const used = new Gauge({
    name: 'throughline_log_used_bytes',
    help: 'Bytes of the log in use (embedded log only)',
    registers: [registry],
  });
  new Gauge({
    name: 'throughline_log_limit_bytes',
    help: 'Bytes the log may use; when they are used up, receivers answer 503 (embedded log only)',
    registers: [registry],
    async collect() {
      const { partitions, usedBytes, limitBytes } = await bus.state();
      for (const { partition, endOffset, committedOffset } of partitions) {
        lag.set({ partition: String(partition) }, endOffset - committedOffset);
      }
      if (usedBytes !== undefined) used.set(usedBytes);
      if (limitBytes !== undefined) this.set(limitBytes);
    },
  });
}
