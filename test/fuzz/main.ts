/**
 * `npm run fuzz -- --seed 1 --count 100000 --for 10m`: mutated payloads against the functions behind both transports and
 * against the live ports of receivers in a process of their own. Ends with 1 if anything was wrong; each failing payload
 * is then in the corpus directory, and `--seed <seed> --from <index> --count 1` repeats it.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBases } from './bases.js';
import { makeCase } from './case.js';
import { checkCase } from './check.js';
import { writeToCorpus } from './corpus.js';
import { InProcess } from './in-process.js';
import { LiveLane } from './live.js';
import { ReceiverLink } from './receiver-link.js';
import type { ReceiverState } from './receiver-process.js';

const LANES = 8;
const REPORT_EVERY = 25_000;
/** Code is compiled and pools filled by then. */
const WARM_UP = 10_000;
/** What the heap may be larger at the end than after the warm-up: it is some 40 MB, and one request may take 1 MB. */
const MAX_GROWTH_BYTES = 16 << 20;
const CORPUS = join(import.meta.dirname, '../../../../test/fuzz/corpus');
const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    count: { type: 'string', default: '20000' },
    for: { type: 'string', default: '' },
    corpus: { type: 'string', default: CORPUS },
  },
});

const seed = Number(values.seed);
const first = Number(values.from);
const end = first + Number(values.count);
const deadlineMs = values.for === '' ? Number.POSITIVE_INFINITY : Date.now() + durationMs(values.for);
const bases = loadBases();
const counts = new Map<string, number>();
const failures: string[] = [];
const memory: ReceiverState[] = [];
let next = first;

function durationMs(text: string): number {
  const match = /^(\d+)([smh])$/.exec(text);
  if (match === null) throw new Error(`--for ${text}: expected a number with s, m or h, as in 10m`);
  return Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
}

async function runLane(lane: LiveLane, inProcess: InProcess, link: ReceiverLink): Promise<void> {
  while (next < end && Date.now() < deadlineMs && link.death === undefined) {
    const index = next++;
    const fuzzCase = makeCase(seed, index, bases);
    const { verdict, problem } = await checkCase(fuzzCase, inProcess, lane);
    const key = `${fuzzCase.format} ${verdict.kind}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (problem !== '') {
      const path = writeToCorpus(values.corpus, fuzzCase, problem);
      failures.push(`seed ${seed}, index ${index}: ${problem} (${fuzzCase.mutations.join(', ')}): ${path}`);
      console.error(failures[failures.length - 1]);
    }
    const done = index - first + 1;
    if (done === WARM_UP || done % REPORT_EVERY === 0) await report(link, done);
  }
}

async function report(link: ReceiverLink, done: number): Promise<void> {
  const state = await link.state();
  memory.push(state);
  const text = [...counts].sort().map(([key, count]) => `${key} ${count}`);
  console.log(
    `${done} done, heap ${megabytes(state.heapBytes)}, resident ${megabytes(state.residentBytes)}; ${text.join(', ')}`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** What only the end can show. */
function checkEnd(last: ReceiverState, sentSpans: number, link: ReceiverLink): void {
  if (link.death !== undefined) failures.push(`${link.death}; under way were the ${LANES} cases before ${next}`);
  if (last.inFlightBytes !== 0) failures.push(`${last.inFlightBytes} bytes are in flight at the end`);
  // Of a damaged request that is taken nobody counted the spans.
  if (last.items < sentSpans) failures.push(`${sentSpans} spans were acknowledged and ${last.items} published`);
  const growth = last.heapBytes - memory[0].heapBytes;
  if (memory.length > 1 && growth > MAX_GROWTH_BYTES) failures.push(`the heap grew by ${megabytes(growth)}`);
}

const link = await ReceiverLink.start();
const lanes = Array.from({ length: LANES }, () => new LiveLane(link.httpPort, link.grpcPort));
console.log(`seed ${seed}, ${end - first} mutations from ${first}`);
await Promise.all(lanes.map(lane => runLane(lane, new InProcess(), link)));
if (link.death === undefined) await report(link, next - first);
const last = memory[memory.length - 1];
const sentSpans = lanes.reduce((sum, lane) => sum + lane.spans, 0);
if (last !== undefined) checkEnd(last, sentSpans, link);
await Promise.all(lanes.map(lane => lane.close()));
await link.close();
console.log(
  `${next - first} mutations of seed ${seed}: ${failures.length} failed; ${sentSpans} spans acknowledged; heap ` +
    `${megabytes(memory[0]?.heapBytes ?? 0)} first, ${megabytes(last?.heapBytes ?? 0)} last`,
);
for (const failure of failures.slice(0, 20)) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;
