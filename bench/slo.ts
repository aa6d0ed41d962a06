/**
 * Questions about SLOs over counts like those of 50 million traces in 30 days: 100 SLOs with five places each, a cell
 * every minute. They are made by the store itself; there are no traces, so what is read from traces is not measured.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildReport } from '../analytics/report/build.js';
import { renderReport } from '../analytics/report/render.js';
import { DEFAULT_LIMITS, type Parts } from '../analytics/settings.js';
import { answerStatus } from '../analytics/slo/status-answer.js';
import {
  countingHash,
  definitionHash,
  readSloDocuments,
  resolveSloDocuments,
  type SloDefinition,
} from '../schemas/index.js';
import {
  type CountedSlo,
  countedSlos,
  migrate,
  openStore,
  putSloDocument,
  type Store,
  startEmbeddedEngine,
} from '../store/index.js';

const SLOS = 100;
const PLACES = 5;
const DAYS = 30;
const MINUTES_PER_DAY = 1_440;
/** × 43,200 minutes × five places: 50 million traces, each of which every SLO counts. */
const TRACES_PER_CELL = 231;
const ROUNDS = 3;
const DATABASE = 'throughline';
const END_MS = Date.UTC(2026, 10, 24, 10, 0, 0);
const FIRST_MINUTE = END_MS / 60_000 - DAYS * MINUTES_PER_DAY;

export async function benchSlo(): Promise<void> {
  const logger = pino({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'throughline-bench-'));
  const engine = await startEmbeddedEngine({ dataDir, host: '127.0.0.1', port: 0, database: DATABASE, logger });
  try {
    const retention = { spansDays: 3_650, tracesDays: 3_650, rollupsDays: 3_650 };
    await migrate({ url: engine.url, database: DATABASE, retention, logger });
    const store = openStore({ url: engine.url, database: DATABASE, logger });
    try {
      await fill(store);
      const clock = () => END_MS;
      const parts = { store, tenant: 'default', clock, limits: DEFAULT_LIMITS, offsets: async () => [] };
      await measureStatus(parts as unknown as Parts);
      await measureReport(parts);
    } finally {
      await store.close();
    }
  } finally {
    await engine.close();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function fill(store: Store): Promise<void> {
  const started = performance.now();
  for (let number = 0; number < SLOS; number++) {
    const definition = definitionOf(number);
    const hashes = { definitionHash: definitionHash(definition), countingHash: countingHash(definition) };
    const key = { tenant: 'default', kind: 'SLO', name: definition.name };
    await putSloDocument(store, key, { document: '{}', definition, ...hashes, source: 'api' });
  }
  // All SLOs select alike, so they are counted alike: one hash.
  const hash = countingHash(definitionOf(0));
  for (let day = 0; day < DAYS; day++) await fillDay(store, hash, FIRST_MINUTE + day * MINUTES_PER_DAY);
  const [[rows, bytes]] = await store.queryRows(
    "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'slo_rollup' AND database = {database:String}",
    { database: DATABASE },
  );
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(`SLOs: ${SLOS} with ${millions(rows)} cells (${millions(bytes)} MB) filled in ${seconds} s`);
}

/** A cell for each place and a marker, as counting writes them; one trace in 400 is bad, one in 1,000 unknown. */
async function fillDay(store: Store, hash: string, firstMinute: number): Promise<void> {
  const cells = PLACES + 1;
  await store.command(
    `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, late_spans, received)
     SELECT 'default', concat('slo-', leftPad(toString(intDiv(number, ${MINUTES_PER_DAY * cells})), 3, '0')), {hash:String},
            if(place = ${PLACES}, 255, 0),
            toDateTime((${firstMinute} + intDiv(number, ${cells}) % ${MINUTES_PER_DAY}) * 60) AS minute,
            if(place = ${PLACES}, '', concat('{"location":"place ', toString(place), '"}')),
            1, 0, good + bad + unknown, if(place = ${PLACES}, 0, ${TRACES_PER_CELL} - bad - unknown) AS good,
            if(place = ${PLACES}, 0, toUInt64(cityHash64(number, ${firstMinute}) % 100 < 58)) AS bad,
            if(place = ${PLACES}, 0, toUInt64(cityHash64(number, ${firstMinute}, 1) % 100 < 23)) AS unknown, 0, minute
     FROM (SELECT number, number % ${cells} AS place FROM numbers(${SLOS * MINUTES_PER_DAY * cells}))`,
    { hash },
    { timeoutMs: 120_000 },
  );
}

function definitionOf(number: number): SloDefinition {
  const document = `
apiVersion: openslo/v1
kind: SLO
metadata: { name: slo-${String(number).padStart(3, '0')} }
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
  const sources = readSloDocuments(document, 'bench').flatMap(({ source }) => source ?? []);
  const definition = resolveSloDocuments(sources).slos[0]?.definition ?? null;
  if (definition === null) throw new Error('the SLO of the benchmark is none');
  return definition;
}

async function measureStatus(parts: Parts): Promise<void> {
  const slos = (await countedSlos(parts.store)) as CountedSlo[];
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const slo of slos) {
      const started = performance.now();
      const { total } = await answerStatus(parts, slo, END_MS);
      times.push(performance.now() - started);
      if (total !== DAYS * MINUTES_PER_DAY * PLACES * TRACES_PER_CELL) throw new Error(`a total of ${total}`);
    }
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => `${Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))])} ms`;
  console.log(`SLOs: status of 30 days, ${times.length} times: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`);
}

async function measureReport(parts: Parameters<typeof buildReport>[0]): Promise<void> {
  const started = performance.now();
  const window = { fromMinute: FIRST_MINUTE, toMinute: END_MS / 60_000 };
  const report = await buildReport(parts, { window, slos: [] });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const html = renderReport(report, 'html').length;
  console.log(`SLOs: report of ${report.slos.length} over 30 days: ${seconds} s, ${millions(html)} MB of HTML`);
}

function millions(value: unknown): string {
  return (Number(value) / 1e6).toFixed(1);
}
