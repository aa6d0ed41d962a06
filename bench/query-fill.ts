/**
 * 50 million traces of 30 days with their 100 million spans, as the pipe would have left them: every day's trace ids
 * over the whole range, rows of the width that real ones have. The store makes them itself, in the order of its keys.
 */
import type { Store } from '../store/index.js';
import { millions, sizeOf, timed } from './slo-store.js';

export const END_MS = Date.UTC(2026, 10, 24);
export const CITIES = ['Sydney', 'Paris', 'London', 'Tokyo', 'New York'];
const REGIONS = ['AU-NSW', 'FR-IDF', 'GB-ENG', 'JP-13', 'US-NY'];
const COUNTRIES = ['AU', 'FR', 'GB', 'JP', 'US'];
export const DAYS = 30;
const DAY_MS = 86_400_000;
const MINUTES = 1_440;
const SPANS_PER_TRACE = 2;
/** Into so many blocks, as long as each other, a day's rows come. */
const SLICES = 6;
/** A full store has so many traces from each city in each minute: 50.1 million. */
const FULL_MILLIONS = 50;
const TRACES_PER_CELL = 232;
/** Of the last minutes the store still has the small blocks in which they came. */
const RECENT_BLOCKS = 60;
const RECENT_MINUTES = 5;
const INSERT = 'SETTINGS max_insert_threads = 2, min_insert_block_size_rows = 600000, min_insert_block_size_bytes = 0';

export interface Filled {
  readonly traces: number;
  /** Of some trace, by any number. */
  idOf(number: number): Promise<string>;
}

export interface Filling {
  /** In all: fewer of them are fewer in each minute, not fewer minutes. */
  readonly millionTraces: number;
  readonly days?: number;
  readonly withSpans?: boolean;
}

/** Fills the store unless it is filled already. */
export async function filledStore(store: Store, filling: Filling): Promise<Filled> {
  const { millionTraces, days = DAYS, withSpans = true } = filling;
  const perCell = Math.max(1, Math.round((TRACES_PER_CELL * millionTraces * DAYS) / (FULL_MILLIONS * days)));
  const wanted = days * MINUTES * CITIES.length * perCell;
  const found = (await sizeOf(store, 'trace_revisions')).rows;
  if (found !== 0 && found !== wanted) throw new Error(`the store has ${found} traces where ${wanted} are asked for`);
  if (found === 0) await fill(store, perCell, days, withSpans);
  return { traces: wanted, idOf: number => idOf(store, number, perCell) };
}

async function fill(store: Store, perCell: number, days: number, withSpans: boolean): Promise<void> {
  const cells = MINUTES * CITIES.length;
  const took = await timed(async () => {
    for (let day = 0; day < days; day++) {
      const first = { dayMs: END_MS - (days - day) * DAY_MS, perCell };
      if (withSpans) await insertSpans(store, first);
      if (withSpans) await insertArrivals(store, first);
      const recent = day === days - 1 ? RECENT_MINUTES * CITIES.length * perCell : 0;
      const settled = cells * perCell - recent;
      await insertTraces(store, first, 0, settled);
      const block = Math.ceil(recent / RECENT_BLOCKS);
      for (let at = 0; at < recent; at += block) {
        await insertTraces(store, first, settled + at, Math.min(block, recent - at));
      }
    }
    if (withSpans) await mergeWeeksThatAreOver(store);
  });
  const traces = await sizeOf(store, 'trace_revisions');
  const spans = await sizeOf(store, 'spans');
  console.log(
    `store: ${millions(traces.rows)} million traces (${millions(traces.bytes)} MB), ` +
      `${millions(spans.rows)} million spans (${millions(spans.bytes)} MB) filled in ${Math.round(took / 1_000)} s`,
  );
}

interface Day {
  readonly dayMs: number;
  readonly perCell: number;
}

/** Of trace `place` in a day's order of ids: its id, its cell (minute and city), its times. */
function traceOf({ dayMs, perCell }: Day, place: string): string {
  const cells = MINUTES * CITIES.length;
  const step = 2n ** 64n / BigInt(cells * perCell);
  return `
    ${place} AS trace, trace % ${cells} AS cell, intDiv(cell, ${CITIES.length}) AS minute, cell % ${CITIES.length} AS city,
    sipHash64(trace, ${dayMs}) AS dice,
    lower(concat(leftPad(hex(toUInt64(trace) * toUInt64(${step})), 16, '0'), leftPad(hex(dice), 16, '0'))) AS id,
    toUInt64(exp(17 + (dice % 1000) / 300)) AS took_ns,
    fromUnixTimestamp64Nano(toInt64(${dayMs}000000 + minute * 60000000000 + dice % 60000000000), 'UTC') AS ended`;
}

