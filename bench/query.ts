/**
 * Questions over 50 million stitched traces of 30 days (`-- query 5` makes it 5 million), asked of the HTTP API one at a
 * time, as a page or an autoscaler does. Cold: the first time since the engine was started; what the operating system
 * keeps in memory it keeps. Warm: after three rounds of the same questions, as in a process that has been running for a
 * while; of traces those, too, that nobody has asked for before, and of a city once more with pauses, in which what answers
 * share of a moment goes out of date. `THROUGHLINE_BENCH_STORE` names a directory in which the store is kept and found
 * again: filling it takes half an hour.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type AnalyticsOptions, startAnalytics } from '../analytics/index.js';
import { RollupJob } from '../analytics/rollup-job.js';
import { DEFAULT_ROLLUP } from '../analytics/settings.js';
import { SloCountingJob } from '../analytics/slo/counting-job.js';
import { SloHoursJob } from '../analytics/slo/hours-job.js';
import { countingHash, definitionHash } from '../schemas/index.js';
import { putSloDocument, type Store } from '../store/index.js';
import { CITIES, DAYS, END_MS, type Filled, filledStore } from './query-fill.js';
import { definitionIn, describeFigure, type QueryFigure, queryFigure, sizeOf, timed, withStore } from './slo-store.js';

const MILLION_TRACES = 50;
const RUNS = 30;
const WARM_UP_RUNS = 3 * RUNS;
/** Longer than answers share anything. */
const PAUSE_MS = 150;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export function benchQuery(millionTraces = MILLION_TRACES): Promise<Record<string, QueryFigure>> {
  return withStore(async (store, restart) => {
    const filled = await filledStore(store, { millionTraces });
    if (!(await isRolledUp(store))) await rollUp(store);
    const logger = pino({ level: 'silent' });
    const analytics = await startAnalytics({
      store,
      logger,
      registry: new Registry(),
      host: '127.0.0.1',
      port: 0,
      offsets: async () => [],
      log: async () => ({ appendedItems: 0, committedItems: 0, rejected: {}, deadLetterItems: 0 }),
      readiness: async () => ({ ready: true, reasons: [] }),
      clock: () => END_MS,
      sql: { maxSeconds: 60, maxMemoryBytes: 1 << 30, maxRows: 1_000 },
    } satisfies AnalyticsOptions);
    try {
      return await askAll(store, restart, `http://127.0.0.1:${analytics.port}/api/v1`, filled);
    } finally {
      await analytics.close();
    }
  }, process.env.THROUGHLINE_BENCH_STORE);
}

async function isRolledUp(store: Store): Promise<boolean> {
  return (await sizeOf(store, 'slo_hours')).rows > 0;
}

/** What the jobs do as rows come in, all at once. */
async function rollUp(store: Store): Promise<void> {
  const rollup = new RollupJob(jobParts(store));
  // Until there is nothing to rewrite: else the API, which goes on where this ends, is at it while it is asked.
  const rolled = await timed(async () => {
    while ((await rollup.pass()) > 0) {}
  });
  await putSlo(store);
  const counting = new SloCountingJob(jobParts(store));
  const counted = await timed(async () => {
    for (let left = 1; left > 0; ) ({ minutesLeft: left } = await counting.pass());
    await new SloHoursJob(jobParts(store)).pass();
  });
  const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`;
  console.log(`store: rolled up in ${seconds(rolled)}, an SLO counted in ${seconds(counted)}`);
}

export function jobParts(store: Store) {
  const rollup = { ...DEFAULT_ROLLUP, overlapMs: 0 };
  const logger = pino({ level: 'silent' });
  return { store, logger, registry: new Registry(), clock: Date.now, rollup, instance: 'bench' };
}

async function putSlo(store: Store): Promise<void> {
  const document = `
apiVersion: openslo/v1
kind: SLO
metadata: { name: fast }
spec:
  service: bank
  groupBy: [location]
  indicator:
    metadata: { name: fast }
    spec: { thresholdMetric: { metricSource: { type: throughline, spec: { service: web } } } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ op: lt, value: 300, target: 0.995 }]
