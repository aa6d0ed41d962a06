/** GET /api/v1/traces: pages of traces, the latest end first. */
import { NS_PER_MINUTE, TRACES_PER_PAGE, type TracesAnswer, type TracesParameters } from '../schemas/index.js';
import {
  minutesWithTraces,
  type TraceFilter,
  type TracePosition,
  type TraceRow,
  tracesEndingIn,
} from '../store/index.js';
import type { Parts } from './settings.js';
import { formatCursor, parseCursor } from './trace-cursor.js';
import { summaryOf } from './trace-summary.js';
import { type Window, windowAnswer, windowOf } from './window.js';

/** The first stretch that is searched; each further one is so many times as long. */
const FIRST_STRETCH_NS = 5n * NS_PER_MINUTE;
const STRETCH_GROWTH = 4n;

export async function answerTraces(parts: Parts, parameters: TracesParameters): Promise<TracesAnswer> {
  const filter: TraceFilter = {
    tenant: parts.tenant,
    location: parameters.location,
    service: parameters.service,
    operation: parameters.operation,
    minDurationNs: parameters.min_duration,
    maxDurationNs: parameters.max_duration,
    error: parameters.error,
  };
  const cursor = parameters.cursor === undefined ? undefined : parseCursor(parameters.cursor, filter);
  const window = cursor?.window ?? windowOf(parameters, parts.clock());
  const limit = parameters.limit ?? TRACES_PER_PAGE;
  const rows = await newestFirst(parts, filter, window, cursor?.after, limit + 1);
  const page = rows.slice(0, limit);
  return {
    window: windowAnswer(window),
    traces: page.map(summaryOf),
    next_cursor: rows.length > limit ? formatCursor({ window, after: positionOf(page[limit - 1]) }, filter) : null,
  };
}

function positionOf(row: TraceRow): TracePosition {
  return { endNs: BigInt(row.end_ns), traceId: row.trace_id };
}

/**
 * Searches the window from its end backwards in stretches that grow, since a page is most often full after the first,
 * and taking the current revisions of a long window is slow. Stretches begin at the newest minute that holds any trace.
 */
async function newestFirst(
  parts: Parts,
  filter: TraceFilter,
  { fromNs, toNs }: Window,
  after: TracePosition | undefined,
  limit: number,
): Promise<TraceRow[]> {
  const lastNs = after === undefined ? toNs : smallest(toNs, after.endNs + 1n);
  if (lastNs <= fromNs) return [];
  const minutes = await minutesWithTraces(parts.store, filter, fromNs, lastNs);
  if (minutes === undefined) return [];
  const oldestNs = largest(fromNs, BigInt(minutes.first) * 1_000_000_000n);
  const rows: TraceRow[] = [];
  let stretchNs = FIRST_STRETCH_NS;
  let untilNs = isLastMinute(minutes.last) ? lastNs : smallest(lastNs, minuteEndNs(minutes.last));
  while (rows.length < limit && untilNs > oldestNs) {
    const sinceNs = largest(oldestNs, untilNs - stretchNs);
    rows.push(...(await tracesEndingIn(parts.store, filter, sinceNs, untilNs, after, limit - rows.length)));
    untilNs = sinceNs;
    stretchNs *= STRETCH_GROWTH;
  }
  return rows;
}

function minuteEndNs(minute: number): bigint {
  return BigInt(minute) * 1_000_000_000n + NS_PER_MINUTE;
}

/** The last one `end_minute` can hold also stands for every later end. */
function isLastMinute(minute: number): boolean {
  return minute >= 2 ** 32 - 120;
}

function smallest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
