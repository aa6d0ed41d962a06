/** Hand-made traces: a line a span in, a plain object out that says everything assembly found, in words. */
import {
  type AssembledTrace,
  Assembler,
  type AssemblyRules,
  traceFlagNames,
} from '../../../stitcher/assembly/index.js';
import { Interner } from '../../../stitcher/interner.js';
import { hexToWord } from '../../../stitcher/row-columns.js';
import { SpanTable } from '../../../stitcher/span-table.js';

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const STATUSES = ['UNSET', 'OK', 'ERROR'] as const;

/** Where the small numbers of a SpanSpec count from: nanoseconds, and milliseconds of append time. */
export const BASE_NS = 1_700_000_000_000_000_000n;
export const BASE_MS = 1_700_000_000_000;

export interface SpanSpec {
  /** Hex, filled up with zeros on the left. */
  readonly id: string;
  /** Absent or '': none. */
  readonly parent?: string;
  /** INTERNAL by default. */
  readonly kind?: (typeof KINDS)[number];
  /** What results call the span; its id by default. */
  readonly name?: string;
  /** Numbers: nanoseconds after BASE_NS. BigInts: epoch nanoseconds. 0 and 100 by default. */
  readonly start?: number | bigint;
  readonly end?: number | bigint;
  readonly service?: string;
  readonly tier?: string;
  readonly environment?: string;
  readonly host?: string;
  readonly status?: (typeof STATUSES)[number];
  /** Milliseconds after BASE_MS. */
  readonly received?: number;
  readonly locality?: string;
  readonly region?: string;
  readonly country?: string;
  readonly locationRank?: number;
  readonly isDatabaseCall?: boolean;
  /** SpanFlag bits. */
  readonly flags?: number;
}

export interface Filled {
  readonly table: SpanTable;
  readonly rows: Int32Array;
  readonly interner: Interner;
}

export const MS = 1_000_000;

const RULES = {
  maxClockSkewNs: 3_600_000 * MS,
  completeAfterMs: 2_000,
  idleMs: 10_000,
  maxOpenMs: 300_000,
  latenessMs: 86_400_000,
  maxSpansPerTrace: 100_000,
};

export type RuleChanges = Partial<typeof RULES> & { readonly includeTooLate?: boolean };

/** The interner's first strings are the tiers, as in the stitcher. */
export function rulesFor(interner: Interner, changes: RuleChanges = {}): AssemblyRules {
  const { includeTooLate: _, ...rules } = changes;
  return { ...RULES, ...rules, appTier: interner.index('app'), dataTier: interner.index('data') };
}

/** Rows in the order of the specs. */
export function fill(specs: readonly SpanSpec[], interner = new Interner()): Filled {
  const table = new SpanTable();
  const rows = new Int32Array(specs.length);
  for (const [at, spec] of specs.entries()) {
    rows[at] = table.allocate();
    setIdentity(table, rows[at], spec);
    setTimes(table, rows[at], spec);
    setTexts(table, rows[at], spec, interner);
  }
  return { table, rows, interner };
}

function setIdentity(table: SpanTable, row: number, spec: SpanSpec): void {
  const id = spec.id.padStart(16, '0');
  const parent = (spec.parent ?? '').padStart(16, '0');
  table.spanId[row * 2] = hexToWord(id, 0);
  table.spanId[row * 2 + 1] = hexToWord(id, 8);
  table.parentId[row * 2] = hexToWord(parent, 0);
  table.parentId[row * 2 + 1] = hexToWord(parent, 8);
  table.kind[row] = KINDS.indexOf(spec.kind ?? 'INTERNAL');
  table.status[row] = STATUSES.indexOf(spec.status ?? 'UNSET');
  table.isDatabaseCall[row] = Number(spec.isDatabaseCall ?? false);
  table.flags[row] = spec.flags ?? 0;
  table.receivedMs[row] = BASE_MS + (spec.received ?? 0);
}

function setTimes(table: SpanTable, row: number, spec: SpanSpec): void {
  const start = epochNs(spec.start ?? 0);
  const end = epochNs(spec.end ?? 100);
  table.startLow[row] = Number(start & 0xffff_ffffn);
  table.startHigh[row] = Number(start >> 32n);
  table.endLow[row] = Number(end & 0xffff_ffffn);
  table.endHigh[row] = Number(end >> 32n);
}

function epochNs(time: number | bigint): bigint {
  return typeof time === 'bigint' ? time : BASE_NS + BigInt(time);
}

