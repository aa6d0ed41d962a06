/**
 * Assembled traces as rows of `trace_revisions`: the new revision, and a tombstone under the old key when the key moved.
 * Versions (docs/stitching.md, Revision) leave their lower 32 bits free: a tombstone is one below the row it accompanies,
 * so that under one key the live row always wins.
 */
import type { NativeColumn } from '../store/index.js';
import { type AssembledTrace, traceFlagNames } from './assembly/index.js';
import type { Interner } from './interner.js';
import { wordToHex } from './row-columns.js';
import { ServiceSets } from './service-sets.js';
import type { SpanTable } from './span-table.js';
import { ArrayColumn, createTraceColumns, type TraceColumns, takeTraceColumns } from './trace-columns.js';

/** What the row's sorting key and partition are made of, beside tenant and trace id. Strings are interned. */
export interface RowKey {
  endMinute: number;
  country: number;
  region: number;
  locality: number;
  receivedMs: number;
}

export interface TraceRowInput {
  readonly tenant: number;
  readonly traceId: string;
  readonly arrivals: number;
  /** Distinct spans, too late ones included. */
  readonly distinctSpans: number;
  /** TraceFlag bits beyond the assembler's own. */
  readonly extraFlags: number;
  /** At least this version (restitching over rows of another configuration), 0n normally. */
  readonly minimumVersion: bigint;
}

const DAY_MS = 86_400_000;
const MAX_MINUTE = 4_294_967_280;

/** Whether two rows stand under the same sorting key in the same partition. */
export function sameKey(a: RowKey, b: RowKey): boolean {
  return (
    a.endMinute === b.endMinute &&
    a.country === b.country &&
    a.region === b.region &&
    a.locality === b.locality &&
    Math.floor(a.receivedMs / DAY_MS) === Math.floor(b.receivedMs / DAY_MS)
  );
}

/** The key of an assembled trace, written into `key`. */
export function keyOf(trace: AssembledTrace, table: SpanTable, key: RowKey): void {
  const row = trace.locationRow;
  key.endMinute = Math.min(MAX_MINUTE, Number(trace.endNs / 60_000_000_000n) * 60);
  key.country = row < 0 ? 0 : table.country[row];
  key.region = row < 0 ? 0 : table.region[row];
  key.locality = row < 0 ? 0 : table.locality[row];
  key.receivedMs = trace.firstReceivedMs;
}

export function revisionOf(trace: AssembledTrace): bigint {
  return (BigInt(trace.spanCount) << 32n) | BigInt(trace.revisionHash);
}

/** Version of a trace with `arrivals` records: who saw more records wins, then who has more spans (docs/adr/001). */
export function versionOf(trace: AssembledTrace, arrivals: number): bigint {
  return (BigInt(arrivals) << 96n) | (revisionOf(trace) << 32n);
}

export class TraceRows {
  rows = 0;
  readonly #interner: Interner;
  readonly #tenantTexts: readonly string[];
  readonly #columns: TraceColumns;
  readonly #services: ServiceSets;
  readonly #arrays: readonly { endRow(): void }[];

  constructor(interner: Interner, tenantTexts: readonly string[]) {
    this.#interner = interner;
    this.#tenantTexts = tenantTexts;
    this.#columns = createTraceColumns(interner);
    this.#services = new ServiceSets(interner);
    this.#arrays = Object.values(this.#columns).filter(column => column instanceof ArrayColumn);
  }

  /** Adds the revision under `key`. `trace` is read now, not kept. Returns the version written. */
  addRevision(input: TraceRowInput, trace: AssembledTrace, table: SpanTable, key: RowKey): bigint {
    const computed = versionOf(trace, input.arrivals);
    const version = computed > input.minimumVersion ? computed : input.minimumVersion;
    this.#addKey(input, key, version, revisionOf(trace), 0);
    this.#addScalars(input, trace, table);
    this.#addBreakdown(trace);
    this.#addPath(trace, table);
    this.#addCorrections(trace, table);
    this.#endRow();
    return version;
  }

