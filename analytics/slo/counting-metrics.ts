/** What the counting of SLOs tells Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';

export interface CountingMetrics {
  wrote(cells: number, restatements: number): void;
  failed(): void;
  took(ms: number): void;
  backfilling(minutesLeft: number): void;
}

export function createCountingMetrics(registry: Registry): CountingMetrics {
  const registers = [registry];
  const cells = new Counter({
    name: 'throughline_slo_cells_total',
    help: 'Cells of slo_rollup written again, restatements included',
    registers,
  });
  const restatements = new Counter({
    name: 'throughline_slo_restatements_total',
    help: 'Cells that had been counted and of which something was taken back',
    registers,
  });
  const failures = new Counter({
    name: 'throughline_slo_counting_failures_total',
    help: 'Passes of counting that failed and were repeated, and SLOs that the store could not count',
    registers,
  });
  const seconds = new Counter({
    name: 'throughline_slo_counting_seconds_total',
    help: 'Time spent counting SLOs',
    registers,
  });
  const left = new Gauge({
    name: 'throughline_slo_backfill_minutes_left',
    help: 'Minutes yet to be counted for SLOs that are new or changed, summed over SLOs',
    registers,
  });
  return {
    wrote: (writtenCells, writtenRestatements) => {
      cells.inc(writtenCells);
      restatements.inc(writtenRestatements);
    },
    failed: () => failures.inc(),
    took: ms => seconds.inc(ms / 1_000),
    backfilling: minutes => left.set(minutes),
  };
}
