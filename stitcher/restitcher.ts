/**
 * Assembles traces from the store: for late spans of traces no longer in memory, for what the auditor found wrong, and
 * on request. Idempotent: a trace whose one live row is already right gets nothing.
 */
import type { LiveRow, SpanTuple, TraceStore } from '../store/index.js';
import type { Assembler } from './assembly/index.js';
import { TraceFlag } from './assembly/index.js';
import type { OpenTraces } from './open-traces.js';
import { hexToWord } from './row-columns.js';
import { SpanTable } from './span-table.js';
import { keyOf, type RowKey, sameKey, type TraceRows, versionOf } from './trace-rows.js';

const LOW_32 = 32n;

export class Restitcher {
  readonly #store: TraceStore;
  readonly #open: OpenTraces;
  readonly #assembler: Assembler;
  readonly #rows: TraceRows;
  /** Spans of one restitched trace at a time. */
  readonly #spans = new SpanTable();
  #members = new Int32Array(1 << 8);
  readonly #key: RowKey = { endMinute: 0, country: 0, region: 0, locality: 0, receivedMs: 0 };

  constructor(store: TraceStore, open: OpenTraces, assembler: Assembler, rows: TraceRows) {
    this.#store = store;
    this.#open = open;
    this.#assembler = assembler;
    this.#rows = rows;
  }

  /**
   * Restitches traces of one tenant into `rows` (not yet stored). `includeTooLate`: on request, with spans beyond the
   * allowed lateness. Returns how many traces got a new revision.
   */
  async run(tenant: string, traceIds: readonly string[], includeTooLate: boolean): Promise<number> {
    // Arrivals before spans: spans are stored first, so what is read later covers at least the arrivals read before.
    const arrivals = new Map((await this.#store.readArrivals(tenant, traceIds)).map(a => [a.traceId, a.arrivals]));
    const spans = groupByTrace(await this.#store.readSpans(tenant, traceIds), tuple => tuple[0]);
    const conflicts = new Set(await this.#store.readConflicts(tenant, traceIds));
    const live = groupByTrace(await this.#store.readLiveRows(tenant, traceIds), row => row.traceId);
    let revised = 0;
    for (const [traceId, tuples] of spans) {
      const liveRows = live.get(traceId) ?? [];
      const isConflict = conflicts.has(traceId) || liveRows.some(row => row.flags.includes('conflict'));
      const isForced = includeTooLate || liveRows.some(row => row.flags.includes('restitched'));
      const extraFlags = (isConflict ? TraceFlag.CONFLICT : 0) | (isForced ? TraceFlag.RESTITCHED : 0);
      const count = arrivals.get(traceId) ?? tuples.length;
      if (this.#restitch(tenant, traceId, tuples, liveRows, count, extraFlags)) revised++;
    }
    return revised;
  }

  #restitch(
    tenantName: string,
    traceId: string,
    tuples: readonly SpanTuple[],
    liveRows: readonly LiveRow[],
    arrivals: number,
    extraFlags: number,
  ): boolean {
    this.#fill(tuples);
    const isForced = (extraFlags & TraceFlag.RESTITCHED) !== 0;
    const trace = this.#assembler.assemble(this.#spans, this.#members, tuples.length, isForced);
    keyOf(trace, this.#spans, this.#key);
    const tenant = this.#open.tenantNumber(tenantName);
    const computed = versionOf(trace, arrivals);
    const newest = liveRows.reduce((max, row) => (row.version > max ? row.version : max), 0n);
    const keys = liveRows.map(row => this.#liveKey(row));
    if (newest >> LOW_32 > computed >> LOW_32) {
      // Another writer saw more (or retention took spans away): its row stands, older ones under other keys go.
      const others = liveRows.filter(row => row.version !== newest);
      for (const row of others) this.#rows.addTombstone({ tenant, traceId }, this.#liveKey(row), newest);
      return others.length > 0;
    }
    const isSame = newest >> LOW_32 === computed >> LOW_32;
    if (isSame && keys.length === 1 && sameKey(keys[0], this.#key)) return false;
    const version = this.#rows.addRevision(
      {
        tenant,
        traceId,
        arrivals,
        distinctSpans: tuples.length,
        extraFlags,
        // Over a row of the same records under another key (the configuration changed): leave room for its tombstone.
        minimumVersion: isSame ? newest + 2n : 0n,
      },
      trace,
      this.#spans,
      this.#key,
    );
    for (const key of keys) {
      if (!sameKey(key, this.#key)) this.#rows.addTombstone({ tenant, traceId }, key, version);
    }
    return true;
  }

  #liveKey(row: LiveRow): RowKey {
    const { interner } = this.#open;
    return {
      endMinute: row.endMinute,
      country: interner.index(row.country),
      region: interner.index(row.region),
      locality: interner.index(row.locality),
      receivedMs: row.receivedMs,
    };
  }

  #fill(tuples: readonly SpanTuple[]): void {
    const { interner } = this.#open;
    const spans = this.#spans;
    spans.clear();
    if (this.#members.length < tuples.length) this.#members = new Int32Array(tuples.length * 2);
    for (let i = 0; i < tuples.length; i++) {
      const tuple = tuples[i];
      const row = spans.allocate();
      this.#members[i] = row;
      const start = BigInt(tuple[5]);
      const end = BigInt(tuple[6]);
      spans.spanId[row * 2] = hexToWord(tuple[1], 0);
      spans.spanId[row * 2 + 1] = hexToWord(tuple[1], 8);
      spans.parentId[row * 2] = tuple[2] === '' ? 0 : hexToWord(tuple[2], 0);
      spans.parentId[row * 2 + 1] = tuple[2] === '' ? 0 : hexToWord(tuple[2], 8);
      spans.kind[row] = tuple[3];
      spans.status[row] = tuple[4];
      spans.startLow[row] = Number(start & 0xffff_ffffn);
      spans.startHigh[row] = Number(start >> 32n);
      spans.endLow[row] = Number(end & 0xffff_ffffn);
      spans.endHigh[row] = Number(end >> 32n);
      spans.service[row] = interner.index(tuple[7]);
      spans.name[row] = interner.index(tuple[8]);
      spans.tier[row] = interner.index(tuple[9]);
      spans.environment[row] = interner.index(tuple[10]);
      spans.host[row] = interner.index(tuple[11]);
      spans.peerService[row] = interner.index(tuple[12]);
      spans.locality[row] = interner.index(tuple[13]);
      spans.region[row] = interner.index(tuple[14]);
      spans.country[row] = interner.index(tuple[15]);
      spans.locationRank[row] = tuple[16];
      spans.isDatabaseCall[row] = tuple[17];
      spans.flags[row] = tuple[18];
      spans.checksum[row] = tuple[19];
      spans.receivedMs[row] = Number(tuple[20]);
    }
  }
}

function groupByTrace<T>(items: readonly T[], traceIdOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const traceId = traceIdOf(item);
    const group = groups.get(traceId);
    if (group === undefined) groups.set(traceId, [item]);
    else group.push(item);
  }
  return groups;
}
