/**
 * The one judge in whom every fault ends: holds what a system says (evidence.ts) against what was sent (the generator's
 * ledger) and what the oracle makes of it.
 *
 *   (a) every acknowledged span is there exactly once    (e) SLO counts equal the oracle's
 *   (b) every unacknowledged one at most once            (f) memory stayed under its cap
 *   (c) nothing else is there                            (g) the span ledger reconciles
 *   (d) trace rows and rollups equal the oracle's
 */
import { groupBy } from '../../oracle/group-by.js';
import type { OracleTrace } from '../../oracle/index.js';
import { oracleSloCounts } from '../../oracle/slo-counts.js';
import { expectedCells, expectedRow } from '../../pipe/compare.js';
import type { Evidence } from './evidence.js';
import { type Expected, type ExpectedTrace, expectedOf, identityOf } from './expected.js';
import type { Batch } from './ledger.js';
import { sloDefinition } from './slo.js';

/** Complaints of one kind that are worth reading. */
const MAX_PER_KIND = 5;

/** What is wrong, each with the letter of what it breaks; empty if all holds. */
export function judge(batches: Iterable<Batch>, evidence: Evidence): string[] {
  const expected = expectedOf(batches);
  const complaints: string[] = [];
  const stored = countStored(evidence);
  judgeSpans(expected, stored, complaints);
  const traces = judgeTraces(expected, stored, evidence, complaints);
  judgeCells(
    '(d) latency_rollup',
    cellsNear(expectedCells(traces.filter(isNear))),
    cellsNear(evidence.rollups),
    complaints,
  );
  judgeCells('(e) SLO', sloCells(traces), sloNear(evidence.slo), complaints);
  judgeMemory(evidence, complaints);
  judgeLedger(expected, evidence, complaints);
  return shortened(complaints);
}

/** Trace → identity → rows. */
type Stored = ReadonlyMap<string, ReadonlyMap<string, number>>;

function countStored({ spans }: Evidence): Stored {
  const stored = new Map<string, Map<string, number>>();
  for (const { traceId, spanId, kind } of spans) {
    const identity = identityOf(spanId, kind);
    const trace = stored.get(traceId) ?? new Map<string, number>();
    stored.set(traceId, trace.set(identity, (trace.get(identity) ?? 0) + 1));
  }
  return stored;
}

function judgeSpans({ traces }: Expected, stored: Stored, complaints: string[]): void {
  for (const { traceId, acked, unacked } of traces.values()) {
    const found = stored.get(traceId);
    for (const identity of acked) {
      const times = found?.get(identity) ?? 0;
      if (times !== 1) complaints.push(`(a) acknowledged span ${traceId} ${identity} is there ${times} times`);
    }
    for (const identity of unacked) {
      const times = found?.get(identity) ?? 0;
      if (times > 1) complaints.push(`(b) unacknowledged span ${traceId} ${identity} is there ${times} times`);
    }
  }
  for (const [traceId, identities] of stored) {
    const trace = traces.get(traceId);
    for (const identity of identities.keys()) {
      if (!trace?.acked.has(identity) && !trace?.unacked.has(identity))
        complaints.push(`(c) span ${traceId} ${identity} was never sent`);
    }
  }
}

/** Returns what the traces are, as far as it can be told. */
function judgeTraces({ traces }: Expected, stored: Stored, evidence: Evidence, complaints: string[]): OracleTrace[] {
  const rows = groupBy(evidence.traces, row => String(row.trace_id));
  const truths: OracleTrace[] = [];
  for (const expected of traces.values()) {
    const found = rows.get(expected.traceId) ?? [];
    rows.delete(expected.traceId);
    const truth = truthOf(expected, new Set(stored.get(expected.traceId)?.keys()), found, complaints);
    if (truth !== null) truths.push(truth);
  }
  for (const traceId of rows.keys()) complaints.push(`(d) trace ${traceId} was never sent`);
  return truths;
}

/** Of the possible truths that agree with the spans stored the one that the row shows. */
function truthOf(
  { traceId, truths }: ExpectedTrace,
  stored: ReadonlySet<string>,
  rows: Evidence['traces'],
  complaints: string[],
): OracleTrace | null {
  const possible = truths.filter(({ identities }) => isSame(identities, stored));
  if (possible.length === 0) {
    complaints.push(`(d) trace ${traceId}: its ${stored.size} spans are no set of batches that were sent`);
    return truths.at(-1)!.trace;
  }
  const found = rows.map(comparable);
  const shown = possible.find(({ trace }) => JSON.stringify(found) === JSON.stringify(rowsOf(trace, found)));
  if (shown !== undefined) return shown.trace;
  complaints.push(`(d) trace ${traceId}: ${difference(found, rowsOf(possible[0].trace, found))}`);
  return possible[0].trace;
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every(each => b.has(each));
}

/**
 * ADR 001: where a process is killed between storing two copies of a span and the next revision, and the store merges them
 * meanwhile, nothing is left to tell that they differed. The flag may be missing then, and nothing else.
 */
