/**
 * Brings the counts of some SLOs in some minutes up to date, and writes down what was taken back.
 *
 * Whatever is written is looked at again until nothing is found wrong, and only then does the marker say that the minute
 * was seen so far. So of any number of counters the last one puts right what others left, and one that dies between two
 * writes leaves a minute that is counted again. Restatements go before the cells that they lead to (store/queries/slo).
 */

import { crashPoint, SLO_MARKER_OBJECTIVE } from '../../schemas/index.js';
import {
  type CellCounts,
  type CellDifference,
  type CellState,
  type CellWrite,
  type ComparedMinute,
  type Comparison,
  compareCells,
  countFirst,
  type KnownCells,
  knownCells,
  type MinuteWeight,
  type RestatementCause,
  type RestatementWrite,
  readsSpans,
  type SloChunk,
  type Store,
  TRACES_NAMED,
  weighMinutes,
  writeCells,
  writeRestatements,
} from '../../store/index.js';

/** After so many looks a minute that keeps changing is left for the next pass. */
const LOOKS = 3;

export interface CountOptions {
  /** Where spans received before may be gone: nothing that depends on them is counted there. Epoch milliseconds. */
  readonly spansKeptFromMs: number;
  /** SLOs (by name) and minutes to be looked at although their markers say that all was seen. */
  readonly suspected?: (slo: string, minute: number) => boolean;
}

export interface CountResult {
  /** Cells and restatements written. */
  readonly cells: number;
  readonly restatements: number;
  /** Not settled: somebody has seen more than we have, or it changes faster than we look. */
  readonly unsettled: readonly { readonly slo: string; readonly minute: number }[];
}

interface Pair {
  readonly slo: number;
  readonly minute: number;
  /** Whether it had been counted before. */
  readonly isKnown: boolean;
}

export async function countChunk(store: Store, chunk: SloChunk, options: CountOptions): Promise<CountResult> {
  const weights = await weighMinutes(store, chunk.tenant, chunk.minutes);
  const pairs = pairsToCount(chunk, weights, await knownCells(store, chunk), options);
  for (const each of rectangles(
    chunk,
    pairs.filter(({ isKnown }) => !isKnown),
  ))
    await countFirst(store, each);
  const result = { cells: 0, restatements: 0 };
  const unsettled: { slo: string; minute: number }[] = [];
  for (const each of rectangles(chunk, pairs)) {
    const wanted = pairs.filter(pair => each.minutes.includes(pair.minute) && each.slos.includes(chunk.slos[pair.slo]));
    const left = await settle(
      store,
      each,
      wanted.map(pair => within(each, chunk, pair)),
      result,
    );
    for (const { slo, minute } of left) unsettled.push({ slo: each.slos[slo].name, minute });
  }
  return { ...result, unsettled };
}

function pairsToCount(
  { slos }: SloChunk,
  weights: readonly MinuteWeight[],
  known: readonly KnownCells[],
  { spansKeptFromMs, suspected }: CountOptions,
): Pair[] {
  const seen = new Map(known.map(cells => [`${cells.slo} ${cells.minute}`, cells.seen]));
  return weights.flatMap(({ minute, weight, oldestReceivedMs }) =>
    slos.flatMap(({ name, spec }, slo): Pair | [] => {
      const seenBefore = seen.get(`${slo} ${minute}`);
      const isKnown = seenBefore !== undefined;
      if (isKnown && seenBefore >= weight && !suspected?.(name, minute)) return [];
      if (oldestReceivedMs < spansKeptFromMs && readsSpans(spec)) return [];
      return { slo, minute, isKnown };
    }),
  );
}

/** Chunks that hold the pairs: those that read spans apart, as not all minutes are open to them. */
function rectangles(chunk: SloChunk, pairs: readonly Pair[]): SloChunk[] {
  return [false, true].flatMap(reads => {
    const own = pairs.filter(({ slo }) => readsSpans(chunk.slos[slo].spec) === reads);
    if (own.length === 0) return [];
    const indexes = [...new Set(own.map(({ slo }) => slo))];
    return {
      tenant: chunk.tenant,
      slos: indexes.map(slo => chunk.slos[slo]),
      minutes: [...new Set(own.map(({ minute }) => minute))],
    };
  });
}

function within(part: SloChunk, chunk: SloChunk, pair: Pair): Pair {
  return { ...pair, slo: part.slos.indexOf(chunk.slos[pair.slo]) };
}

