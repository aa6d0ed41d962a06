/** `throughline demo`: the bank for a while, then the question this program exists for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBank } from '../demo/index.js';
import type { Config, LatencyAnswer, TraceAnswer, TracesAnswer } from '../schemas/index.js';
import { createLogger } from './logger.js';
import { type RunningRoles, startRoles } from './roles.js';

export interface DemoOptions {
  readonly seconds: number;
  /** Transactions a second. */
  readonly rate: number;
}

interface Target {
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
  readonly api: string;
  close(): Promise<void>;
}

const CITY = 'New York';
const SETTLE_TIMEOUT_MS = 60_000;

export async function runDemoCommand(config: Config, options: DemoOptions): Promise<void> {
  const target = await findOrStart(config);
  try {
    const from = new Date(Date.now() - 1_000).toISOString();
    await runBank(target, options);
    process.stderr.write('waiting until every span is in its trace\n');
    const to = new Date(Date.now() + 1_000).toISOString();
    await printAnswer(target.api, from, to);
  } finally {
    await target.close();
  }
}

/** The Throughline that runs as configured; where none does, one of our own on free ports, gone afterwards. */
async function findOrStart(config: Config): Promise<Target> {
  const { ingest, analytics } = config;
  const api = `http://${analytics.host}:${analytics.port}`;
  if (await isReady(api)) {
    return {
      api,
      otlpHttp: `http://${ingest.host}:${ingest.http.port}`,
      otlpGrpc: `http://${ingest.host}:${ingest.grpc.port}`,
      async close() {},
    };
  }
  process.stderr.write(`nothing answers at ${api}: starting a Throughline for the time of the demo\n`);
  const dataDir = await mkdtemp(join(tmpdir(), 'throughline-demo-'));
  const running = await startRoles(
    onFreePorts(config, dataDir),
    new Set(['ingest', 'stitch', 'analytics']),
    createLogger('warn'),
  );
  return ownTarget(running, dataDir);
}

function onFreePorts(config: Config, dataDir: string): Config {
  const { ingest, analytics, store } = config;
  return {
    ...config,
    dataDir,
    ingest: { ...ingest, http: { ...ingest.http, port: 0 }, grpc: { ...ingest.grpc, port: 0 } },
    analytics: { ...analytics, port: 0 },
    store: { ...store, embedded: { ...store.embedded, port: 0 } },
  };
}

function ownTarget(running: RunningRoles, dataDir: string): Target {
  const { otlpHttp = '', otlpGrpc = '', api = '' } = running.addresses;
  return {
    otlpHttp,
    otlpGrpc,
    api,
    async close() {
      await running.close();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

async function isReady(api: string): Promise<boolean> {
  try {
    return (await fetch(`${api}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function runBank(target: Target, { seconds, rate }: DemoOptions): Promise<void> {
  const bank = await startBank({ ...target, random: Math.random });
  const underWay = new Set<Promise<void>>();
  const total = seconds * rate;
  const startedMs = performance.now();
  let failed = 0;
  for (let sent = 0; sent < total; sent++) {
    const transaction: Promise<void> = bank
      .transact()
      .catch(() => {
        failed++;
      })
      .finally(() => underWay.delete(transaction));
    underWay.add(transaction);
    if (sent % rate === 0) process.stderr.write(`${sent} of ${total} transactions, ${underWay.size} under way\n`);
    await sleep(Math.max(0, startedMs + ((sent + 1) * 1_000) / rate - performance.now()));
  }
  await Promise.all(underWay);
  process.stderr.write(`${total} of ${total} transactions, ${failed} without an answer\n`);
  await bank.close();
}

async function get<Answer>(api: string, path: string, parameters: Readonly<Record<string, string>>): Promise<Answer> {
  const url = new URL(path, api);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function printAnswer(api: string, from: string, to: string): Promise<void> {
  const question = { location: CITY, quantile: '0.5,0.99', from, to };
  let answer = await get<LatencyAnswer>(api, '/api/v1/latency', question);
  for (const deadline = performance.now() + SETTLE_TIMEOUT_MS; !answer.freshness.settled; await sleep(250)) {
    if (performance.now() > deadline) {
      process.stderr.write('not every trace has settled yet; the figures may still change\n');
      break;
    }
    answer = await get<LatencyAnswer>(api, '/api/v1/latency', question);
  }
  const [group] = answer.groups;
  const { '0.5': p50, '0.99': p99 } = group.latency_ms;
  process.stdout.write(
    `${CITY}: ${group.traces} transactions, ${group.errors} failed, p50 ${inMs(p50)}, p99 ${inMs(p99)} (${group.method})\n`,
  );
  const filter = { location: CITY, from, to, limit: '100' };
  const { traces } = await get<TracesAnswer>(api, '/api/v1/traces', filter);
  const slowest = traces.filter(trace => trace.complete).sort((a, b) => b.duration_ms - a.duration_ms)[0];
  if (slowest !== undefined) await printTrace(api, slowest.trace_id);
}

async function printTrace(api: string, traceId: string): Promise<void> {
  const trace = await get<TraceAnswer>(api, `/api/v1/traces/${traceId}`, {});
  const tiers = trace.tiers.map(({ tier, critical_path_ms }) => `${tier} ${inMs(critical_path_ms)}`).join(' + ');
  process.stdout.write(`its slowest, ${trace.root?.operation}: ${tiers} = ${inMs(trace.duration_ms)}\n`);
  process.stdout.write(`${api}/api/v1/traces/${traceId}\n`);
}

function inMs(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? 'unknown' : `${ms.toFixed(1)} ms`;
}
