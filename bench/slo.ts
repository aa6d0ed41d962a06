/**
 * Questions about SLOs over counts like those of 50 million traces in 30 days: 100 SLOs with five places each, a cell
 * every minute. They are made by the store itself; there are no traces, so what is read from traces is not measured.
 */

import { pino } from 'pino';
import { Registry } from 'prom-client';
import { buildReport } from '../analytics/report/build.js';
import { renderReport } from '../analytics/report/render.js';
import { DEFAULT_LIMITS, DEFAULT_ROLLUP } from '../analytics/settings.js';
import { SharedProgress } from '../analytics/shared-progress.js';
import { SloHoursJob } from '../analytics/slo/hours-job.js';
import { readSloProgress } from '../analytics/slo/slo-freshness.js';
import { answerStatus } from '../analytics/slo/status-answer.js';
import { countingHash, definitionHash, type SloDefinition } from '../schemas/index.js';
import { type CountedSlo, countedSlos, putSloDocument, type Store } from '../store/index.js';
import {
  definitionIn,
  describeFigure,
  millions,
  type QueryFigure,
  queryFigure,
  sizeOf,
  timed,
  withStore,
} from './slo-store.js';

const SLOS = 100;
const PLACES = 5;
const DAYS = 30;
const MINUTES_PER_DAY = 1_440;
/** × 43,200 minutes × five places: 50 million traces, each of which every SLO counts. */
const TRACES_PER_CELL = 231;
const ROUNDS = 3;
const END_MS = Date.UTC(2026, 10, 24, 10, 0, 0);
const FIRST_MINUTE = END_MS / 60_000 - DAYS * MINUTES_PER_DAY;

export interface SloFigures {
  readonly slo_status_30d: QueryFigure;
  /** One question: all SLOs. */
  readonly slo_report_30d: QueryFigure;
  /** Of a single one. */
  readonly slo_report_1_30d: QueryFigure;
}

export function benchSlo(): Promise<SloFigures> {
  return withStore(async store => {
    await fill(store);
    const clock = () => END_MS;
    const progress = new SharedProgress(store, DEFAULT_LIMITS.progressMaxAgeMs);
    const parts = { store, tenant: 'default', clock, limits: DEFAULT_LIMITS, progress, offsets: async () => [] };
    const { rows } = await sizeOf(store, 'slo_rollup');
    const status = await measureStatus(parts, rows);
    return {
      slo_status_30d: status,
      slo_report_30d: await measureReport(parts, [], 1, rows),
      slo_report_1_30d: await measureReport(parts, ['slo-050'], 5, rows),
    };
  });
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
  const { rows, bytes } = await sizeOf(store, 'slo_rollup');
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(`SLOs: ${SLOS} with ${millions(rows)} million cells (${millions(bytes)} MB) filled in ${seconds} s`);
  const job = { store, logger: pino({ level: 'silent' }), registry: new Registry(), clock: Date.now };
  // Nothing becomes visible late here: all hours are summed.
  const took = await timed(() => new SloHoursJob({ ...job, rollup: { ...DEFAULT_ROLLUP, overlapMs: 0 } }).pass());
  console.log(`SLOs: summed by hours in ${Math.round(took / 1_000)} s`);
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
  return definitionIn(document);
}

type StatusParts = Parameters<typeof answerStatus>[0] & Parameters<typeof readSloProgress>[0];

async function measureStatus(parts: StatusParts, rows: number): Promise<QueryFigure> {
  const slos = (await countedSlos(parts.store)) as CountedSlo[];
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const slo of slos) {
      times.push(
        await timed(async () => {
          const { total } = await answerStatus(parts, slo, END_MS, await readSloProgress(parts));
          if (total !== DAYS * MINUTES_PER_DAY * PLACES * TRACES_PER_CELL) throw new Error(`a total of ${total}`);
        }),
      );
    }
  }
  const figure = queryFigure(times, rows);
  console.log(`SLOs: status of 30 days, ${describeFigure(figure)}`);
  return figure;
}

async function measureReport(
  parts: Parameters<typeof buildReport>[0],
  slos: readonly string[],
  runs: number,
  rows: number,
): Promise<QueryFigure> {
  const window = { fromMinute: FIRST_MINUTE, toMinute: END_MS / 60_000 };
  const times: number[] = [];
  let html = 0;
  for (let run = 0; run < runs; run++) {
    times.push(
      await timed(async () => {
        html = renderReport(await buildReport(parts, { window, slos }), 'html').length;
      }),
    );
  }
  const figure = queryFigure(times, rows);
  const what = slos.length === 0 ? `all ${SLOS}` : slos.length;
  console.log(`SLOs: report of ${what} over 30 days, ${millions(html)} MB of HTML, ${describeFigure(figure)}`);
  return figure;
}
