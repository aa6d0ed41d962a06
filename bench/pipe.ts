/**
 * The whole pipe, fed over OTLP until every answer has settled: CPU of all its processes a span, highest rate, memory,
 * disk; and, at half that rate, how soon what was acknowledged is in a latency answer.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Broker } from '../test/kafka/support/broker.js';
import { type BenchData, batched, bodiesWithOtherIds, SPANS_PER_REQUEST } from './data.js';
import { figure, median, print } from './measure.js';
import { probe } from './probe.js';
import { BenchProgram } from './program.js';
import { type PipeFigure, readResults, saveResults } from './results.js';
import { grpcSender, httpSender, type Sender, sendAll } from './senders.js';

const TURNS = 3;
const FRESHNESS_MS = 30_000;
const PROBE_EVERY_MS = 500;
/** Traces of the recorded data are complete; a shorter wait for the others ends a run sooner and costs nothing a span. */
const SETTINGS = { THROUGHLINE_STITCHER_IDLE: '3s' };

export type PathName = 'http' | 'grpc' | 'kafka';

/** A way through the pipe: by which protocol in, over which log. */
interface Path {
  readonly protocol: 'http' | 'grpc';
  readonly settings: Readonly<Record<string, string>>;
}

/** Every path in every turn, so that an hour in which the machine is slow is slow for all. */
export async function benchPipe(
  data: BenchData,
  rounds: number,
  names: readonly PathName[],
  turns = TURNS,
): Promise<void> {
  const bodies = Array.from({ length: rounds }, (_, round) =>
    batched(bodiesWithOtherIds(data, round), SPANS_PER_REQUEST, data),
  );
  const spans = data.spans * rounds;
  const broker = names.includes('kafka') ? await startBroker() : undefined;
  try {
    const paths = names.map(name => ({ name, ...pathOf(name, broker?.address), runs: [] as Run[] }));
    for (let turn = 0; turn < turns; turn++) {
      for (const path of paths) path.runs.push(await runOnce(path, bodies, spans));
    }
    for (const path of paths) {
      const rate = median(path.runs.map(run => run.spansPerS));
      // A single turn is too short to tell how soon.
      const freshness = turns === 1 ? undefined : await measureFreshness(path, bodies, rate / 2, spans);
      report(path.name, path.runs, freshness);
    }
  } finally {
    await broker?.stop();
  }
}

function pathOf(name: PathName, broker: string | undefined): Path {
  if (broker === undefined || name !== 'kafka')
    return { protocol: name === 'grpc' ? 'grpc' : 'http', settings: SETTINGS };
  const kafka = { THROUGHLINE_BUS_KIND: 'kafka', THROUGHLINE_BUS_KAFKA_BROKERS: broker };
  return { protocol: 'http', settings: { ...SETTINGS, ...kafka } };
}

/** The broker's CPU is not counted: it is no process of the program. */
async function startBroker(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const given = process.env.KAFKA_BROKERS;
  if (given !== undefined) return { address: given, stop: async () => {} };
  const broker = await Broker.start();
  return { address: broker.address, stop: () => broker.destroy() };
}

interface Run {
  readonly spansPerCpuS: number;
  readonly spansPerS: number;
  readonly generatorShare: number;
  readonly peakRssBytes: number;
  readonly diskBytesPerSpan: number;
}

function senderTo(program: BenchProgram, { protocol }: Path): Sender {
  return protocol === 'http' ? httpSender(program.httpPort) : grpcSender(program.grpcPort);
}