/** In the order of the key: by minute and city, in each by id. */
async function insertTraces(store: Store, day: Day, from: number, count: number): Promise<void> {
  const cells = MINUTES * CITIES.length;
  const place = `(number % ${day.perCell}) * ${cells} + intDiv(number, ${day.perCell})`;
  const list = (values: readonly string[]) => `[${values.map(value => `'${value}'`).join(',')}][city + 1]`;
  await store.command(
    `INSERT INTO trace_revisions (tenant, end_minute, country, region, locality, trace_id, version, revision, received,
       complete, has_root, service, operation, root_span_id, start, end, duration_ns, error, span_count, service_count, arrivals,
       tier_names, tier_ns, path_services, path_sections, path_span_id, path_self_ns)
     SELECT 'default', toStartOfMinute(toDateTime(ended, 'UTC')), ${list(COUNTRIES)}, ${list(REGIONS)}, ${list(CITIES)}, id,
       bitShiftLeft(toUInt128(${SPANS_PER_TRACE}), 64) + dice, dice, ended, 1, dice % 1000 != 0, 'web',
       ['GET /balance', 'GET /history', 'POST /transfer'][trace % 3 + 1] AS operation, root,
       ended - toIntervalNanosecond(took_ns), ended, took_ns, dice % 200 = 0, ${SPANS_PER_TRACE}, 2, 1,
       ['edge', 'app'], [half, took_ns - half], '["accounts","web"]',
       [concat('["service","","web","', operation, '","edge"]'), '["link","web","accounts","Accounts/Get","app"]',
        '["service","","accounts","Accounts/Get","app"]'],
       [root, child, child], [half, link, took_ns - half - link]
     FROM (SELECT ${traceOf(day, place)}, intDiv(took_ns, 2) AS half, intDiv(took_ns, 20) AS link,
             substring(id, 17, 16) AS root, lower(leftPad(hex(bitNot(dice)), 16, '0')) AS child
           FROM numbers(${from}, ${count})) ${INSERT}`,
    {},
    { timeoutMs: 600_000 },
  );
}

/**
 * The number of row `row` of a day as records bring them: by time, so that each of the blocks that they are stored in has
 * ids of the whole range. `row` is a name, or an expression.
 */
function placeOf(row: string, { perCell }: Day): string {
  const cells = MINUTES * CITIES.length;
  const inSlice = cells / SLICES;
  const at = `(${row}) % ${inSlice * perCell}`;
  return `intDiv(${at}, ${inSlice}) * ${cells} + intDiv(${row}, ${inSlice * perCell}) * ${inSlice} + ${at} % ${inSlice}`;
}

async function insertSpans(store: Store, day: Day): Promise<void> {
  const count = MINUTES * CITIES.length * day.perCell * SPANS_PER_TRACE;
  const resource = (service: string) =>
    `{"service.name":"${service}","host.name":"${service}-6f7d9","telemetry.sdk.language":"go"}`;
  await store.command(
    `INSERT INTO spans (tenant, trace_id, span_id, parent_span_id, name, kind, service, tier, start, status, attributes, resource_json,
       scope_name, environment, host, locality, received, version)
     SELECT 'default', id, if(is_root, substring(id, 17, 16), child), if(is_root, '', substring(id, 17, 16)),
       if(is_root, ['GET /balance', 'GET /history', 'POST /transfer'][trace % 3 + 1], 'Accounts/Get'), 2,
       if(is_root, 'web', 'accounts'), if(is_root, 'edge', 'app'),
       ended - toIntervalNanosecond(took_ns), 0,
       map('http.request.method', 'GET', 'user.id', toString(dice % 100000), 'http.response.status_code', '200'),
       if(is_root, '${resource('web')}', '${resource('accounts')}'), 'http', 'production', if(is_root, 'web-6f7d9', 'accounts-6f7d9'),
       if(is_root, [${CITIES.map(city => `'${city}'`).join(',')}][city + 1], ''), ended,
       bitShiftLeft(toUInt128(toUnixTimestamp64Nano(ended)), 64) + bitShiftLeft(toUInt128(dice % 16777216), 40)
     FROM (SELECT ${traceOf(day, placeOf(`intDiv(number, ${SPANS_PER_TRACE})`, day))}, number % ${SPANS_PER_TRACE} = 0 AS is_root,
             lower(leftPad(hex(bitNot(dice)), 16, '0')) AS child
           FROM numbers(${count})) ${INSERT}`,
    {},
    { timeoutMs: 600_000 },
  );
}

/** One record brought both spans of a trace. */
async function insertArrivals(store: Store, day: Day): Promise<void> {
  await store.command(
    `INSERT INTO trace_arrivals (tenant, trace_id, partition, offset, spans, received, inserted_at)
     SELECT 'default', id, 0, trace, ${SPANS_PER_TRACE}, ended, ended
     FROM (SELECT ${traceOf(day, placeOf('number', day))} FROM numbers(${MINUTES * CITIES.length * day.perCell})) ${INSERT}`,
    {},
    { timeoutMs: 600_000 },
  );
}

/** As the table's settings say, only without waiting for a day (store/part-settings.ts). */
async function mergeWeeksThatAreOver(store: Store): Promise<void> {
  const weeks = await store.queryRows(
    `SELECT DISTINCT partition FROM system.parts WHERE active AND database = currentDatabase() AND table = 'trace_arrivals'
     ORDER BY partition`,
  );
  for (const [week] of weeks.slice(0, -1)) {
    await store.command(`OPTIMIZE TABLE trace_arrivals PARTITION '${week}' FINAL`, {}, { timeoutMs: 600_000 });
  }
}

async function idOf(store: Store, number: number, perCell: number): Promise<string> {
  const perDay = MINUTES * CITIES.length * perCell;
  const dayMs = END_MS - (1 + Math.floor(number / perDay)) * DAY_MS;
  const [[id]] = await store.queryRows(
    `SELECT id FROM (SELECT ${traceOf({ dayMs, perCell }, `toUInt64(${number % perDay})`)})`,
  );
  return String(id);
}