async function settle(
  store: Store,
  chunk: SloChunk,
  pairs: readonly Pair[],
  result: { cells: number; restatements: number },
): Promise<readonly Pair[]> {
  let open = pairs;
  for (let look = 0; look < LOOKS && open.length > 0; look++) {
    const findings = findingsOf(await compareCells(store, chunk), open);
    await writeRestatements(store, chunk, findings.restatements);
    await writeCells(store, chunk, findings.cells);
    if (findings.cells.length > 0) crashPoint('within-counting');
    await writeCells(store, chunk, findings.markers);
    result.restatements += findings.restatements.length;
    result.cells += findings.cells.length;
    open = findings.open;
    if (findings.cells.length === 0) break;
  }
  return open;
}

interface Findings {
  readonly restatements: RestatementWrite[];
  readonly cells: CellWrite[];
  readonly markers: CellWrite[];
  /** To be looked at again. */
  readonly open: Pair[];
}

function findingsOf({ minutes, markers, differences }: Comparison, pairs: readonly Pair[]): Findings {
  const findings: Findings = { restatements: [], cells: [], markers: [], open: [] };
  const minuteOf = new Map(minutes.map(each => [each.minute, each]));
  const markerOf = new Map(markers.map(each => [`${each.slo} ${each.minute}`, each]));
  const cellsOf = new Map<string, CellDifference[]>();
  for (const each of differences) {
    const key = `${each.slo} ${each.minute}`;
    cellsOf.set(key, [...(cellsOf.get(key) ?? []), each]);
  }
  for (const pair of pairs) {
    const key = `${pair.slo} ${pair.minute}`;
    const minute = minuteOf.get(pair.minute);
    const marker = markerOf.get(key) ?? { seen: 0n, late: 0 };
    // Its rows are gone, or some of them: what was counted then holds.
    if (minute === undefined || minute.weight < marker.seen) continue;
    judge(pair, minute, marker, cellsOf.get(key) ?? [], findings);
  }
  return findings;
}

function judge(
  pair: Pair,
  minute: ComparedMinute,
  marker: { readonly seen: bigint; readonly late: number },
  differences: readonly CellDifference[],
  findings: Findings,
): void {
  if (differences.length === 0) {
    if (marker.seen < minute.weight) findings.markers.push(markerOf(pair, minute));
    return;
  }
  findings.open.push(pair);
  // Its writer has seen more than we have: so will we.
  if (differences.some(({ old }) => old !== undefined && old.seen > minute.weight)) return;
  for (const difference of differences) {
    const { slo, objective, groupKey, computed, received } = difference;
    const old = difference.old ?? { seen: marker.seen, good: 0, bad: 0, unknown: 0, late: 0 };
    const seen = minute.weight > old.seen ? minute.weight : old.seen + 1n;
    const cell = { slo, objective, minute: minute.minute, groupKey, seen, counts: computed };
    findings.cells.push({ ...cell, received });
    if (pair.isKnown || difference.old !== undefined) {
      const cause = causeOf(old, difference, minute, marker.late);
      if (cause !== undefined) findings.restatements.push({ ...cell, old, cause });
    }
  }
}

function markerOf({ slo, minute }: Pair, { weight, late, received }: ComparedMinute): CellWrite {
  const counts = { good: 0, bad: 0, unknown: 0, late };
  return { slo, objective: SLO_MARKER_OBJECTIVE, minute, groupKey: '', seen: weight, counts, received };
}

/** Why what had been counted has changed; undefined if it has only grown by new traces, or not at all. */
export function causeOf(
  old: CellState,
  { computed, traces }: Pick<CellDifference, 'computed' | 'traces'>,
  minute: Pick<ComparedMinute, 'weight' | 'late' | 'traces'>,
  lateBefore: number,
): RestatementCause | undefined {
  const hasChanged = old.good !== computed.good || old.bad !== computed.bad || old.unknown !== computed.unknown;
  const late = computed.late - old.late;
  if (!hasChanged || !(isTakenBack(old, computed) || late > 0)) return undefined;
  if (late > 0) return { kind: 'late_spans', late_spans: late, traces: named(traces, late) };
  // The trace has left the cell: then the minute knows of it.
  const elsewhere = minute.late - lateBefore;
  if (elsewhere > 0) return { kind: 'late_spans', late_spans: elsewhere, traces: named(minute.traces, elsewhere) };
  const kind = minute.weight > old.seen ? 'restitched' : 'recount';
  return { kind, late_spans: 0, traces: kind === 'restitched' ? named(minute.traces, TRACES_NAMED) : [] };
}

function isTakenBack(old: CellCounts, { good, bad, unknown }: CellCounts): boolean {
  return good < old.good || bad < old.bad || unknown < old.unknown;
}

/** Each brought at least one late span. */
function named(traces: readonly string[], lateSpans: number): string[] {
  return [...new Set(traces)].slice(0, Math.min(TRACES_NAMED, lateSpans));
}
