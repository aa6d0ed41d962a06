/** The embedded log: one LMDB environment in a directory, shared by the processes of one machine. */
import { BusError } from '../errors.js';
import type {
  Bus,
  BusConsumer,
  BusState,
  CommitPoint,
  DeadLetter,
  PartitionOffsets,
  PartitionState,
  RecordToPublish,
  Tallies,
} from '../types.js';
import { applyAppend, prepareAppend } from './append.js';
import { applyCommit, checkCommit, trim } from './commit.js';
import { type ConsumerHost, EmbeddedConsumer } from './consumer.js';
import {
  checkLock,
  conflict,
  isAlive,
  type LockHolder,
  newHolder,
  readHolder,
  releaseLock,
  takeLock,
} from './consumer-lock.js';
import { readDeadLetters } from './dead-letters.js';
import { GroupWriter } from './group-writer.js';
import { type LogFile, markMade, openLogFile, toBusError } from './log-file.js';
import {
  checkFormat,
  checkRows,
  checkTallies,
  readCounters,
  readPartition,
  readPartitionNumbers,
  readUsage,
} from './log-transaction.js';
import { type EmbeddedBusOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { MAX_PAYLOAD_BYTES } from './record-codec.js';

/** Opens (and, if need be, makes) the log. Rejects with a BusError, or a RangeError for an impossible option. */
export async function openEmbeddedBus(options: EmbeddedBusOptions): Promise<Bus> {
  const resolved = resolveOptions(options);
  const file = openLogFile(resolved.directory, resolved.maxBytes);
  const writer = new GroupWriter(file, resolved.writeTimeoutMs);
  try {
    await writer.submit(0, transaction => checkFormat(transaction, resolved.partitionCount));
    checkRows(file);
    markMade(file);
  } catch (error) {
    await file.environment.close();
    throw toBusError(error, `cannot open the log in ${resolved.directory}`);
  }
  return new EmbeddedBus(file, writer, resolved);
}

class EmbeddedBus implements Bus {
  readonly partitionCount: number;
  readonly maxRecordBytes = MAX_PAYLOAD_BYTES;
  readonly failed: Promise<never> = new Promise(() => {});
  readonly #file: LogFile;
  readonly #writer: GroupWriter;
  readonly #options: ResolvedOptions;
  readonly #consumers = new Set<EmbeddedConsumer>();
  readonly #openings = new Set<Promise<BusConsumer>>();
  /** Locks that this bus has let go of, whether or not their rows could be removed. */
  readonly #released = new Set<string>();
  #trimming = false;
  #closing: Promise<void> | undefined;

  constructor(file: LogFile, writer: GroupWriter, options: ResolvedOptions) {
    this.#file = file;
    this.#writer = writer;
    this.#options = options;
    this.partitionCount = options.partitionCount;
  }

  async publish(records: readonly RecordToPublish[], tallies: Tallies = {}): Promise<void> {
    this.#checkOpen();
    const append = prepareAppend(records, tallies, this.partitionCount);
    if (records.length === 0 && Object.keys(tallies).length === 0) return;
    await this.#writer.submit(append.payloadBytes, transaction => applyAppend(transaction, append, this.#options));
    if (records.length > 0) for (const consumer of this.#consumers) consumer.wake();
  }

  async consumer(): Promise<BusConsumer> {
    this.#checkOpen();
    const opening = this.#openConsumer();
    this.#openings.add(opening);
    try {
      return await opening;
    } finally {
      this.#openings.delete(opening);
    }
  }

  async offsets(): Promise<readonly PartitionOffsets[]> {
    return (await this.state()).partitions;
  }

  async state(): Promise<BusState> {
    this.#checkOpen();
    this.#file.environment.resetReadTxn();
    const usage = readUsage(this.#file);
    return {
      partitions: readPartitionNumbers(this.#file).map(partition => this.#partitionState(partition)),
      counters: readCounters(this.#file),
      usedBytes: usage.recordBytes + usage.deadLetterBytes,
      limitBytes: this.#options.budgetBytes,
    };
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    this.#checkOpen();
    this.#file.environment.resetReadTxn();
    return readDeadLetters(this.#file, limit);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #openConsumer(): Promise<BusConsumer> {
    this.#file.environment.resetReadTxn();
    const former = readHolder(this.#file);
    if (former !== undefined && !this.#released.has(former.token) && isAlive(former))
      throw conflict(this.#file, former);
    const holder = newHolder();
    await this.#writer.submit(0, transaction => takeLock(transaction.file, former, holder));
    const consumer: EmbeddedConsumer = new EmbeddedConsumer(this.#host(holder, () => this.#consumers.delete(consumer)));
    this.#consumers.add(consumer);
    void this.#trimRest();
    return consumer;
  }

  async #close(): Promise<void> {
    // A consumer that is just taking the lock must give it back.
    await Promise.allSettled(this.#openings);
    await Promise.allSettled([...this.#consumers].map(consumer => consumer.close()));
    await this.#writer.idle();
    if (!this.#writer.isStuck) await this.#file.environment.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', `the log in ${this.#file.directory} is closed`);
  }

  #partitionState(partition: number): PartitionState {
    const row = readPartition(this.#file, partition);
    return {
      partition,
      startOffset: row.startOffset,
      endOffset: row.endOffset,
      committedOffset: row.committedOffset,
      lastAppendTimeMs: row.lastAppendTimeMs,
      appendedItems: row.appendedItems,
      committedItems: row.committedItems,
    };
  }

  #host(holder: LockHolder, forget: () => void): ConsumerHost {
    return {
      file: this.#file,
      partitionCount: this.partitionCount,
      pollIntervalMs: this.#options.pollIntervalMs,
      commit: (points, deadLetters) => this.#commit(holder, points, deadLetters),
      released: async () => {
        forget();
        this.#released.add(holder.token);
        await this.#writer.submit(0, transaction => releaseLock(transaction.file, holder));
      },
    };
  }

  async #commit(holder: LockHolder, points: readonly CommitPoint[], deadLetters: readonly DeadLetter[]): Promise<void> {
    for (const { tallies = {} } of points) checkTallies(tallies);
    checkCommit(points, deadLetters);
    const more = await this.#writer.submit(0, transaction => {
      checkLock(transaction.file, holder);
      return applyCommit(transaction, points, deadLetters, this.#options.maxDeadLetterBytes);
    });
    if (more) void this.#trimRest();
  }

  /** Trims what commits left over, slice after slice. A failure only postpones it to the next commit. */
  async #trimRest(): Promise<void> {
    if (this.#trimming) return;
    this.#trimming = true;
    try {
      let more = true;
      while (more && this.#closing === undefined)
        more = await this.#writer.submit(0, transaction => trim(transaction, readPartitionNumbers(transaction.file)));
    } catch {
      // Nobody waits for this: a log that cannot be written says so to the next publish or commit.
    } finally {
      this.#trimming = false;
    }
  }
}
