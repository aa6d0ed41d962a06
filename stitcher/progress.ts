/**
 * Tells the store where this stitcher has got to: `freshness.settled` in the API and the auditor's start after a crash
 * both read it. Written when something but the watermark changed, else now and then.
 */
import type { TraceStore } from '../store/index.js';

/** The JSON in `progress.state` of a stitcher. */
export interface StitcherProgress {
  /** Committed offset by partition. */
  readonly partitions: Readonly<Record<string, number>>;
  readonly watermark_ms: number;
  readonly open_traces: number;
  /** Restitches and trace rows under way. */
  readonly pending: number;
  /** Whether everything written so far has been audited and found right. */
  readonly audited: boolean;
  readonly audited_through_ms: number;
  /** When the newest trace row was stored. */
  readonly last_trace_row_ms: number;
}

const MIN_INTERVAL_MS = 200;
const WATERMARK_INTERVAL_MS = 2_000;

export class ProgressWriter {
  readonly #store: TraceStore;
  readonly #instance: string;
  #lastText = '';
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #writing = false;

  constructor(store: TraceStore, instance: string) {
    this.#store = store;
    this.#instance = instance;
  }

  async write(progress: StitcherProgress, nowMs: number, isFinal = false): Promise<void> {
    if (this.#writing && !isFinal) return;
    const text = JSON.stringify({ ...progress, watermark_ms: 0, audited_through_ms: 0 });
    const waitMs = text === this.#lastText ? WATERMARK_INTERVAL_MS : MIN_INTERVAL_MS;
    if (!isFinal && nowMs - this.#lastAtMs < waitMs) return;
    this.#writing = true;
    try {
      await this.#store.saveProgress('stitcher', this.#instance, JSON.stringify(progress));
      this.#lastText = text;
      this.#lastAtMs = nowMs;
    } finally {
      this.#writing = false;
    }
  }
}

/** Where auditing starts: where this instance, or else the one that had got least far, stopped; 0 for a new store. */
export async function auditStart(store: TraceStore, instance: string): Promise<number> {
  const rows = await store.loadProgress('stitcher');
  const own = rows.filter(row => row.instance === instance);
  const positions = (own.length > 0 ? own : rows).map(row => auditedThrough(row.state));
  return positions.length === 0 ? 0 : Math.min(...positions);
}

function auditedThrough(state: string): number {
  const parsed: unknown = JSON.parse(state);
  const through = (parsed as Partial<StitcherProgress>).audited_through_ms;
  return typeof through === 'number' ? through : 0;
}
