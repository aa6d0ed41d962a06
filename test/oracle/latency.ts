/** The latency question, answered by looking at every trace. */
import type { OracleTrace } from './types.js';

export interface LatencyQuestion {
  /** Locality, region code or country code, in any case. */
  readonly location?: string;
  /** [fromNs, toNs) of the trace's end. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly service?: string;
  readonly operation?: string;
}

export interface LatencyAnswer {
  readonly traces: number;
  readonly errors: number;
  /** Traces without a root: their duration is not a user's. */
  readonly unknown: number;
  readonly incomplete: number;
  /** Quantile as text → milliseconds; null if no trace has a root. */
  readonly latencyMs: Record<string, number | null>;
}

export function latencyOf(
  traces: Iterable<OracleTrace>,
  question: LatencyQuestion,
  quantiles: readonly number[],
): LatencyAnswer {
  const asked = [...traces].filter(trace => isAsked(trace, question));
  const durations = asked
    .filter(trace => trace.hasRoot)
    .map(trace => trace.durationNs)
    .sort((a, b) => Number(a - b));
  const latencyMs: Record<string, number | null> = {};
  for (const quantile of quantiles) {
    const value = quantileExact(durations, quantile);
    latencyMs[String(quantile)] = value === undefined ? null : Number(value) / 1e6;
  }
  return {
    traces: asked.length,
    errors: asked.filter(trace => trace.error).length,
    unknown: asked.filter(trace => !trace.hasRoot).length,
    incomplete: asked.filter(trace => !trace.complete).length,
    latencyMs,
  };
}

/** ClickHouse's quantileExact: the element at floor(level × n) of the sorted values, at most the last. */
export function quantileExact<T>(sorted: readonly T[], level: number): T | undefined {
  return sorted[Math.min(Math.floor(level * sorted.length), sorted.length - 1)];
}

function isAsked(trace: OracleTrace, question: LatencyQuestion): boolean {
  const { location, fromNs, toNs, service, operation } = question;
  if (trace.endNs < fromNs || trace.endNs >= toNs) return false;
  if (service !== undefined && trace.service !== service) return false;
  if (operation !== undefined && trace.operation !== operation) return false;
  if (location === undefined) return true;
  return [trace.locality, trace.region, trace.country].some(name => name.toLowerCase() === location.toLowerCase());
}
