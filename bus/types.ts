/**
 * The log between receivers and stitchers, as both of its kinds (embedded, Kafka) present it.
 * The bus does not know what is in a record: `itemCount` is whatever its publisher counts (spans, here).
 */

/** One record to append. `payload` is borrowed: it must not change until `publish` settles. */
export interface RecordToPublish {
  readonly partition: number;
  readonly tenant: string;
  /** Whose token it came with: all its items are of this tier, whatever they say. Absent: they say it themselves. */
  readonly tier?: string | undefined;
  readonly itemCount: number;
  readonly payload: Uint8Array;
}

export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** When the log appended it, epoch milliseconds; never decreases within a partition; the same on every redelivery. */
  readonly appendTimeMs: number;
  readonly tenant: string;
  /** As published. */
  readonly tier?: string | undefined;
  readonly itemCount: number;
  readonly payload: Uint8Array;
  /**
   * Present if the record is not as it was appended (bit flips on disk): what is wrong with it. Its payload, and where
   * the text speaks of the header its other fields, cannot be trusted: move it to the dead letters.
   */
  readonly corrupt?: string;
}

/** Amounts to add to named cumulative counters, in the same transaction as what they count. */
export type Tallies = Readonly<Record<string, number>>;

/** Where a partition is; cheap to ask of every kind of log. */
export interface PartitionOffsets {
  readonly partition: number;
  /** First offset still in the log. */
  readonly startOffset: number;
  /** Offset the next record will get. */
  readonly endOffset: number;
  /** Offset of the first record not yet committed by the consumer. */
  readonly committedOffset: number;
  /** Append time of the newest record, 0 if there never was one. */
  readonly lastAppendTimeMs: number;
}

export interface PartitionState extends PartitionOffsets {
  /** Items ever appended / in committed records, cumulative over the life of the log. */
  readonly appendedItems: number;
  readonly committedItems: number;
}

export interface BusState {
  readonly partitions: readonly PartitionState[];
  /** Whether `appendedItems` is an estimate of what is not committed yet; absent: it is exact. */
  readonly isEstimate?: boolean;
  /** Cumulative named counters (`rejected.<reason>`, `dead_letter`, …). */
  readonly counters: Readonly<Record<string, number>>;
  /**
   * Bytes that the log's content takes and how many it may. Embedded: space within the file, which is reused but does
   * not shrink. Kafka: not for us to know, absent.
   */
  readonly usedBytes?: number;
  readonly limitBytes?: number;
}

export interface DeadLetter {
  readonly partition: number;
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly tenant: string;
  readonly itemCount: number;
  readonly reason: string;
  readonly payload: Uint8Array;
}

/** What a consumer has finished with: everything below `offset` in `partition` is stored. */
export interface CommitPoint {
  readonly partition: number;
  readonly offset: number;
  /**
   * Counted together with the offset: a function of the records below it, so that whoever commits the same offset
   * counts the same.
   */
  readonly tallies?: Tallies;
}

export interface BusConsumer {
  /**
   * Next records in offset order within each partition, starting at the committed offset; resolves with an empty array
   * after `waitMs` without any. Reads up to `maxBytes` of payload (at least one record). Several calls may be
   * uncommitted at once. Payloads belong to the caller.
   */
  poll(maxBytes: number, waitMs: number): Promise<LogRecord[]>;
  /**
   * Durably keeps the given records as dead letters, then moves the committed offsets on and adds their tallies.
   * Committing an offset twice, or one below the committed one, changes nothing; nor does one of a partition that is
   * another's by now.
   */
  commit(points: readonly CommitPoint[], deadLetters?: readonly DeadLetter[]): Promise<void>;
  /** Partitions this consumer currently owns. */
  readonly partitions: readonly number[];
  /**
   * Partitions lost since the last call, whether or not they have come back: what was polled from them and is not
   * committed goes to somebody, perhaps to this consumer, once more. To be asked after every poll.
   */
  takeRevoked(): readonly number[];
  close(): Promise<void>;
}

export interface Bus {
  readonly partitionCount: number;
  /** Largest payload of one record. */
  readonly maxRecordBytes: number;
  /** Rejects, with a BusError, if the log's client has failed for good: only a new process will do. */
  readonly failed: Promise<never>;
  /**
   * Appends all records and adds `tallies`, in one transaction; resolves once that is durable (fsynced, or acknowledged
   * by all in-sync replicas). All or nothing. Rejects with a BusError: `BUS_FULL` (size limit, disk full; retryable),
   * `BUS_UNAVAILABLE` (retryable), `BUS_CLOSED`. `records` may be empty when there are only tallies.
   */
  publish(records: readonly RecordToPublish[], tallies?: Tallies): Promise<void>;
  /** The stitcher's consumer. The embedded log has one at a time: a second one is refused while the first lives. */
  consumer(): Promise<BusConsumer>;
  offsets(): Promise<readonly PartitionOffsets[]>;
  /** With counts. Kafka: may read what is not committed yet, in order to count it. */
  state(): Promise<BusState>;
  /** The newest first. */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /** Stops taking publishes, waits for those under way, closes the log. */
  close(): Promise<void>;
}
