/**
 * Who spent the budget of one city's SLO, over 50 million traces in 30 days (`-- blame 5` makes it 5 million): windows of
 * an hour, a day and all of it. The store makes the traces itself: six sections on each critical path, of one in 400 that
 * has a verdict the call from `accounts` to `ledger` took long. They are evenly spread over five cities.
 */
import { DEFAULT_LIMITS } from '../analytics/settings.js';
import { answerBlame } from '../analytics/slo/blame.js';
import { countingHash, type SloDefinition } from '../schemas/index.js';
import type { Store } from '../store/index.js';
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

const DAYS = 30;
const DAY_MS = 86_400_000;
const END_MS = Date.UTC(2026, 10, 24, 10, 0, 0);
const MILLION = 1_000_000;
const SERVICES = 4;
const CITIES = ['New York', 'London', 'Tokyo', 'Sydney', 'Paris'];

export interface BlameFigures {
  readonly blame_1h: QueryFigure;
  readonly blame_1d: QueryFigure;
  readonly blame_30d: QueryFigure;
}

export function benchBlame(millionTraces = 50): Promise<BlameFigures> {
  return withStore(async store => {
    const definition = definitionOfBench();
    await fill(store, definition, millionTraces * MILLION);
    return {
      blame_1h: await measure(store, definition, '1 hour', DAY_MS / 24, 11),
      blame_1d: await measure(store, definition, '1 day', DAY_MS, 7),
      blame_30d: await measure(store, definition, '30 days', DAYS * DAY_MS, 3),
    };
  });
}

async function fill(store: Store, definition: SloDefinition, traces: number): Promise<void> {
  const perDay = Math.round(traces / DAYS);
  const took = await timed(async () => {
    for (let day = 0; day < DAYS; day++) await fillDay(store, END_MS - (DAYS - day) * DAY_MS, perDay);
    await fillCounts(store, definition);
  });
  const { rows, bytes } = await sizeOf(store, 'trace_revisions');
  console.log(
    `blame: ${millions(rows)} million traces (${millions(bytes)} MB) filled in ${Math.round(took / 1_000)} s`,
  );
}

/** The last section of a path is the longest, of bad traces the link before it; the times of a trace differ from others'. */
async function fillDay(store: Store, firstMs: number, traces: number): Promise<void> {
  const stepNs = Math.floor((DAY_MS * 1e6) / traces);
  const sections = [
    `concat('["service","","web","', operation, '","edge"]')`,
    `concat('["link","web","accounts","', operation, '","app"]')`,
    `'["service","","accounts","Accounts/Get","app"]'`,
    `'["link","accounts","ledger","Accounts/Get","app"]'`,
    `'["service","","ledger","Ledger/Read","app"]'`,
    `'["service","","db","SELECT","data"]'`,
  ];
  await store.command(
    `INSERT INTO trace_revisions (tenant, end_minute, country, region, locality, trace_id, version, revision, received, complete, has_root,
       service, operation, start, end, duration_ns, span_count, service_count, arrivals, tier_names, tier_ns,
       path_services, path_sections, path_self_ns)
     SELECT 'default', toStartOfMinute(toDateTime(end)), 'XX', 'XX-1', [${CITIES.map(city => `'${city}'`).join(',')}][number % ${CITIES.length} + 1],
       lower(concat(hex(cityHash64(number, ${firstMs})), hex(cityHash64(number, ${firstMs}, 1)))), bitShiftLeft(toUInt128(6), 64) + 1, 6, end, 1, 1,
       'web', ['GET /balance', 'GET /history', 'POST /transfer'][number % 3 + 1] AS operation,
       end - toIntervalNanosecond(duration_ns) AS start,
       fromUnixTimestamp64Nano(toInt64(${firstMs}000000 + number * ${stepNs}), 'UTC') AS end,
       arraySum(self) AS duration_ns, 6, ${SERVICES}, 1, ['edge', 'app', 'data'], [self[1], self[2] + self[3] + self[4] + self[5], self[6]],
       '["accounts","db","ledger","web"]', [${sections.join()}], self
     FROM (
       SELECT number, cityHash64(number, ${firstMs}, 2) AS dice, intDiv(dice, 65536) % 400 = 0 AS is_bad,
              arrayMap(base -> toUInt64(base * (800000 + dice % 400000)), [3, 5, 8, if(is_bad, 300, 10), 20, 30]) AS self
       FROM numbers(${traces}))`,
    {},
    { timeoutMs: 300_000 },
  );
}

async function fillCounts(store: Store, definition: SloDefinition): Promise<void> {
  await store.command(
    `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, late_spans, received)
     SELECT 'default', {slo:String}, {hash:String}, 0, end_minute, '{}', count(), 0, count(), countIf(duration_ns < 300000000) AS good,
            count() - good, 0, 0, end_minute
     FROM trace_revisions WHERE locality = '${CITIES[0]}' GROUP BY end_minute`,
    { slo: definition.name, hash: countingHash(definition) },
    { timeoutMs: 300_000 },
  );
}

function definitionOfBench(): SloDefinition {
  const document = `
apiVersion: openslo/v1
kind: SLO
metadata: { name: new-york }
spec:
  service: bank
  indicator:
    metadata: { name: fast }
    spec: { thresholdMetric: { metricSource: { type: throughline, spec: { service: web, location: New York } } } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ op: lt, value: 300, target: 0.995 }]
`;
  return definitionIn(document);
}

async function measure(
  store: Store,
  definition: SloDefinition,
  what: string,
  lengthMs: number,
  runs: number,
): Promise<QueryFigure> {
  const parts = { store, tenant: 'default', limits: DEFAULT_LIMITS };
  const times: number[] = [];
  let bad = 0;
  for (let run = 0; run < runs; run++) {
    times.push(
      await timed(async () => {
        const answer = await answerBlame(parts, definition, 0, { fromMs: END_MS - lengthMs, toMs: END_MS });
        const [{ kind, caller, service }] = answer.shares;
        if (kind !== 'link' || caller !== 'accounts' || service !== 'ledger')
          throw new Error('the wrong one is blamed');
        bad = answer.bad;
      }),
    );
  }
  const figure = queryFigure(times, (await sizeOf(store, 'trace_revisions')).rows);
  console.log(`blame: of ${bad} bad traces in ${what}, ${describeFigure(figure)}`);
  return figure;
}
