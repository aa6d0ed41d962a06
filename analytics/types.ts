/** What the analytics room is given by the place that wires it, and what it gives back. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { SqlStore, Store } from '../store/index.js';
import type { ApiToken } from './access.js';
import type { ApiLimits, ApiTls } from './listener.js';

export interface LogPartition {
  readonly partition: number;
  /** Offset the next record will get; 0 if there never was one. */
  readonly endOffset: number;
  /** Offset of the first record the stitchers have not committed. */
  readonly committedOffset: number;
}

/** The log as the ledger needs it. Items are spans; counts are cumulative over the life of the log. */
export interface LogView {
  readonly appendedItems: number;
  readonly committedItems: number;
  /** Spans refused, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Those of `rejected` that were found only in the log, and so are in `appendedItems` too. Default 0. */
  readonly rejectedInLogItems?: number;
  readonly deadLetterItems: number;
  /** Whether `appendedItems` is an estimate as long as not everything is committed. Default: it is exact. */
  readonly isEstimate?: boolean;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in words for an operator; empty when ready. */
  readonly reasons: readonly string[];
}

export interface RollupSettings {
  /** Least pause between two passes. */
  readonly everyMs: number;
  /** Share of the wall time the passes may take, 0 to 1: after a pass of d ms the job rests d / share − d. */
  readonly maxShare: number;
  /**
   * How long after its `written_at` a row may still become visible (slow inserts, replication): rows this far behind
   * the position are looked at again.
   */
  readonly overlapMs: number;
}

export interface SqlSettings {
  readonly maxSeconds: number;
  readonly maxMemoryBytes: number;
  /** Rows of the answer. */
  readonly maxRows: number;
  /** Questions at a time; beyond it 429. Default 4. */
  readonly maxConcurrent?: number;
}

export interface SloSettings {
  /** A folder of documents that are loaded at the start and whenever they change. */
  readonly directory?: string | undefined;
}

export interface AnalyticsLimits {
  /** Up to this many revisions in a window the answer is exact; above it comes from sketches. */
  readonly exactTraces: number;
  /** Spans in one trace's answer; the rest is counted in `spans_omitted`. */
  readonly spansPerAnswer: number;
  /** A stitcher whose progress row is older than this is not alive: see freshness.ts. */
  readonly instanceAliveMs: number;
  /** How current answers are is told by what was known so long ago, at most. */
  readonly progressMaxAgeMs: number;
}

export interface AnalyticsOptions {
  readonly store: Store;
  /** For /api/v1/sql; default `store`. */
  readonly sqlStore?: SqlStore;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Where the log's partitions are; asked with every answer. Rejects when the log cannot be reached. */
  readonly offsets: () => Promise<readonly LogPartition[]>;
  /** What the log has counted; may cost more. Rejects when the log cannot be reached. */
  readonly log: () => Promise<LogView>;
  readonly readiness: () => Promise<Readiness>;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly sql: SqlSettings;
  readonly rollup?: Partial<RollupSettings>;
  readonly limits?: Partial<AnalyticsLimits>;
  readonly slo?: SloSettings;
  readonly tls?: ApiTls | undefined;
  /** Who may ask, and what; empty or absent: anybody, everything. */
  readonly tokens?: readonly ApiToken[];
  readonly apiLimits?: Partial<ApiLimits>;
  /** The tenant of questions without a token, or with one that names no other. */
  readonly tenant?: string;
  /** Names this process in `progress`. */
  readonly instance?: string;
}

export interface Analytics {
  readonly port: number;
  /** Stops listening, waits for requests and the rollup pass under way. */
  close(): Promise<void>;
}
