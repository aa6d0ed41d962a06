/**
 * `npm run bench:check`: what has to hold on any machine. Stage to stage, pipe to engine, a question by rollups to the same
 * question without: ratios of one short run, with room for noise. No time is asserted.
 */
import { RollupJob } from '../analytics/rollup-job.js';
import { exactLatency, type LatencyQuestion, type Store, sketchLatency } from '../store/index.js';
import { loadData } from './data.js';
import { benchEngineLimit } from './engine-limit.js';
import { median } from './measure.js';
import { benchPipe } from './pipe.js';
import { jobParts } from './query.js';
import { END_MS, filledStore } from './query-fill.js';
import { machine, type Results, readResults } from './results.js';
import { timed, withStore } from './slo-store.js';
import { benchStages } from './stages.js';

const ROUNDS = 3;
/** As many as a day has in a month of 50 million. */
const DAY = { millionTraces: 1.67, days: 1, withSpans: false };
const QUESTIONS = 15;
const DAY_NS = 86_400_000_000_000n;

interface Check {
  readonly what: string;
  readonly value: number;
  readonly atLeast: number;
}

console.log(machine());
const data = loadData();
await benchStages(data);
await benchEngineLimit(data, ROUNDS, 1);
await benchPipe(data, ROUNDS, ['http', 'grpc'], 1);
const checks = [...ratiosOf(readResults()), await rollupCheck()];
for (const { what, value, atLeast } of checks) {
  console.log(`${value >= atLeast ? 'ok    ' : 'FAILED'} ${what.padEnd(60)} ${value.toFixed(2)}, at least ${atLeast}`);
}
if (checks.some(({ value, atLeast }) => value < atLeast)) process.exit(1);

/** About half of what was measured (BENCHMARKS.md): one of them does a part of the other's work, or goes without it. */
function ratiosOf({ stages, engine_limit, pipe }: Results): Check[] {
  const stage = (name: string) => stages[name].spans_per_s;
  const ratio = (what: string, value: number, atLeast: number): Check => ({ what, value, atLeast });
  return [
    ratio('scanning protobuf to converting JSON', stage('scan') / stage('json'), 5),
    ratio('scanning and routing to scanning', stage('scan_route') / stage('scan'), 0.35),
    ratio('scanning to decoding', stage('scan') / stage('decode'), 1.5),
    ratio('decoding and encoding to converting JSON', stage('decode_encode') / stage('json'), 1),
    ratio('stitching to decoding and encoding', stage('stitch') / stage('decode_encode'), 0.4),
    ratio('reading the log to appending', stage('log_read') / stage('log_append'), 1),
    ratio('pipe over HTTP to the engine limit', pipe.http.spans_per_cpu_s / (engine_limit?.spans_per_cpu_s ?? 0), 0.1),
    ratio('pipe over gRPC to HTTP', pipe.grpc.spans_per_cpu_s / pipe.http.spans_per_cpu_s, 0.6),
  ];
}

/** How many times longer a day takes from its traces than from its rollups. */
function rollupCheck(): Promise<Check> {
  return withStore(async store => {
    await filledStore(store, DAY);
    await new RollupJob(jobParts(store)).pass();
    const toNs = BigInt(END_MS) * 1_000_000n;
    const question: LatencyQuestion = {
      tenant: 'default',
      fromNs: toNs - DAY_NS,
      toNs,
      groupBy: ['location'],
      quantiles: [0.5, 0.99],
    };
    const without = await medianMs(store, question, exactLatency);
    const value = without / (await medianMs(store, question, sketchLatency));
    return { what: 'a day from its traces to a day from its rollups (time)', value, atLeast: 1.3 };
  });
}

async function medianMs(store: Store, question: LatencyQuestion, ask: typeof exactLatency): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < QUESTIONS; run++) times.push(await timed(() => ask(store, question, 100)));
  return median(times);
}