  /** Adds a tombstone that hides rows under `key` older than the row with `liveVersion`. */
  addTombstone(input: Pick<TraceRowInput, 'tenant' | 'traceId'>, key: RowKey, liveVersion: bigint): void {
    this.#addKey(input, key, liveVersion - 1n, (liveVersion >> 32n) & 0xffff_ffff_ffff_ffffn, 1);
    const c = this.#columns;
    for (const column of [c.complete, c.has_root, c.error, ...this.#counts()]) column.push(0);
    for (const column of [
      c.service,
      c.operation,
      c.environment,
      c.error_service,
      c.error_operation,
      c.error_tier,
      c.path_services,
    ]) {
      column.push(0);
    }
    for (const column of [c.root_span_id, c.error_span_id, c.corrections]) column.push('');
    for (const column of [c.start, c.end, c.duration_ns]) column.push(0);
    this.#endRow();
  }

  /** The rows so far as one block's columns; empties this. */
  take(): { columns: NativeColumn[]; rows: number } {
    const columns = takeTraceColumns(this.#columns);
    this.#services.clear();
    const rows = this.rows;
    this.rows = 0;
    return { columns, rows };
  }

  #addKey(
    input: Pick<TraceRowInput, 'tenant' | 'traceId'>,
    key: RowKey,
    version: bigint,
    revision: bigint,
    isDeleted: number,
  ): void {
    const c = this.#columns;
    c.tenant.push(this.#interner.index(this.#tenantTexts[input.tenant]));
    c.end_minute.push(key.endMinute);
    c.country.push(key.country);
    c.region.push(key.region);
    c.locality.push(key.locality);
    c.trace_id.pushHex(input.traceId);
    c.version.push(version & 0xffff_ffff_ffff_ffffn);
    c.version.push(version >> 64n);
    c.is_deleted.push(isDeleted);
    c.revision.push(revision);
    c.received.push(key.receivedMs);
  }

  #addScalars(input: TraceRowInput, trace: AssembledTrace, table: SpanTable): void {
    const c = this.#columns;
    const entry = trace.entryRow;
    const failed = trace.errorRow;
    c.complete.push(Number(trace.complete));
    c.has_root.push(Number(trace.rootRow >= 0));
    c.error.push(Number(trace.error));
    c.service.push(table.service[entry]);
    c.operation.push(table.name[entry]);
    c.environment.push(table.environment[entry]);
    c.error_service.push(failed < 0 ? 0 : table.service[failed]);
    c.error_operation.push(failed < 0 ? 0 : table.name[failed]);
    c.error_tier.push(trace.errorTier);
    c.root_span_id.push(trace.rootRow < 0 ? '' : spanIdHex(table, trace.rootRow));
    c.error_span_id.push(failed < 0 ? '' : spanIdHex(table, failed));
    c.start.push(trace.startNs);
    c.end.push(trace.endNs);
    c.duration_ns.push(trace.durationNs);
    c.span_count.push(trace.spanCount);
    c.service_count.push(trace.serviceCount);
    c.orphan_count.push(trace.orphanCount);
    c.duplicate_count.push(Math.max(0, input.arrivals - input.distinctSpans));
    c.late_span_count.push(trace.lateCount);
    c.too_late_count.push(trace.tooLateCount);
    c.arrivals.push(input.arrivals);
    for (const flag of traceFlagNames(trace.flags | input.extraFlags)) c.flags.element.push(this.#interner.index(flag));
  }

  #addBreakdown(trace: AssembledTrace): void {
    const c = this.#columns;
    for (let i = 0; i < trace.tierLength; i++) {
      c.tier_names.element.push(trace.tierIds[i]);
      c.tier_ns.element.push(trace.tierNs[i]);
    }
    c.path_services.push(this.#services.index(trace));
  }

  #addPath(trace: AssembledTrace, table: SpanTable): void {
    const sections = this.#columns.path_sections.element;
    const spanIds = this.#columns.path_span_id.element;
    const selfNs = this.#columns.path_self_ns.element;
    const { pathRow, pathKind, pathCalleeRow, pathTier, pathSelfNs } = trace;
    const { service, name } = table;
    for (let i = 0; i < trace.pathLength; i++) {
      const row = pathRow[i];
      const isLink = pathKind[i] === 1;
      const party = service[isLink ? pathCalleeRow[i] : row];
      sections.push(pathKind[i], isLink ? service[row] : 0, party, name[row], pathTier[i]);
      spanIds.pushWord(table.spanId[row * 2]);
      spanIds.pushWord(table.spanId[row * 2 + 1]);
      selfNs.push(pathSelfNs[i]);
    }
  }

  /** Few traces have any: `{"skew":[[span id, kind, "ns"], …],"tiers":[[span id, tier], …]}`, '' for none. */
  #addCorrections(trace: AssembledTrace, table: SpanTable): void {
    const { corrections } = this.#columns;
    if (trace.skewLength === 0 && trace.tierOverrideLength === 0) {
      corrections.push('');
      return;
    }
    const skew: [string, number, string][] = [];
    for (let i = 0; i < trace.skewLength; i++) {
      const row = trace.skewRow[i];
      skew.push([spanIdHex(table, row), table.kind[row], String(trace.skewNs[i])]);
    }
    const tiers: [string, string][] = [];
    for (let i = 0; i < trace.tierOverrideLength; i++) {
      const tier = this.#interner.text(trace.tierOverrideTier[i]);
      tiers.push([spanIdHex(table, trace.tierOverrideRow[i]), tier]);
    }
    corrections.push(JSON.stringify({ skew, tiers }));
  }

  #counts() {
    const c = this.#columns;
    return [
      c.span_count,
      c.service_count,
      c.orphan_count,
      c.duplicate_count,
      c.late_span_count,
      c.too_late_count,
      c.arrivals,
    ];
  }

  #endRow(): void {
    for (const column of this.#arrays) column.endRow();
    this.rows++;
  }
}

export function spanIdHex(table: SpanTable, row: number): string {
  return wordToHex(table.spanId[row * 2]) + wordToHex(table.spanId[row * 2 + 1]);
}
