/** `bench/results.json`: the newest figure of everything measured here, for people and for whoever compares runs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { QueryFigure } from './slo-store.js';

export interface StageFigure {
  /** Median over the runs, of CPU-seconds of the whole process. */
  readonly spans_per_s: number;
  readonly cpu_us_per_span: number;
  /** Slowest and fastest run. */
  readonly spread: readonly [number, number];
}

export interface PipeFigure {
  /** Over all processes of the path but the generator, from the first request until every answer has settled. */
  readonly spans_per_cpu_s: number;
  readonly spread: readonly [number, number];
  /** Until everything received is stored. */
  readonly spans_per_s: number;
  readonly ratio_to_engine_limit: number | null;
  /** By the same share of a second, what the generator used: it is not the bottleneck while this stays below one core. */
  readonly generator_cpu_share: number;
  /** From the acknowledgement of a trace until a latency answer has it, while `spans_per_s` others come in. */
  readonly freshness_ms?: { readonly p50: number; readonly p99: number; readonly spans_per_s: number };
  readonly peak_rss_bytes: number;
  readonly disk_bytes_per_span: number;
}

export interface MemoryFigures {
  readonly steady_minutes: number;
  readonly steady_spans_per_s: number;
  /** Of all processes together: medians of a fifth of the time each. */
  readonly rss_mib_second_fifth: number;
  readonly rss_mib_last_fifth: number;
  readonly rss_mib_peak: number;
  readonly burst_offered_spans_per_s: number;
  readonly burst_requests: number;
  /** 429 or 503. */
  readonly burst_requests_refused: number;
  readonly burst_spans_acknowledged: number;
  /** Acknowledged, and neither stored nor a duplicate. */
  readonly burst_spans_lost: number;
  readonly burst_rss_mib_peak: number;
}

export interface Results {
  readonly machine: string;
  readonly stages: Readonly<Record<string, StageFigure>>;
  readonly engine_limit: { readonly spans_per_cpu_s: number; readonly spread: readonly [number, number] } | null;
  readonly pipe: Readonly<Record<string, PipeFigure>>;
  readonly query: Readonly<Record<string, QueryFigure>>;
  readonly memory: MemoryFigures | null;
}

const FILE = 'bench/results.json';

export function machine(): string {
  const gib = Math.round(totalmem() / 2 ** 30);
  return `node ${process.version}, ${cpus().length} × ${cpus()[0].model.trim()}, ${gib} GiB`;
}

export function readResults(): Results {
  const none: Results = { machine: machine(), stages: {}, engine_limit: null, pipe: {}, query: {}, memory: null };
  return existsSync(FILE) ? { ...none, ...(JSON.parse(readFileSync(FILE, 'utf8')) as Partial<Results>) } : none;
}

/** Figures of this run over those of earlier ones: parts can be run alone. Those of another machine are forgotten. */
export function saveResults(part: Partial<Results>): void {
  const before = readResults();
  const kept =
    before.machine === machine()
      ? before
      : { ...before, stages: {}, engine_limit: null, pipe: {}, query: {}, memory: null };
  const merged = {
    ...kept,
    ...part,
    machine: machine(),
    stages: { ...kept.stages, ...part.stages },
    pipe: { ...kept.pipe, ...part.pipe },
    query: { ...kept.query, ...part.query },
  };
  writeFileSync(FILE, `${JSON.stringify(merged, null, 2)}\n`);
}