async function runOnce(path: Path, rounds: readonly (readonly Uint8Array[])[], spans: number): Promise<Run> {
  const program = await BenchProgram.start(topicOfItsOwn(path));
  const sender = senderTo(program, path);
  try {
    const cpuBefore = program.cpuSeconds;
    const own = process.cpuUsage();
    const started = performance.now();
    for (const bodies of rounds) await sendAll(sender, bodies);
    const { user, system } = process.cpuUsage(own);
    const sentMs = performance.now() - started;
    await program.stored();
    const storedMs = performance.now() - started;
    await program.settled();
    const cpuSeconds = program.cpuSeconds - cpuBefore;
    const { stored } = await program.get<{ stored: number }>('/api/v1/ledger');
    if (stored !== spans) throw new Error(`${stored} of ${spans} spans are stored`);
    return {
      spansPerCpuS: spans / cpuSeconds,
      spansPerS: (spans * 1_000) / storedMs,
      generatorShare: (user + system) / 1_000 / sentMs,
      peakRssBytes: program.peakRssBytes,
      diskBytesPerSpan: (await program.diskBytes()) / spans,
    };
  } finally {
    sender.close();
    await program.stop();
  }
}

/** What an earlier run left in a topic is not this one's. */
function topicOfItsOwn({ settings }: Path): Readonly<Record<string, string>> {
  const name = `bench-${randomUUID()}`;
  return { ...settings, THROUGHLINE_BUS_KAFKA_TOPIC: name, THROUGHLINE_BUS_KAFKA_GROUP: name };
}

/** Every half second a trace of its own place, while the others are sent at `spansPerS`. */
async function measureFreshness(
  path: Path,
  rounds: readonly (readonly Uint8Array[])[],
  spansPerS: number,
  spans: number,
): Promise<NonNullable<PipeFigure['freshness_ms']>> {
  const program = await BenchProgram.start(topicOfItsOwn(path));
  const sender = senderTo(program, path);
  try {
    const bodies = rounds.flat();
    const everyMs = ((spans / bodies.length) * 1_000) / spansPerS;
    const probes: Promise<number>[] = [];
    const started = performance.now();
    const sends: Promise<unknown>[] = [];
    for (let sent = 0; sent < bodies.length && performance.now() - started < FRESHNESS_MS; sent++) {
      if (performance.now() - started >= probes.length * PROBE_EVERY_MS)
        probes.push(probe(program, sender, probes.length));
      sends.push(sender.send(bodies[sent]));
      await sleep(Math.max(0, started + (sent + 1) * everyMs - performance.now()));
    }
    await Promise.all(sends);
    const times = (await Promise.all(probes)).sort((a, b) => a - b);
    const at = (share: number) => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]);
    return { p50: at(0.5), p99: at(0.99), spans_per_s: Math.round(spansPerS) };
  } finally {
    sender.close();
    await program.stop();
  }
}

function report(name: PathName, runs: readonly Run[], freshness: PipeFigure['freshness_ms']): void {
  const perCpu = figure(
    `pipe over ${name}: all processes`,
    'spans/CPU-s',
    runs.map(run => run.spansPerCpuS),
  );
  const rate = figure(
    `pipe over ${name}: received to stored`,
    'spans/s',
    runs.map(run => run.spansPerS),
  );
  const most = (of: (run: Run) => number) => Math.max(...runs.map(of));
  print(perCpu);
  print(rate);
  const limit = readResults().engine_limit?.spans_per_cpu_s;
  const result: PipeFigure = {
    spans_per_cpu_s: Math.round(perCpu.median),
    spread: [Math.round(perCpu.low), Math.round(perCpu.high)],
    spans_per_s: Math.round(rate.median),
    ratio_to_engine_limit: limit === undefined ? null : Number((perCpu.median / limit).toFixed(3)),
    generator_cpu_share: Number(most(run => run.generatorShare).toFixed(2)),
    ...(freshness && { freshness_ms: freshness }),
    peak_rss_bytes: most(run => run.peakRssBytes),
    disk_bytes_per_span: Number(median(runs.map(run => run.diskBytesPerSpan)).toFixed(1)),
  };
  console.log(`pipe over ${name}: ${JSON.stringify(result)}`);
  saveResults({ pipe: { [name]: result } });
}
