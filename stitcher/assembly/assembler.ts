import type { SpanTable } from '../span-table.js';
import { AssembledTrace } from './assembled-trace.js';
import { Breakdown } from './breakdown.js';
import { chooseErrorOrigin, chooseLocation, isInError } from './choices.js';
import { CriticalPath } from './critical-path.js';
import { Lateness, type LatenessRules } from './lateness.js';
import { revisionHash } from './revision-hash.js';
import { SkewedTimes } from './skew.js';
import { Tiers } from './tiers.js';
import { TraceFlag, traceFlagsOfSpans } from './trace-flags.js';
import { NO_SPAN, TraceSpans } from './trace-spans.js';
import { Tree } from './tree.js';

export interface AssemblyRules extends LatenessRules {
  /** Larger shifts are not applied; 0: none is. */
  readonly maxClockSkewNs: number;
  /** Of a longer trace only the first so many spans are assembled. */
  readonly maxSpansPerTrace: number;
  /** Interned tiers: where database peers are taken from, and what they become. */
  readonly appTier: number;
  readonly dataTier: number;
}

/** Working memory for more spans than this (about 200 bytes each) is given back with the next trace that needs less. */
const KEPT_SPANS = 1 << 16;

/** What the steps work on: each knows those before it. */
class Workspace {
  readonly spans = new TraceSpans();
  readonly lateness = new Lateness();
  readonly tree = new Tree();
  readonly times = new SkewedTimes();
  readonly tiers = new Tiers();
  readonly path = new CriticalPath();
  readonly breakdown = new Breakdown();
}

export class Assembler {
  readonly #rules: AssemblyRules;
  readonly #trace = new AssembledTrace();
  #work = new Workspace();

  constructor(rules: AssemblyRules) {
    this.#rules = rules;
  }

  /**
   * `rows[0, count)`: the rows of one trace, at least one, of distinct identities, in any order. `includeTooLate`: spans
   * beyond the allowed lateness are part of the trace. Reads the table and keeps nothing of it; O(count log count).
   */
  assemble(table: SpanTable, rows: Int32Array, count: number, includeTooLate: boolean): AssembledTrace {
    if (this.#work.spans.capacity > KEPT_SPANS && count <= KEPT_SPANS) this.#work = new Workspace();
    const { spans, tree, times, tiers, path, breakdown } = this.#work;
    const trace = this.#trace;
    this.#loadMembers(table, rows, count, includeTooLate);
    trace.spanCount = spans.count;
    trace.serviceCount = spans.services.count;
    trace.firstReceivedMs = spans.firstReceivedMs;
    trace.revisionHash = revisionHash(spans);
    const isTruncated = spans.count > this.#rules.maxSpansPerTrace;
    if (isTruncated) spans.truncate(this.#rules.maxSpansPerTrace);

    tree.build(spans);
    times.compute(spans, tree, this.#rules.maxClockSkewNs);
    tiers.compute(spans, table, tree, this.#rules.appTier, this.#rules.dataTier);
    path.walk(spans, tree, times);
    breakdown.describe(spans, table, tiers, times, path, trace);

    this.#describeShape();
    this.#describeTimes();
    this.#describeAdjustments();
    this.#choose(table);
    trace.flags = this.#flags() | (isTruncated ? TraceFlag.TRUNCATED : 0);
    return trace;
  }

  /** Loads all rows to see which came late, and without those that came too late again. */
  #loadMembers(table: SpanTable, rows: Int32Array, count: number, includeTooLate: boolean): void {
    const { spans, lateness } = this.#work;
    spans.load(table, rows, count);
    lateness.compute(spans, this.#rules);
    this.#trace.lateCount = lateness.lateCount;
    this.#trace.tooLateCount = lateness.tooLateCount;
    if (includeTooLate || lateness.tooLateCount === 0) return;
    this.#trace.lateCount -= lateness.tooLateCount;
    const members = rows.slice(0, count).filter(row => table.receivedMs[row] <= lateness.acceptedUntilMs);
    spans.load(table, members, members.length);
  }

  #describeShape(): void {
    const { spans, tree } = this.#work;
    const trace = this.#trace;
    trace.rootRow = rowOf(spans, tree.root);
    trace.entryRow = rowOf(spans, tree.entry);
    trace.orphanCount = tree.orphanCount;
    trace.complete = tree.root !== NO_SPAN && tree.orphanCount === 0 && !tree.hasCycle;
  }

  /** The root's times, else the envelope's: the canonically first span starts first. */
  #describeTimes(): void {
    const { spans, tree, times } = this.#work;
    const trace = this.#trace;
    const first = tree.root === NO_SPAN ? 0 : tree.root;
    const last = tree.root === NO_SPAN ? spans.latestEnd() : tree.root;
    trace.startNs = spans.exactStartNs(first);
    trace.endNs = spans.exactEndNs(last);
    trace.durationNs = times.far === null ? spans.endNs[last] - spans.startNs[first] : trace.endNs - trace.startNs;
  }

  #describeAdjustments(): void {
    const { times, tiers } = this.#work;
    const trace = this.#trace;
    trace.skewLength = times.shiftedCount;
    trace.skewRow = times.shiftedRow;
    trace.skewNs = times.shiftedNs;
    trace.tierOverrideLength = tiers.overrideCount;
    trace.tierOverrideRow = tiers.overrideRow;
    trace.tierOverrideTier = tiers.overrideTier;
  }

  #choose(table: SpanTable): void {
    const { spans, tree, tiers } = this.#work;
    const trace = this.#trace;
    trace.locationRow = rowOf(spans, chooseLocation(spans, table, tree));
    trace.error = isInError(spans, tree);
    const origin = trace.error ? chooseErrorOrigin(spans, tree) : NO_SPAN;
    trace.errorRow = rowOf(spans, origin);
    trace.errorTier = origin === NO_SPAN ? 0 : tiers.tier[origin];
  }

  #flags(): number {
    const { spans, tree, times } = this.#work;
    let flags = traceFlagsOfSpans(spans.spanFlags) | times.flags;
    if (spans.hasNegativeDuration) flags |= TraceFlag.NEGATIVE_DURATION;
    if (spans.hasZeroTime) flags |= TraceFlag.TIME_OUT_OF_RANGE;
    if (tree.root === NO_SPAN) flags |= TraceFlag.ROOT_MISSING;
    if (tree.rootCount > 1) flags |= TraceFlag.MULTIPLE_ROOTS;
    if (tree.hasCycle) flags |= TraceFlag.CYCLE;
    return flags;
  }
}

function rowOf(spans: TraceSpans, span: number): number {
  return span === NO_SPAN ? NO_SPAN : spans.row[span];
}
