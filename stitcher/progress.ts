/**
 * Tells the store where this stitcher has got to: `freshness.settled` in the API and the auditor's start after a crash
 * both read it. Written when something but the watermark changed, else now and then.
 */
import type { TraceStore } from '../store/index.js';

/** The JSON in `progress.state` of a stitcher. */
export interface StitcherProgress {
  /** Of the partitions it owns, the offset up to which records are stored and committed. */
  readonly partitions: Readonly<Record<string, number>>;
  readonly watermark_ms: number;
  readonly open_traces: number;
  /** Restitches and trace rows under way. */
  readonly pending: number;
  /** Whether everything written so far has been audited and found right. */
  readonly audited: boolean;
  /** By partition, on the store's clock. True of the store, whoever owns the partition by now. */
  readonly audited_through_ms: Readonly<Record<string, number>>;
  /** When the newest trace row was stored. */
  readonly last_trace_row_ms: number;
  /** And how long before this was written, which holds whatever the clocks say. */
  readonly last_trace_row_age_ms: number;
}

/** Of what somebody waits for: that everything is audited, or no longer is. */
const AUDITED_INTERVAL_MS = 200;
/** Of where reading has got to: an insert costs as much as storing a thousand spans. */
const POSITION_INTERVAL_MS = 1_000;
const WATERMARK_INTERVAL_MS = 2_000;

export class ProgressWriter {
  readonly #store: TraceStore;
  readonly #instance: string;
  #lastText = '';
  #lastAudited = false;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #writing = false;

  constructor(store: TraceStore, instance: string) {
    this.#store = store;
    this.#instance = instance;
  }

  async write(progress: StitcherProgress, nowMs: number, isFinal = false): Promise<void> {
    if (this.#writing && !isFinal) return;
    const text = JSON.stringify({ ...progress, watermark_ms: 0, audited_through_ms: {}, last_trace_row_age_ms: 0 });
    const changedMs = progress.audited === this.#lastAudited ? POSITION_INTERVAL_MS : AUDITED_INTERVAL_MS;
    const waitMs = text === this.#lastText ? WATERMARK_INTERVAL_MS : changedMs;
    if (!isFinal && nowMs - this.#lastAtMs < waitMs) return;
    this.#writing = true;
    try {
      await this.#store.saveProgress('stitcher', this.#instance, JSON.stringify(progress));
      this.#lastText = text;
      this.#lastAudited = progress.audited;
      this.#lastAtMs = nowMs;
    } finally {
      this.#writing = false;
    }
  }
}

/**
 * Where auditing of each partition starts: where any owner of it has got to. A partition that nobody has owned starts
 * where the least of the others does (what is older than that was there before it); 0 for a new store.
 */
export async function auditPositions(store: TraceStore, partitions: readonly number[]): Promise<Map<number, number>> {
  const rows = await store.loadProgress('stitcher');
  const newest = new Map<string, number>();
  for (const { state } of rows) {
    for (const [partition, throughMs] of auditedThrough(state)) {
      newest.set(partition, Math.max(newest.get(partition) ?? 0, throughMs));
    }
  }
  const leastMs = newest.size === 0 ? 0 : Math.min(...newest.values());
  return new Map(partitions.map(partition => [partition, newest.get(String(partition)) ?? leastMs]));
}

function auditedThrough(state: string): [string, number][] {
  const { audited_through_ms: through = {}, partitions = {} } = JSON.parse(state) as Partial<StitcherProgress>;
  // Up to version 0.1 there was one position for all.
  if (typeof through === 'number') return Object.keys(partitions).map(partition => [partition, through]);
  return Object.entries(through);
}
