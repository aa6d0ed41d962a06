import { MAX_PARTITIONS } from './keys.js';

export interface EmbeddedBusOptions {
  /** Directory of the log's files; made if missing. One log a directory; several processes may open it at once. */
  readonly directory: string;
  /** Partitions to publish to. May change between openings: partitions beyond it stay readable until drained. */
  readonly partitionCount: number;
  /** Most bytes that the log's live content may take; see `budgetBytes`. */
  readonly maxBytes: number;
  /** Epoch milliseconds. Append times never decrease within a partition, whatever this says. */
  readonly clock: () => number;
  /** Payload bytes of dead letters to keep; beyond it only headers and reasons, as many bytes again. Default: a sixteenth, at most 64 MiB. */
  readonly maxDeadLetterBytes?: number;
  /** How often a waiting consumer looks for records of another process. Its own process wakes it at once. Default 20. */
  readonly pollIntervalMs?: number;
  /** A write transaction that takes longer is given up as BUS_UNAVAILABLE (its outcome is then unknown). Default 60 s. */
  readonly writeTimeoutMs?: number;
  /** Free disk space below which the log's file is not made to grow, so that commits still find room. Default: an eighth of maxBytes, at most 64 MiB. */
  readonly diskReserveBytes?: number;
}

export type ResolvedOptions = Required<EmbeddedBusOptions> & {
  /** What publishes may fill: the rest of maxBytes is for the trees, pages not yet reusable and fragmentation. */
  readonly budgetBytes: number;
};

export const MIN_LOG_BYTES = 1 << 20;
const MAX_RESERVE_BYTES = 64 << 20;
const DEFAULT_POLL_INTERVAL_MS = 20;
const DEFAULT_WRITE_TIMEOUT_MS = 60_000;

/** Fills in the defaults. Throws a RangeError that names the option that cannot be. */
export function resolveOptions(options: EmbeddedBusOptions): ResolvedOptions {
  const { partitionCount, maxBytes } = options;
  if (!Number.isInteger(partitionCount) || partitionCount < 1 || partitionCount > MAX_PARTITIONS)
    throw new RangeError(`partitionCount is ${partitionCount}; valid: 1 to ${MAX_PARTITIONS}`);
  if (!Number.isSafeInteger(maxBytes) || maxBytes < MIN_LOG_BYTES)
    throw new RangeError(`maxBytes is ${maxBytes}; valid: at least ${MIN_LOG_BYTES}`);
  return {
    ...options,
    maxDeadLetterBytes: options.maxDeadLetterBytes ?? Math.min(MAX_RESERVE_BYTES, Math.floor(maxBytes / 16)),
    pollIntervalMs: options.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS,
    writeTimeoutMs: options.writeTimeoutMs ?? DEFAULT_WRITE_TIMEOUT_MS,
    diskReserveBytes: options.diskReserveBytes ?? Math.min(MAX_RESERVE_BYTES, Math.floor(maxBytes / 8)),
    budgetBytes: maxBytes - Math.floor(maxBytes / 8),
  };
}
