import type { Logger } from 'pino';
import type { Bus } from '../bus/index.js';
import type { SpanReader } from '../otlp/index.js';
import type { TraceStore } from '../store/index.js';
import type { Windows } from './open-traces.js';

export interface StitcherOptions {
  readonly bus: Bus;
  readonly store: TraceStore;
  readonly reader: SpanReader;
  readonly logger: Logger;
  /** Names this stitcher in the store; no other that lives may have the same. */
  readonly instance: string;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Milliseconds that pass, also while the clock is set; for pauses and durations. Default: the clock. */
  readonly ticks?: () => number;
  readonly windows: Windows;
  readonly latenessMs: number;
  readonly maxClockSkewMs: number;
  readonly auditEveryMs: number;
  readonly auditOverlapMs: number;
  readonly maxMemoryBytes: number;
  readonly batchMaxBytes: number;
  /** A batch is stored at the latest this long after its first record was read. */
  readonly flushEveryMs: number;
  /** Longest wait for records, and so between looks at what is due. */
  readonly tickMs: number;
  /** How often the log is asked for its ends, at most. */
  readonly offsetsEveryMs: number;
  /** Remembers 2^(bits − 1) traces or more that it has let go of, in 40 bytes × 2^bits. Default 20. */
  readonly seenCapacityBits?: number;
}
