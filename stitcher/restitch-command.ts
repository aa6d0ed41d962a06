/**
 * `throughline restitch`: restates traces from the store on request, with spans that came beyond the allowed lateness.
 * Safe beside a running stitcher: revisions are ordered by what they cover, not by who writes them.
 */
import type { RestitchSelection, TraceStore } from '../store/index.js';
import { Assembler } from './assembly/index.js';
import { OpenTraces, type Windows } from './open-traces.js';
import { Restitcher } from './restitcher.js';
import { TraceRows } from './trace-rows.js';

export interface RestitchOptions {
  readonly store: TraceStore;
  readonly windows: Windows;
  readonly latenessMs: number;
  readonly maxClockSkewMs: number;
  readonly onProgress: (done: number, total: number) => void;
}

const BATCH = 200;

/** Returns how many traces were selected and how many got a new revision. */
export async function restitchTraces(
  options: RestitchOptions,
  selection: RestitchSelection,
): Promise<{ selected: number; revised: number }> {
  const { store, windows } = options;
  const open = new OpenTraces(windows, 10);
  const assembler = new Assembler({
    maxClockSkewNs: options.maxClockSkewMs * 1e6,
    completeAfterMs: windows.completeAfterMs,
    idleMs: windows.idleMs,
    maxOpenMs: windows.maxOpenMs,
    latenessMs: options.latenessMs,
    maxSpansPerTrace: windows.maxSpansPerTrace,
    appTier: open.appTier,
    dataTier: open.dataTier,
  });
  const rows = new TraceRows(open.interner, open.tenants);
  const restitcher = new Restitcher(store, open, assembler, rows);
  const selected = await store.selectTraces(selection);
  let revised = 0;
  let done = 0;
  for (const tenant of new Set(selected.map(trace => trace.tenant))) {
    const ids = selected.filter(trace => trace.tenant === tenant).map(trace => trace.traceId);
    for (let at = 0; at < ids.length; at += BATCH) {
      const batch = ids.slice(at, at + BATCH);
      revised += await restitcher.run(tenant, batch, true);
      const block = rows.take();
      if (block.rows > 0) await store.insert('trace_revisions', block.columns, block.rows);
      done += batch.length;
      options.onProgress(done, selected.length);
    }
  }
  return { selected: selected.length, revised };
}
