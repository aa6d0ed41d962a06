/**
 * What of a report has to be read from traces: who spent the budget, and which traces to look at. It is given a time,
 * and what does not fit in is left out with a note: figures come from counts and are always there.
 */
import type { BlameShare, ReportTrace } from '../../schemas/index.js';
import { type CountedSlo, type ReportTraceRow, reportTraces, type Store, StoreError } from '../../store/index.js';
import { ApiError } from '../errors.js';
import { answerBlame } from '../slo/blame.js';
import { instantOf } from '../slo/times.js';
import type { GroupsWindow } from './groups.js';
import { limitedStore } from './limited-store.js';

const TRACES_NAMED = 10;
const MINUTE_MS = 60_000;
const NS_PER_MS = 1e6;

export interface Details {
  readonly blame: readonly BlameShare[];
  readonly slowest: readonly ReportTrace[];
  readonly failed: readonly ReportTrace[];
  readonly notes: readonly string[];
}

export interface DetailsQuestion {
  readonly slo: CountedSlo;
  readonly objective: number;
  readonly window: GroupsWindow;
  readonly total: number;
  readonly bad: number;
}

/** `patienceMs` for each of the two parts. */
export async function readDetails(
  parts: { readonly store: Store; readonly tenant: string },
  { slo, objective, window, total, bad }: DetailsQuestion,
  patienceMs: () => number,
): Promise<Details> {
  const { fromMinute, atMinute } = window;
  const { spec } = slo;
  const notes: string[] = [];
  const limited = () => limitedStore(parts.store, patienceMs());
  const note = (text: string) => notes.push(text);
  const times = { fromMs: fromMinute * MINUTE_MS, toMs: atMinute * MINUTE_MS };
  const blame =
    bad === 0
      ? undefined
      : await unlessTooCostly('who spent the budget', note, () =>
          answerBlame({ ...parts, store: limited() }, spec, objective, times),
        );
  const traces =
    total === 0
      ? undefined
      : await unlessTooCostly('the slowest and the failed traces', note, () => {
          const question = { tenant: parts.tenant, definition: spec, objective, fromMinute, toMinute: atMinute };
          return reportTraces(limited(), { ...question, limit: TRACES_NAMED });
        });
  return {
    blame: blame?.shares ?? [],
    slowest: (traces?.slowest ?? []).map(trace => traceOf(trace, false)),
    failed: (traces?.failed ?? []).map(trace => traceOf(trace, true)),
    notes,
  };
}

/** Undefined, with a note, where it takes more than it may. */
async function unlessTooCostly<Answer>(
  what: string,
  note: (text: string) => void,
  read: () => Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    return await read();
  } catch (error) {
    const isTooLong = error instanceof StoreError && error.code === 'STORE_TIMEOUT';
    const isTooLarge = error instanceof StoreError && error.code === 'STORE_TOO_LARGE';
    const isTooMany = error instanceof ApiError && error.code === 'API_TOO_MANY_GROUPS';
    if (!(isTooLong || isTooLarge || isTooMany)) throw error;
    const why = isTooLong ? 'it takes too long' : isTooMany ? error.message : 'it takes too much memory';
    note(`${what}: left out, ${why}`);
    return undefined;
  }
}

function traceOf(row: ReportTraceRow, error: boolean): ReportTrace {
  const { traceId, endMs, service, operation, location, durationNs } = row;
  return {
    trace_id: traceId,
    end: instantOf(endMs),
    service,
    operation,
    location,
    duration_ms: durationNs / NS_PER_MS,
    error,
  };
}
