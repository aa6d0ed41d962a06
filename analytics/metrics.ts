/** What this room tells Prometheus. */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface RequestMetrics {
  /** `route` is the pattern, never the path: paths hold ids. */
  answered(route: string, status: number, seconds: number): void;
}

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const seconds = new Histogram({
    name: 'throughline_api_request_seconds',
    help: 'Time to answer, by route and status',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  return {
    answered: (route, status, elapsed) => seconds.observe({ route, status: String(status) }, elapsed),
  };
}

export interface RollupMetrics {
  rewrote(minutes: number): void;
  failed(): void;
  took(ms: number): void;
}

export function createRollupMetrics(registry: Registry): RollupMetrics {
  const registers = [registry];
  const minutes = new Counter({
    name: 'throughline_rollup_minutes_total',
    help: 'Minutes of latency_rollup written, restatements included',
    registers,
  });
  const failures = new Counter({
    name: 'throughline_rollup_failures_total',
    help: 'Rollup passes that failed and were repeated',
    registers,
  });
  const seconds = new Counter({
    name: 'throughline_rollup_seconds_total',
    help: 'Time spent in rollup passes',
    registers,
  });
  return {
    rewrote: count => minutes.inc(count),
    failed: () => failures.inc(),
    took: ms => seconds.inc(ms / 1_000),
  };
}
