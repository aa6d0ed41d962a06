/** The write actions behind `commit`, and trimming. */
import { BusError } from '../errors.js';
import type { CommitPoint, DeadLetter } from '../types.js';
import { putDeadLetter } from './dead-letters.js';
import { MAX_PARTITIONS, recordKey } from './keys.js';
import type { LogTransaction, PartitionRow } from './log-transaction.js';
import { decodeHeader } from './record-codec.js';

/** Records removed in one transaction: bounds how long others wait behind it. */
const MAX_TRIM_RECORDS = 512;

interface Sums {
  readonly items: number;
  readonly footprint: number;
}

/** Items and footprint of the partition below an offset. A damaged record is skipped: its own share is then counted in. */
function sumsBelow(transaction: LogTransaction, partition: number, row: PartitionRow, from: number): Sums {
  for (let offset = from; offset < row.endOffset; offset++) {
    const value = transaction.file.records.getBinary(recordKey(partition, offset));
    const header = value === undefined ? undefined : decodeHeader(value, partition, offset);
    if (typeof header === 'object') return { items: header.itemsBefore, footprint: header.footprintBefore };
  }
  return { items: row.appendedItems, footprint: row.appendedFootprint };
}

/** Throws a RangeError on what no log could have handed out. */
export function checkCommit(points: readonly CommitPoint[], deadLetters: readonly DeadLetter[]): void {
  for (const { partition, offset } of [...points, ...deadLetters]) {
    if (!Number.isInteger(partition) || partition < 0 || partition > MAX_PARTITIONS)
      throw new RangeError(`partition ${partition}`);
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`offset ${offset}`);
  }
}

/** The row of a partition, with nothing made up for one that the log never had. */
function knownPartition(transaction: LogTransaction, partition: number): PartitionRow {
  if (!transaction.hasPartition(partition)) throw new BusError('BUS_CONFLICT', `the log has no partition ${partition}`);
  return transaction.partition(partition);
}

/** Points that move the committed offset of their partition, the highest of each. */
function advancing(transaction: LogTransaction, points: readonly CommitPoint[]): Map<number, CommitPoint> {
  const targets = new Map<number, CommitPoint>();
  for (const point of points) {
    const { partition, offset } = point;
    const row = knownPartition(transaction, partition);
    if (offset > row.endOffset)
      throw new BusError(
        'BUS_CONFLICT',
        `commit of ${offset} in partition ${partition}, which ends at ${row.endOffset}`,
      );
    if (offset > Math.max(row.committedOffset, targets.get(partition)?.offset ?? 0)) targets.set(partition, point);
  }
  return targets;
}

/** Removes committed records, at most `limit`; returns how many it removed. */
function trimPartition(transaction: LogTransaction, partition: number, limit: number): number {
  const row = transaction.partition(partition);
  const end = Math.min(row.committedOffset, row.startOffset + limit);
  const trimmed = end - row.startOffset;
  if (trimmed <= 0) return 0;
  for (let offset = row.startOffset; offset < end; offset++)
    transaction.file.records.remove(recordKey(partition, offset));
  row.startOffset = end;
  const { footprint } = sumsBelow(transaction, partition, row, end);
  transaction.usage.recordBytes -= footprint - row.trimmedFootprint;
  row.trimmedFootprint = footprint;
  return trimmed;
}

/** Removes a bounded number of committed records; returns whether there may be more. */
export function trim(transaction: LogTransaction, partitions: Iterable<number>): boolean {
  let left = MAX_TRIM_RECORDS;
  for (const partition of partitions) {
    left -= trimPartition(transaction, partition, left);
    if (left === 0) return true;
  }
  return false;
}

/**
 * Returns whether committed records are left to trim. A repeated commit (no point moves anything) changes nothing,
 * tallies and dead letters included: its first run may have succeeded without its caller learning of it.
 */
export function applyCommit(
  transaction: LogTransaction,
  points: readonly CommitPoint[],
  deadLetters: readonly DeadLetter[],
  maxDeadLetterBytes: number,
): boolean {
  const targets = advancing(transaction, points);
  const rows = deadLetters.map(letter => knownPartition(transaction, letter.partition));
  if (points.length > 0 && targets.size === 0) return false;
  deadLetters.forEach((letter, i) => {
    if (letter.offset >= rows[i].committedOffset) putDeadLetter(transaction, letter, maxDeadLetterBytes);
  });
  for (const { partition, offset, tallies = {} } of targets.values()) {
    const row = transaction.partition(partition);
    row.committedItems = sumsBelow(transaction, partition, row, offset).items;
    row.committedOffset = offset;
    transaction.addTallies(tallies);
  }
  return trim(transaction, targets.keys());
}
