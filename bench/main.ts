/**
 * `npm run bench`: what each stage of the hot path costs a span, what the engine alone costs, what the whole pipe costs,
 * how long questions take. Figures go to the terminal and to bench/results.json (results.ts). Parts run alone:
 *
 * | argument | part |
 * |---|---|
 * | `stages` | scan, route, log, decode, encode, stitch |
 * | `engine [ROUNDS]` | the engine limit: ready-made blocks into the same tables |
 * | `pipe [ROUNDS]` | the engine limit, then OTLP/HTTP and OTLP/gRPC until everything is stored, stitched, rolled up; freshness, memory, disk |
 * | `kafka [ROUNDS]` | the same through a Kafka broker (`KAFKA_BROKERS`, or one that is started), beside OTLP/HTTP without |
 * | `memory [MINUTES]` | so long at half the highest rate, then a burst of twenty times that rate |
 * | `slo` | status and reports of 100 SLOs |
 * | `query [MILLIONS]` | latency, an SLO, single traces over so many million traces |
 * | `blame [MILLIONS]` | who spent a budget, over so many million traces; not part of a run of everything |
 */
import { benchBlame } from './blame.js';
import { loadData } from './data.js';
import { benchEngineLimit } from './engine-limit.js';
import { benchMemory } from './memory.js';
import { benchPipe, type PathName } from './pipe.js';
import { benchQuery } from './query.js';
import { machine, saveResults } from './results.js';
import { benchSlo } from './slo.js';
import { benchStages } from './stages.js';

const ROUNDS = 30;
const PARTS = ['all', 'stages', 'engine', 'pipe', 'kafka', 'memory', 'slo', 'query', 'blame'];

const [what = 'all', count] = process.argv.slice(2);
const isWanted = (part: string) => what === part || (what === 'all' && part !== 'blame');

if (!PARTS.includes(what)) {
  console.error(`no part ${what}: it may be ${PARTS.join(', ')}`);
  process.exit(2);
}
console.log(machine());
if (['stages', 'engine', 'pipe', 'kafka', 'memory'].some(isWanted))
  await benchSpans(count === undefined ? ROUNDS : Number(count));
if (isWanted('slo')) saveResults({ query: { ...(await benchSlo()) } });
if (isWanted('query')) saveResults({ query: await benchQuery(count === undefined ? undefined : Number(count)) });
if (isWanted('blame'))
  saveResults({ query: { ...(await benchBlame(count === undefined ? undefined : Number(count))) } });

async function benchSpans(rounds: number): Promise<void> {
  const data = loadData();
  const bytes = Math.round(data.bytes / data.spans);
  console.log(`${data.name}: ${data.spans} spans in ${data.bodies.length} requests, ${bytes} protobuf bytes a span`);
  if (isWanted('stages')) await benchStages(data);
  // What the pipe is held against has to be of the same hour.
  if (['engine', 'pipe', 'kafka'].some(isWanted)) await benchEngineLimit(data, rounds);
  const paths = ['http', ...(isWanted('pipe') ? ['grpc'] : []), ...(isWanted('kafka') ? ['kafka'] : [])] as PathName[];
  if (paths.length > 1) await benchPipe(data, rounds, paths);
  if (isWanted('memory')) await benchMemory(data, what === 'memory' && count !== undefined ? Number(count) : undefined);
}