function rowsOf(trace: OracleTrace | null, found: readonly Record<string, unknown>[]): object[] {
  if (trace === null) return [];
  const shown = found[0]?.flags;
  const isForgotten = Array.isArray(shown) && !shown.includes('conflict');
  const flags = isForgotten ? trace.flags.filter(flag => flag !== 'conflict') : trace.flags;
  return [comparable(expectedRow({ ...trace, flags }))];
}

/** Copies that were sent and of which nobody knows are not counted. Keys in one order, so that texts can be compared. */
function comparable(row: object): Record<string, unknown> {
  const { duplicate_count: _, ...rest } = row as Record<string, unknown>;
  return Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function difference(found: readonly Record<string, unknown>[], expected: readonly object[]): string {
  if (found.length !== expected.length) return `${found.length} rows, not ${expected.length}`;
  const wanted = expected[0] as Record<string, unknown>;
  return Object.keys(wanted)
    .filter(key => JSON.stringify(found[0][key]) !== JSON.stringify(wanted[key]))
    .map(key => `${key} is ${JSON.stringify(found[0][key])}, not ${JSON.stringify(wanted[key])}`)
    .join('; ');
}

/** What a few spans with impossible times claim of their minute is left to other tests: a minute ends in 2106. */
const NEAR_FROM_S = 1_600_000_000;
const NEAR_TO_S = 4_000_000_000;

function isNear({ endNs }: OracleTrace): boolean {
  return endNs > BigInt(NEAR_FROM_S) * 1_000_000_000n && endNs < BigInt(NEAR_TO_S) * 1_000_000_000n;
}

function cellsNear(cells: ReadonlyMap<string, string>): Map<string, string> {
  const isNearCell = (key: string) => Number(key.split('|')[0]) > NEAR_FROM_S && Number(key.split('|')[0]) < NEAR_TO_S;
  return new Map([...cells].filter(([key]) => isNearCell(key)));
}

function sloNear(cells: ReadonlyMap<string, string>): Map<string, string> {
  const minuteOf = (key: string) => Number(JSON.parse(key)[1]) * 60;
  return new Map([...cells].filter(([key]) => minuteOf(key) > NEAR_FROM_S && minuteOf(key) < NEAR_TO_S));
}

function sloCells(traces: readonly OracleTrace[]): Map<string, string> {
  const judged = traces.filter(isNear).map(trace => ({ ...trace, attribute: () => undefined }));
  const counts = oracleSloCounts(judged, sloDefinition());
  return new Map([...counts].map(([key, { good, bad, unknown }]) => [key, `${good} ${bad} ${unknown}`]));
}

function judgeCells(
  what: string,
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
  complaints: string[],
): void {
  for (const [key, counts] of expected) {
    if (found.get(key) !== counts)
      complaints.push(`${what} cell ${key} has ${found.get(key) ?? 'nothing'}, not ${counts}`);
  }
  for (const [key, counts] of found) {
    // A cell that lost its last trace stays, with nothing in it.
    if (!expected.has(key) && !/^[0 ]+$/.test(counts))
      complaints.push(`${what} cell ${key} has ${counts}, not nothing`);
  }
}

function judgeMemory({ memory }: Evidence, complaints: string[]): void {
  if (memory.length === 0) complaints.push('(f) the memory of no process was watched');
  for (const { process, peakBytes, capBytes } of memory) {
    if (peakBytes === 0) complaints.push(`(f) the memory of ${process} was not seen`);
    if (peakBytes > capBytes) complaints.push(`(f) ${process} took ${mebibytes(peakBytes)} of ${mebibytes(capBytes)}`);
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function judgeLedger({ ackedSpans, triedSpans }: Expected, { ledger, spans }: Evidence, complaints: string[]): void {
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { received, stored, duplicate, in_flight, dead_letter, too_late } = ledger;
  const text = JSON.stringify(ledger);
  if (stored + duplicate + rejected + in_flight + dead_letter !== received)
    complaints.push(`(g) does not add up: ${text}`);
  if (in_flight !== 0) complaints.push(`(g) ${in_flight} spans are still in flight`);
  if (rejected + dead_letter + too_late !== 0) complaints.push(`(g) nothing was to be refused: ${text}`);
  if (stored !== spans.length) complaints.push(`(g) ${stored} spans stored, but ${spans.length} are there`);
  if (received < ackedSpans || received > triedSpans)
    complaints.push(`(g) ${received} received, of ${ackedSpans} acknowledged and ${triedSpans} tried`);
}

/** The first few of each letter, and how many more there are. */
function shortened(complaints: readonly string[]): string[] {
  return [...groupBy(complaints, text => text.slice(0, 3))].flatMap(([letter, texts]) => {
    const more = texts.length - MAX_PER_KIND;
    return more > 0 ? [...texts.slice(0, MAX_PER_KIND), `${letter} and ${more} more`] : texts;
  });
}
