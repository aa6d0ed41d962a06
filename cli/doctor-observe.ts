/** What `throughline doctor` asks a running system: over HTTP only, and the file system where it is this machine's. */
import { existsSync, statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LatencyAnswer, LedgerAnswer, ReadyAnswer, TraceAnswer, TracesAnswer } from '../schemas/index.js';
import type { ApiConnection } from './api-connection.js';

/** Value of each series, by its name with labels as Prometheus' text format writes them. */
export type Samples = ReadonlyMap<string, number>;

/** undefined: it could not be asked; `notAsked` says why. */
export interface Observations {
  readonly readiness: ReadyAnswer;
  /** Of the API's clock less ours, milliseconds, give or take a second. */
  readonly clockOffsetMs: number | undefined;
  readonly nowMs: number;
  readonly ledger: LedgerAnswer | undefined;
  readonly latency: LatencyAnswer | undefined;
  /** Of the newest traces, whole and not. */
  readonly traces: readonly TraceAnswer[];
  /** At the beginning and at the end of `observedMs`. */
  readonly metrics: { readonly before: Samples; readonly after: Samples } | undefined;
  readonly observedMs: number;
  readonly disk: { readonly directory: string; readonly freeBytes: number; readonly totalBytes: number } | undefined;
  readonly notAsked: readonly string[];
}

const WINDOW = '15m';
const LISTED = 200;
/** Looked at span by span. */
const INCOMPLETE_READ = 5;
const COMPLETE_READ = 10;

/** Rejects where the API does not answer at all, or does not let us in. */
export async function observe(
  api: ApiConnection,
  dataDir: string | undefined,
  observedMs: number,
): Promise<Observations> {
  const notAsked: string[] = [];
  const attempt = async <Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer | undefined> => {
    try {
      return await ask();
    } catch (error) {
      notAsked.push(`${what}: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  };
  const askedMs = Date.now();
  const { body, date } = await api.ask('/readyz');
  const readiness = JSON.parse(body) as ReadyAnswer;
  const before = await attempt('metrics', () => samplesOf(api));
  await sleep(observedMs);
  const after = before && (await attempt('metrics', () => samplesOf(api)));
  const [ledger, latency] = await Promise.all([
    attempt('ledger', () => api.get<LedgerAnswer>('/api/v1/ledger')),
    attempt('latency', () => api.get<LatencyAnswer>('/api/v1/latency', { window: WINDOW })),
  ]);
  return {
    readiness,
    clockOffsetMs: date === undefined ? undefined : Date.parse(date) + 500 - askedMs,
    nowMs: Date.now(),
    ledger,
    latency,
    traces: (latency && (await attempt('traces', () => tracesOf(api)))) ?? [],
    metrics: before && after && { before, after },
    observedMs,
    disk: dataDir === undefined ? undefined : diskOf(dataDir),
    notAsked,
  };
}

async function samplesOf(api: ApiConnection): Promise<Samples> {
  return parseSamples(await api.getText('/metrics'));
}

/** Prometheus' text format, as far as it has plain samples. */
export function parseSamples(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-z_:][\w:]*(?:\{.*\})?) (\S+)$/i.exec(line);
    if (match !== null) samples.set(match[1], Number(match[2]));
  }
  return samples;
}

async function tracesOf(api: ApiConnection): Promise<TraceAnswer[]> {
  const from = new Date(Date.now() - 15 * 60_000).toISOString();
  const to = new Date(Date.now() + 60_000).toISOString();
  const { traces } = await api.get<TracesAnswer>('/api/v1/traces', { from, to, limit: String(LISTED) });
  const isWhole = (trace: { root: unknown; orphan_count: number }) => trace.root !== null && trace.orphan_count === 0;
  const chosen = [
    ...traces.filter(trace => !isWhole(trace)).slice(0, INCOMPLETE_READ),
    ...traces.filter(isWhole).slice(0, COMPLETE_READ),
  ];
  return Promise.all(chosen.map(({ trace_id }) => api.get<TraceAnswer>(`/api/v1/traces/${trace_id}`)));
}

function diskOf(directory: string): Observations['disk'] {
  if (!existsSync(directory)) return undefined;
  const { bavail, blocks, bsize } = statfsSync(directory);
  return { directory, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
