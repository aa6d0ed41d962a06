/**
 * Closes what is due: assembles traces that are wholly in memory into rows, and lists those that must be restitched
 * from the store. Synchronous; the rows it adds are stored by its caller.
 */
import type { Assembler } from './assembly/index.js';
import { TraceFlag } from './assembly/index.js';
import { DistinctRows } from './distinct-rows.js';
import { Due, type OpenTraces } from './open-traces.js';
import { keyOf, type RowKey, sameKey, type TraceRows } from './trace-rows.js';
import { NO_SLOT, TraceState } from './trace-table.js';

/** A slot to restitch; valid while the slot's generation is this one. */
export interface SlotToRestitch {
  readonly slot: number;
  readonly generation: number;
  readonly tenant: string;
  readonly traceId: string;
}

export class Closer {
  readonly #open: OpenTraces;
  readonly #assembler: Assembler;
  readonly #rows: TraceRows;
  readonly #distinct = new DistinctRows();
  readonly #key: RowKey = { endMinute: 0, country: 0, region: 0, locality: 0, receivedMs: 0 };
  readonly #oldKey: RowKey = { endMinute: 0, country: 0, region: 0, locality: 0, receivedMs: 0 };
  readonly toRestitch: SlotToRestitch[] = [];

  constructor(open: OpenTraces, assembler: Assembler, rows: TraceRows) {
    this.#open = open;
    this.#assembler = assembler;
    this.#rows = rows;
  }

  /** Handles every trace of a partition that is due before its watermark. Returns how many revisions were added. */
  advance(partition: number, watermarkMs: number): number {
    const open = this.#open;
    let revisions = 0;
    for (;;) {
      const slot = open.nextDue(partition, watermarkMs);
      if (slot === NO_SLOT) return revisions;
      const due = open.judge(slot, watermarkMs);
      if (due === Due.TRY) revisions += Number(this.#close(slot, false));
      else if (due === Due.CLOSE) revisions += Number(this.#close(slot, true));
      else if (due === Due.RESTITCH) this.#listForRestitch(slot);
    }
  }

  /** Closes traces before their time until memory is at most `targetBytes`; closed ones go first. */
  relieve(targetBytes: number): number {
    const open = this.#open;
    const traces = open.traces;
    let revisions = 0;
    for (const wanted of [TraceState.CLOSED, TraceState.OPEN]) {
      for (let slot = 0; slot < traces.highWater && open.byteLength > targetBytes; slot++) {
        if (traces.state[slot] !== wanted || traces.isStoreBacked[slot] === 1) continue;
        if (wanted === TraceState.OPEN) revisions += Number(this.#close(slot, true));
        open.evict(slot);
      }
    }
    return revisions;
  }

  /** Takes up to `limit` traces of one tenant off the list. */
  takeRestitches(limit: number): SlotToRestitch[] {
    const tenant = this.toRestitch[0]?.tenant;
    const taken: SlotToRestitch[] = [];
    const left: SlotToRestitch[] = [];
    for (const item of this.toRestitch) {
      if (item.tenant === tenant && taken.length < limit) taken.push(item);
      else left.push(item);
    }
    this.toRestitch.splice(0, this.toRestitch.length, ...left);
    return taken;
  }

  /** Lists them again, those that are still waiting. */
  putBack(items: readonly SlotToRestitch[]): void {
    const { traces } = this.#open;
    this.toRestitch.push(...items.filter(({ slot, generation }) => traces.generation[slot] === generation));
  }

  /** Assembles and writes a trace; with `isForced` false only if it is complete, else it waits for its idle time. */
  #close(slot: number, isForced: boolean): boolean {
    const open = this.#open;
    const traces = open.traces;
    const distinct = this.#distinct;
    traces.head[slot] = distinct.collect(open.spans, traces.head[slot], traces.rowCount[slot]);
    traces.rowCount[slot] = distinct.count;
    if (distinct.conflict) traces.stickyFlags[slot] |= TraceFlag.CONFLICT;
    const trace = this.#assembler.assemble(open.spans, distinct.rows, distinct.count, false);
    if (!isForced && !trace.complete) {
      open.waitForIdle(slot);
      return false;
    }
    keyOf(trace, open.spans, this.#key);
    const input = {
      tenant: traces.tenant[slot],
      traceId: open.traceIdHex(slot),
      arrivals: traces.arrivals[slot],
      distinctSpans: distinct.count,
      extraFlags: traces.stickyFlags[slot],
      minimumVersion: 0n,
    };
    const version = this.#rows.addRevision(input, trace, open.spans, this.#key);
    this.#replaceKey(slot, input, version);
    open.close(slot);
    return true;
  }

  #replaceKey(slot: number, input: { tenant: number; traceId: string }, version: bigint): void {
    const traces = this.#open.traces;
    const key = this.#key;
    if (traces.hasRow[slot] === 1) {
      const old = this.#oldKey;
      old.endMinute = traces.rowEndMinute[slot];
      old.country = traces.rowCountry[slot];
      old.region = traces.rowRegion[slot];
      old.locality = traces.rowLocality[slot];
      old.receivedMs = traces.rowReceivedMs[slot];
      if (!sameKey(old, key)) this.#rows.addTombstone(input, old, version);
    }
    traces.hasRow[slot] = 1;
    traces.rowEndMinute[slot] = key.endMinute;
    traces.rowCountry[slot] = key.country;
    traces.rowRegion[slot] = key.region;
    traces.rowLocality[slot] = key.locality;
    traces.rowReceivedMs[slot] = key.receivedMs;
  }

  #listForRestitch(slot: number): void {
    const open = this.#open;
    open.traces.setState(slot, TraceState.RESTITCHING);
    this.toRestitch.push({
      slot,
      generation: open.traces.generation[slot],
      tenant: open.tenants[open.traces.tenant[slot]],
      traceId: open.traceIdHex(slot),
    });
  }
}
