/** What the summing of hours tells Prometheus. */
import { Counter, type Registry } from 'prom-client';

export interface HoursMetrics {
  summed(hours: number): void;
  failed(): void;
  took(ms: number): void;
}

export function createHoursMetrics(registry: Registry): HoursMetrics {
  const registers = [registry];
  const hours = new Counter({
    name: 'throughline_slo_hours_total',
    help: 'Hours of SLOs summed, again whenever a count in them changed',
    registers,
  });
  const failures = new Counter({
    name: 'throughline_slo_hours_failures_total',
    help: 'Passes of summing hours of SLOs that failed and were repeated',
    registers,
  });
  const seconds = new Counter({
    name: 'throughline_slo_hours_seconds_total',
    help: 'Time spent summing hours of SLOs',
    registers,
  });
  return {
    summed: count => hours.inc(count),
    failed: () => failures.inc(),
    took: ms => seconds.inc(ms / 1_000),
  };
}
