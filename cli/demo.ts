/** `throughline demo`: the bank for a while, then the question this program exists for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bank, startBank } from '../demo/index.js';
import type { Config, LatencyAnswer, TraceAnswer, TracesAnswer } from '../schemas/index.js';
import type { ApiConnection } from './api-connection.js';
import { type DemoEndpoints, type DemoTarget, findOrStart } from './demo-target.js';
import { ProgressLine } from './progress-line.js';

export interface DemoOptions extends DemoEndpoints {
  readonly seconds: number;
  /** Transactions a second. */
  readonly rate: number;
  readonly token?: string;
}

const CITY = 'New York';
const SETTLE_TIMEOUT_MS = 60_000;
const PROGRESS_EVERY_MS = 1_000;

/** Rejects where spans were lost on the way, or `signal` ends it early; what it started is stopped either way. */
export async function runDemoCommand(config: Config, options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { endpoint, grpcEndpoint, api } = options;
  const given = { ...(endpoint && { endpoint }), ...(grpcEndpoint && { grpcEndpoint }), ...(api && { api }) };
  const target = await findOrStart(config, given);
  try {
    const from = new Date(Date.now() - 1_000).toISOString();
    await runBank(target, options, signal);
    const to = new Date(Date.now() + 1_000).toISOString();
    await printAnswer(target, from, to, signal);
  } finally {
    await target.close();
  }
}

async function runBank(target: DemoTarget, options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { otlpHttp, otlpGrpc } = target;
  const bank = await startBank({ otlpHttp, otlpGrpc, token: options.token, random: Math.random });
  try {
    await serveUsers(bank, options, signal);
  } finally {
    await bank.close();
  }
  const { delivered, lost, reason } = bank.deliveries;
  process.stderr.write(`${delivered} spans sent\n`);
  if (lost > 0) throw new Error(`${lost} spans were not accepted: ${reason}`);
}

/** So many a second, however long each takes. */
async function serveUsers(bank: Bank, { seconds, rate }: DemoOptions, signal: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const total = seconds * rate;
  const startedMs = performance.now();
  const progress = new ProgressLine(PROGRESS_EVERY_MS);
  let unanswered = 0;
  for (let sent = 0; sent < total; sent++) {
    const transaction: Promise<void> = bank
      .transact()
      .catch(() => {
        unanswered++;
      })
      .finally(() => underWay.delete(transaction));
    underWay.add(transaction);
    progress.show(() => `${sent + 1} of ${total} transactions, ${underWay.size} under way`);
    await sleep(Math.max(0, startedMs + ((sent + 1) * 1_000) / rate - performance.now()), undefined, { signal });
  }
  await Promise.all(underWay);
  progress.end(
    `${total} of ${total} transactions, ${unanswered} without an answer; the edge sends its spans some seconds late`,
  );
}

async function printAnswer({ api, stays }: DemoTarget, from: string, to: string, signal: AbortSignal): Promise<void> {
  const { groups, freshness } = await settledAnswer(api, { location: CITY, quantile: '0.5,0.99', from, to }, signal);
  if (!freshness.settled) process.stderr.write('not every trace has settled yet; the figures may still change\n');
  const [group] = groups;
  if (!freshness.settled && (group === undefined || group.traces === 0)) {
    throw new Error(
      `no trace was stitched within ${SETTLE_TIMEOUT_MS / 1_000} s: the log of \`throughline up\` says why`,
    );
  }
  if (group === undefined || group.traces === 0) {
    process.stdout.write(`${CITY}: nobody came in this time; try more --seconds\n`);
    return;
  }
  const { traces: count, errors, unknown, latency_ms, method } = group;
  process.stdout.write(
    `${CITY}: p50 ${inMs(latency_ms['0.5'])}, p99 ${inMs(latency_ms['0.99'])} (${method});` +
      ` ${count} transactions, ${errors} failed, ${unknown} unknown\n`,
  );
  const { traces } = await api.get<TracesAnswer>('/api/v1/traces', { location: CITY, from, to, limit: '100' });
  const slowest = traces.filter(trace => trace.complete).sort((a, b) => b.duration_ms - a.duration_ms)[0];
  if (slowest === undefined) return;
  await printTrace(api, slowest.trace_id);
  if (stays) process.stdout.write(`${api.url}/api/v1/traces/${slowest.trace_id}\n`);
}

/** Asks until nothing received so far can change the answer any more, or for as long as patience lasts. */
async function settledAnswer(
  api: ApiConnection,
  question: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<LatencyAnswer> {
  process.stderr.write('waiting until every span is in its trace\n');
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  let answer = await api.get<LatencyAnswer>('/api/v1/latency', question);
  while (!answer.freshness.settled && performance.now() < deadline) {
    await sleep(250, undefined, { signal });
    answer = await api.get<LatencyAnswer>('/api/v1/latency', question);
  }
  return answer;
}

async function printTrace(api: ApiConnection, traceId: string): Promise<void> {
  const { root, tiers, duration_ms } = await api.get<TraceAnswer>(`/api/v1/traces/${traceId}`);
  const parts = tiers.map(({ tier, critical_path_ms }) => `${tier} ${inMs(critical_path_ms)}`).join(' + ');
  const sum = tiers.reduce((total, { critical_path_ms }) => total + critical_path_ms, 0);
  process.stdout.write(
    `among its slowest, ${root?.operation}: ${parts} = ${inMs(sum)} on the critical path, of ${inMs(duration_ms)}\n`,
  );
}

function inMs(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? 'unknown' : `${ms.toFixed(1)} ms`;
}
