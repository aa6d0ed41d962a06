/**
 * Memory over time, and under far too much load. Steady: so many minutes at half of what the pipe can do, the memory of
 * all its processes every second. Burst: twenty times of what it can do for ten seconds, as exporters behave that do not
 * wait; they are refused, and what was acknowledged has to be stored.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RequestScan, scanRequest } from '../otlp/index.js';
import { type BenchData, batched, bodiesWithOtherIds, SPANS_PER_REQUEST } from './data.js';
import { median } from './measure.js';
import { BenchProgram } from './program.js';
import { readResults, saveResults } from './results.js';
import { httpSender, type Sender, sendAll } from './senders.js';

const MINUTES = 10;
/** Where the pipe was not measured before on this machine. */
const DEFAULT_RATE = 50_000;
const BURST_TIMES = 20;
const BURST_MS = 10_000;
const BURST_CONNECTIONS = 1_024;
/** What a Collector's batch processor sends at once. */
const BURST_SPANS_PER_REQUEST = 8_192;
/** With as many different trace ids; whatever is sent beyond that is sent again. */
const BURST_ROUNDS = 10;
const MIB = 2 ** 20;

export async function benchMemory(data: BenchData, minutes = MINUTES): Promise<void> {
  const rate = readResults().pipe.http?.spans_per_s ?? DEFAULT_RATE;
  const program = await BenchProgram.start();
  const sender = httpSender(program.httpPort);
  const memory = new MemoryWatch(program);
  try {
    const sent = await steady(sender, data, rate / 2, minutes * 60_000);
    await program.stored();
    const idle = memory.take();
    const flood = await burst(program, data, rate * BURST_TIMES);
    await program.stored();
    const { stored, duplicate } = await program.get<{ stored: number; duplicate: number }>('/api/v1/ledger');
    const lost = sent + flood.spans - stored - duplicate;
    const figures = { ...steadyFigures(idle, rate / 2, minutes), ...burstFigures(flood, memory.take(), lost) };
    console.log(`memory: ${JSON.stringify(figures)}`);
    saveResults({ memory: figures });
    if (lost !== 0) throw new Error(`${lost} spans are not stored that were acknowledged`);
  } finally {
    memory.stop();
    sender.close();
    await program.stop();
  }
}

/** Bytes of all processes, once a second. */
class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #bytes: number[] = [];

  constructor(program: BenchProgram) {
    this.#timer = setInterval(() => this.#bytes.push(program.rssBytes), 1_000);
  }

  /** What was seen since the last time. */
  take(): readonly number[] {
    const bytes = this.#bytes;
    this.#bytes = [];
    return bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Returns how many spans were sent. */
async function steady(sender: Sender, data: BenchData, spansPerS: number, ms: number): Promise<number> {
  const started = performance.now();
  let spans = 0;
  for (let round = 0; performance.now() - started < ms; round++) {
    const bodies = batched(bodiesWithOtherIds(data, round), SPANS_PER_REQUEST, data);
    const each = data.spans / bodies.length;
    for (const body of bodies) {
      await sendAll(sender, [body]);
      spans += each;
      await sleep(Math.max(0, started + (spans * 1_000) / spansPerS - performance.now()));
    }
    if (round % 10 === 0)
      console.log(`memory: ${Math.round((performance.now() - started) / 1_000)} s, ${Math.round(spans)} spans`);
  }
  return Math.round(spans);
}

interface Flood {
  /** Acknowledged. */
  readonly spans: number;
  readonly offeredPerS: number;
  readonly requests: number;
  readonly refused: number;
}

/** Requests leave by the clock, whether the earlier ones were answered or not, as of many exporters that know nothing of each other. */
async function burst(program: BenchProgram, data: BenchData, spansPerS: number): Promise<Flood> {
  const bodies = Array.from({ length: BURST_ROUNDS }, (_, round) =>
    batched(bodiesWithOtherIds(data, 0xffff - round), BURST_SPANS_PER_REQUEST, data),
  ).flat();
  const spans = bodies.map(spansOf);
  const sender = httpSender(program.httpPort, BURST_CONNECTIONS);
  const flood = { spans: 0, offeredPerS: 0, requests: 0, refused: 0 };
  const waiting = new Set<Promise<void>>();
  const started = performance.now();
  let offered = 0;
  while (performance.now() - started < BURST_MS) {
    const at = flood.requests++ % bodies.length;
    offered += spans[at];
    const call = sender.send(bodies[at]).then(isTaken => {
      if (isTaken) flood.spans += spans[at];
      else flood.refused++;
      waiting.delete(call);
    });
    waiting.add(call);
    await sleep(Math.max(0, started + (offered * 1_000) / spansPerS - performance.now()));
  }
  flood.offeredPerS = (offered * 1_000) / (performance.now() - started);
  await Promise.all(waiting);
  sender.close();
  return flood;
}

function spansOf(body: Uint8Array): number {
  const scan = new RequestScan();
  if (!scanRequest(body, scan)) throw new Error(scan.error);
  return scan.spans;
}

function steadyFigures(bytes: readonly number[], spansPerS: number, minutes: number) {
  const fifth = Math.floor(bytes.length / 5);
  const mib = (values: readonly number[]) => Math.round(median(values) / MIB);
  return {
    steady_minutes: minutes,
    steady_spans_per_s: Math.round(spansPerS),
    rss_mib_second_fifth: mib(bytes.slice(fifth, 2 * fifth)),
    rss_mib_last_fifth: mib(bytes.slice(-fifth)),
    rss_mib_peak: Math.round(Math.max(...bytes) / MIB),
  };
}

function burstFigures({ spans, offeredPerS, requests, refused }: Flood, bytes: readonly number[], lost: number) {
  return {
    burst_offered_spans_per_s: Math.round(offeredPerS),
    burst_requests: requests,
    burst_requests_refused: refused,
    burst_spans_acknowledged: spans,
    burst_spans_lost: lost,
    burst_rss_mib_peak: Math.round(Math.max(...bytes) / MIB),
  };
}
