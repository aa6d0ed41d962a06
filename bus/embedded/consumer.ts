import { crc32 } from 'node:zlib';
import { BusError } from '../errors.js';
import type { BusConsumer, CommitPoint, DeadLetter, LogRecord } from '../types.js';
import { recordKey } from './keys.js';
import type { LogFile } from './log-file.js';
import { readPartition, readPartitionNumbers } from './log-transaction.js';
import { decodeHeader, payloadOf } from './record-codec.js';

/** What a consumer needs of its bus. */
export interface ConsumerHost {
  readonly file: LogFile;
  readonly partitionCount: number;
  readonly pollIntervalMs: number;
  commit(points: readonly CommitPoint[], deadLetters: readonly DeadLetter[]): Promise<void>;
  released(): Promise<void>;
}

/** Read position in one partition. */
interface Cursor {
  readonly partition: number;
  nextOffset: number;
  /** Exclusive, as of the last look. */
  endOffset: number;
  /** Append time of the last record handed out: what a record with a damaged header is given. */
  lastAppendTimeMs: number;
}

export class EmbeddedConsumer implements BusConsumer {
  readonly #host: ConsumerHost;
  readonly #cursors = new Map<number, Cursor>();
  /** Partition with which the next poll begins. */
  #firstPartition = 0;
  readonly #sleepers = new Set<() => void>();
  #closing: Promise<void> | undefined;

  constructor(host: ConsumerHost) {
    this.#host = host;
    this.#look();
  }

  /** Those that are published to, and older ones that still hold records. */
  get partitions(): readonly number[] {
    this.#checkOpen();
    this.#look();
    return [...this.#cursors.keys()];
  }

  async poll(maxBytes: number, waitMs: number): Promise<LogRecord[]> {
    this.#checkOpen();
    let expired = false;
    const deadline = setTimeout(() => {
      expired = true;
      this.wake();
    }, waitMs);
    try {
      for (;;) {
        const records = this.#read(maxBytes);
        if (records.length > 0 || expired || this.#closing !== undefined) return records;
        await this.#sleep();
        if (this.#closing !== undefined) return [];
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Something may have been appended. */
  wake(): void {
    for (const sleeper of this.#sleepers) sleeper();
  }

  async commit(points: readonly CommitPoint[], deadLetters: readonly DeadLetter[] = []): Promise<void> {
    this.#checkOpen();
    await this.#host.commit(points, deadLetters);
  }

  /** None: while it lives, every partition is its own. */
  takeRevoked(): readonly number[] {
    return [];
  }

  close(): Promise<void> {
    this.#closing ??= this.#host.released();
    this.wake();
    return this.#closing;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusError('BUS_CLOSED', 'the consumer is closed');
  }

  #sleep(): Promise<void> {
    return new Promise(resolve => {
      const awake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(awake);
        resolve();
      };
      const timer = setTimeout(awake, this.#host.pollIntervalMs);
      this.#sleepers.add(awake);
    });
  }

  /** Reads the partitions' ends afresh, as other processes may have moved them. */
  #look(): void {
    const { file, partitionCount } = this.#host;
    file.environment.resetReadTxn();
    for (const partition of readPartitionNumbers(file)) {
      const row = readPartition(file, partition);
      const cursor = this.#cursors.get(partition);
      if (partition >= partitionCount && row.committedOffset === row.endOffset) this.#cursors.delete(partition);
      else if (cursor !== undefined) cursor.endOffset = row.endOffset;
      else
        this.#cursors.set(partition, {
          partition,
          nextOffset: row.committedOffset,
          endOffset: row.endOffset,
          lastAppendTimeMs: 0,
        });
    }
  }

  /**
   * Takes turns among the partitions, each for its share of the bytes left, until the bytes or the records are used up.
   * A partition whose next record did not fit goes first next time, so a large record cannot be passed over for ever.
   */
  #read(maxBytes: number): LogRecord[] {
    this.#look();
    const records: LogRecord[] = [];
    let waiting = this.#inTurn();
    let bytesLeft = maxBytes;
    let passedOver = -1;
    while (waiting.length > 0 && bytesLeft > 0) {
      const share = bytesLeft / waiting.length;
      const again: Cursor[] = [];
      for (const cursor of waiting) {
        const before = bytesLeft;
        while (cursor.nextOffset < cursor.endOffset && before - bytesLeft < share) {
          const record = this.#readRecord(cursor);
          if (record.payload.length > bytesLeft && records.length > 0) {
            if (passedOver < 0) passedOver = cursor.partition;
            break;
          }
          cursor.nextOffset++;
          cursor.lastAppendTimeMs = record.appendTimeMs;
          bytesLeft -= Math.max(record.payload.length, 1);
          records.push(record);
        }
        if (cursor.nextOffset < cursor.endOffset && before - bytesLeft >= share) again.push(cursor);
      }
      waiting = again;
    }
    this.#firstPartition = passedOver >= 0 ? passedOver : this.#firstPartition + 1;
    return records;
  }

  /** Cursors with something to read, beginning with `#firstPartition`. */
  #inTurn(): Cursor[] {
    const cursors = [...this.#cursors.values()].sort((a, b) => a.partition - b.partition);
    const first = cursors.findIndex(cursor => cursor.partition >= this.#firstPartition);
    if (first < 0) this.#firstPartition = 0;
    return [...cursors.slice(Math.max(first, 0)), ...cursors.slice(0, Math.max(first, 0))].filter(
      cursor => cursor.nextOffset < cursor.endOffset,
    );
  }

  #readRecord(cursor: Cursor): LogRecord {
    const { partition, nextOffset: offset } = cursor;
    const value = this.#host.file.records.getBinary(recordKey(partition, offset));
    if (value === undefined) return damaged(cursor, Buffer.alloc(0), 'record is missing');
    const header = decodeHeader(value, partition, offset);
    if (typeof header === 'string') return damaged(cursor, value, header);
    const { appendTimeMs, tenant, tier, itemCount, payloadBytes, payloadChecksum } = header;
    const payload = payloadOf(value, header);
    const named = tier === '' ? { tenant } : { tenant, tier };
    const record = { partition, offset, appendTimeMs, ...named, itemCount, payload };
    if (payload.length !== payloadBytes)
      return { ...record, corrupt: `payload of ${payload.length} bytes, not ${payloadBytes}` };
    return crc32(payload) === payloadChecksum ? record : { ...record, corrupt: 'payload checksum mismatch' };
  }
}

/** A record whose header cannot be trusted: everything there is, for the dead-letter store. */
function damaged(cursor: Cursor, payload: Buffer, corrupt: string): LogRecord {
  return {
    partition: cursor.partition,
    offset: cursor.nextOffset,
    appendTimeMs: cursor.lastAppendTimeMs,
    tenant: '',
    itemCount: 0,
    payload,
    corrupt,
  };
}