function setTexts(table: SpanTable, row: number, spec: SpanSpec, interner: Interner): void {
  const { locality = '', region = '', country = '' } = spec;
  const hasPlace = locality !== '' || region !== '' || country !== '';
  table.service[row] = interner.index(spec.service ?? 'shop');
  table.name[row] = interner.index(spec.name ?? spec.id);
  table.tier[row] = interner.index(spec.tier ?? 'app');
  table.environment[row] = interner.index(spec.environment ?? '');
  table.host[row] = interner.index(spec.host ?? '');
  table.locality[row] = interner.index(locality);
  table.region[row] = interner.index(region);
  table.country[row] = interner.index(country);
  table.locationRank[row] = spec.locationRank ?? (hasPlace ? 0 : 255);
}

export type Summary = ReturnType<typeof summarize>;

/** Everything an assembled trace says, spans by their names; independent of rows, interned numbers and number types. */
export function summarize(trace: AssembledTrace, { table, interner }: Filled) {
  const text = (index: number) => interner.text(index);
  const span = (row: number) => (row < 0 ? null : text(table.name[row]));
  const list = <T>(length: number, of: (at: number) => T): T[] => Array.from({ length }, (_, at) => of(at));
  const ns = (values: Float64Array | BigInt64Array, at: number) => BigInt(values[at]);
  const party = (row: number) => (row < 0 ? '' : text(table.service[row]));
  // Sections follow each other.
  let reachedNs = 0n;
  const path = list(trace.pathLength, at => {
    const offsetNs = reachedNs;
    const selfNs = ns(trace.pathSelfNs, at);
    reachedNs += selfNs;
    const kind = trace.pathKind[at] === 1 ? 'link' : 'service';
    const of = { kind, span: span(trace.pathRow[at]), callee: span(trace.pathCalleeRow[at]) };
    return { ...of, tier: text(trace.pathTier[at]), offsetNs, selfNs };
  });
  const links = new Map<string, [caller: string, callee: string, ns: bigint]>();
  const serviceNs = new Map<string, bigint>();
  for (const [at, { kind, selfNs }] of path.entries()) {
    const service = party(trace.pathRow[at]);
    const callee = party(trace.pathCalleeRow[at]);
    if (kind === 'service') serviceNs.set(service, (serviceNs.get(service) ?? 0n) + selfNs);
    else
      links.set(`${service}\0${callee}`, [service, callee, (links.get(`${service}\0${callee}`)?.[2] ?? 0n) + selfNs]);
  }
  return {
    root: span(trace.rootRow),
    entry: span(trace.entryRow),
    flags: traceFlagNames(trace.flags),
    complete: trace.complete,
    startNs: trace.startNs,
    endNs: trace.endNs,
    durationNs: BigInt(trace.durationNs),
    error: trace.error,
    errorOrigin: span(trace.errorRow),
    errorTier: text(trace.errorTier),
    spanCount: trace.spanCount,
    serviceCount: trace.serviceCount,
    orphanCount: trace.orphanCount,
    lateCount: trace.lateCount,
    tooLateCount: trace.tooLateCount,
    firstReceivedMs: trace.firstReceivedMs - BASE_MS,
    location: span(trace.locationRow),
    revisionHash: trace.revisionHash,
    path,
    tiers: list(trace.tierLength, at => [text(trace.tierIds[at]), ns(trace.tierNs, at)] as const),
    services: list(trace.serviceLength, at => text(trace.serviceIds[at])).map(
      name => [name, serviceNs.get(name) ?? 0n] as const,
    ),
    links: [...links.values()],
    skew: list(trace.skewLength, at => [span(trace.skewRow[at]), ns(trace.skewNs, at)] as const),
    tierOverrides: list(
      trace.tierOverrideLength,
      at => [span(trace.tierOverrideRow[at]), text(trace.tierOverrideTier[at])] as const,
    ),
  };
}

/** Assembles the spans, which must be of distinct identities, with a fresh assembler. */
export function assemble(specs: readonly SpanSpec[], changes: RuleChanges = {}): Summary {
  const interner = new Interner();
  const rules = rulesFor(interner, changes);
  const filled = fill(specs, interner);
  const trace = new Assembler(rules).assemble(filled.table, filled.rows, specs.length, changes.includeTooLate ?? false);
  return summarize(trace, filled);
}

/** The path in short: `name[offset..offset+self]`, links as `name→callee[…]`. */
export function pathText(summary: Summary): string[] {
  return summary.path.map(({ span, callee, offsetNs, selfNs }) => {
    const what = callee === null ? span : `${span}→${callee}`;
    return `${what}[${offsetNs}..${offsetNs + selfNs}]`;
  });
}