`;
  const definition = definitionIn(document);
  const hashes = { definitionHash: definitionHash(definition), countingHash: countingHash(definition) };
  const key = { tenant: 'default', kind: 'SLO', name: definition.name };
  await putSloDocument(store, key, { document: '{}', definition, ...hashes, source: 'api' });
}

interface Question {
  readonly name: string;
  readonly table: string;
  readonly path: (run: number) => string;
  /** About one thing, another one with each run. */
  readonly isOfOne?: boolean;
  /** About now: who asks it alone is told something newer. */
  readonly isOfNow?: boolean;
  /** Whether it is an answer to what was asked. */
  readonly holds: (answer: never) => boolean;
}

async function askAll(
  store: Store,
  restart: () => Promise<void>,
  api: string,
  filled: Filled,
): Promise<Record<string, QueryFigure>> {
  const ids: string[] = [];
  // Behind those for all runs as many again, that are asked for once.
  for (let run = 0; run < 2 * RUNS; run++) {
    const share = (run < RUNS ? run + 0.5 : run - RUNS) / RUNS;
    ids.push(await filled.idOf(Math.floor(filled.traces * share)));
  }
  const questions = questionsOver(filled, ids);
  const rows = await Promise.all(questions.map(async ({ table }) => (await sizeOf(store, table)).rows));
  const cold = questions.map(() => [] as number[]);
  for (let run = 0; run < RUNS; run++) {
    await restart();
    for (const [at, question] of questions.entries()) cold[at].push(await ask(api, question, run));
  }
  const figures: Record<string, QueryFigure> = {};
  const report = (name: string, times: readonly number[], at: number) => {
    figures[name] = queryFigure(times, rows[at]);
    console.log(`${name}, ${describeFigure(figures[name])}`);
  };
  for (const [at, question] of questions.entries()) {
    report(`${question.name}_cold`, cold[at], at);
    const warm: number[] = [];
    for (let run = 0; run < WARM_UP_RUNS + RUNS; run++) warm.push(await ask(api, question, run % RUNS));
    report(question.name, warm.slice(WARM_UP_RUNS), at);
    if (question.isOfNow) {
      const apart: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        await sleep(PAUSE_MS);
        apart.push(await ask(api, question, run));
      }
      report(`${question.name}_apart`, apart, at);
    }
    if (!question.isOfOne) continue;
    const first: number[] = [];
    for (let run = RUNS; run < 2 * RUNS; run++) first.push(await ask(api, question, run));
    report(`${question.name}_first`, first, at);
  }
  return figures;
}

function questionsOver({ traces }: Filled, ids: readonly string[]): Question[] {
  const window = (ms: number) => `from=${new Date(END_MS - ms).toISOString()}&to=${new Date(END_MS).toISOString()}`;
  const perDay = traces / DAYS;
  type Latency = { groups: { traces: number }[] };
  return [
    {
      name: 'latency_city_5m',
      table: 'trace_revisions',
      isOfNow: true,
      path: run => `latency?location=${CITIES[run % CITIES.length]}&quantile=0.99&${window(5 * MINUTE_MS)}`,
      holds: ({ groups }: Latency) => groups[0].traces === Math.round((perDay * 5) / 1_440 / CITIES.length),
    },
    {
      name: 'latency_all_1d',
      table: 'trace_revisions',
      path: () => `latency?group_by=location&quantile=0.5,0.99&${window(DAY_MS)}`,
      holds: ({ groups }: Latency) => groups.length === CITIES.length && groups[0].traces === perDay / CITIES.length,
    },
    {
      name: 'slo_30d',
      table: 'slo_rollup',
      path: () => 'slos/fast/status',
      holds: ({ total }: { total: number }) => total === traces,
    },
    {
      name: 'trace_by_id',
      table: 'spans',
      path: run => `traces/${ids[run]}`,
      isOfOne: true,
      holds: ({ spans }: { spans: unknown[] }) => spans.length === 2,
    },
  ];
}

/** How long the answer took, in milliseconds. */
async function ask(api: string, { name, path, holds }: Question, run: number): Promise<number> {
  let answer: unknown;
  const took = await timed(async () => {
    answer = await (await fetch(`${api}/${path(run)}`)).json();
  });
  if (!holds(answer as never)) throw new Error(`${name}: a wrong answer: ${JSON.stringify(answer).slice(0, 1_000)}`);
  return took;
}
