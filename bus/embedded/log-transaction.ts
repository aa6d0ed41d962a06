/** The log's small rows, read and written within one write transaction (or read from the current snapshot). */
import { crc32 } from 'node:zlib';
import { BusError } from '../errors.js';
import type { Tallies } from '../types.js';
import { partitionKey } from './keys.js';
import type { LogFile } from './log-file.js';

/** Bookkeeping of one partition. `footprint` counts what `footprintBytes` says, cumulative like the items. */
export interface PartitionRow {
  startOffset: number;
  endOffset: number;
  committedOffset: number;
  lastAppendTimeMs: number;
  appendedItems: number;
  committedItems: number;
  appendedFootprint: number;
  trimmedFootprint: number;
}

/** Bookkeeping of the whole log. */
export interface UsageRow {
  /** Footprint of the records in the log. */
  recordBytes: number;
  deadLetterBytes: number;
  deadLetterCount: number;
  nextDeadLetter: number;
}

const PARTITION_FIELDS = [
  'startOffset',
  'endOffset',
  'committedOffset',
  'lastAppendTimeMs',
  'appendedItems',
  'committedItems',
  'appendedFootprint',
  'trimmedFootprint',
] as const satisfies readonly (keyof PartitionRow)[];
const USAGE_FIELDS = [
  'recordBytes',
  'deadLetterBytes',
  'deadLetterCount',
  'nextDeadLetter',
] as const satisfies readonly (keyof UsageRow)[];

const USAGE_KEY = Buffer.from('usage');

const CHECKSUM_BYTES = 4;

/**
 * f64 little-endian, in the order of `fields`: append new fields at the end, missing ones read as 0. Then the CRC-32 of
 * them: a bit that flips in an offset would make records vanish that nobody misses.
 */
function encodeRow<Field extends string>(row: Record<Field, number>, fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(8 * fields.length + CHECKSUM_BYTES);
  for (let i = 0; i < fields.length; i++) bytes.writeDoubleLE(row[fields[i]], 8 * i);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -CHECKSUM_BYTES)), bytes.length - CHECKSUM_BYTES);
  return bytes;
}

/** Rows of before there were checksums have none. */
function requireSound(bytes: Buffer | undefined): Buffer | undefined {
  if (bytes === undefined || bytes.length % 8 === 0) return bytes;
  const checksum = bytes.length < CHECKSUM_BYTES ? -1 : bytes.readUInt32LE(bytes.length - CHECKSUM_BYTES);
  if (crc32(bytes.subarray(0, -CHECKSUM_BYTES)) === checksum) return bytes;
  throw new BusError('BUS_CORRUPT', `a row of ${bytes.length} bytes in the log has another checksum than its own`);
}

function field(bytes: Buffer | undefined, index: number): number {
  return bytes === undefined || bytes.length < 8 * (index + 1) ? 0 : bytes.readDoubleLE(8 * index);
}

function decodeRow<Field extends string>(bytes: Buffer | undefined, fields: readonly Field[]): Record<Field, number> {
  requireSound(bytes);
  const row = {} as Record<Field, number>;
  for (let i = 0; i < fields.length; i++) row[fields[i]] = field(bytes, i);
  return row;
}

export function readPartition(file: LogFile, partition: number): PartitionRow {
  return decodeRow(file.partitions.getBinary(partitionKey(partition)), PARTITION_FIELDS);
}

/** All partitions that were ever published to or opened with, ascending. */
export function readPartitionNumbers(file: LogFile): number[] {
  const numbers: number[] = [];
  for (const key of file.partitions.getKeys()) numbers.push(key.readUInt32BE(0));
  return numbers;
}

export function readUsage(file: LogFile): UsageRow {
  return decodeRow(file.meta.getBinary(USAGE_KEY), USAGE_FIELDS);
}

export function readCounters(file: LogFile): Record<string, number> {
  const entries: [string, number][] = [];
  for (const { key, value } of file.counters.getRange())
    entries.push([key.toString('utf8'), field(requireSound(value), 0)]);
  return Object.fromEntries(entries);
}

/** Throws BUS_CORRUPT if any of the rows cannot be believed. */
export function checkRows(file: LogFile): void {
  file.environment.resetReadTxn();
  readUsage(file);
  readCounters(file);
  for (const partition of readPartitionNumbers(file)) readPartition(file, partition);
}

/**
 * Caches the rows that the actions of one write transaction change, and writes each once. An action must check
 * everything that could make it refuse before it changes the first row.
 */
export class LogTransaction {
  readonly file: LogFile;
  readonly usage: UsageRow;
  readonly #partitions = new Map<number, PartitionRow>();
  readonly #tallies = new Map<string, number>();

  constructor(file: LogFile) {
    this.file = file;
    this.usage = readUsage(file);
  }

  /** The row to change; one that does not exist yet begins with zeros. */
  partition(partition: number): PartitionRow {
    let row = this.#partitions.get(partition);
    if (row === undefined) {
      row = readPartition(this.file, partition);
      this.#partitions.set(partition, row);
    }
    return row;
  }

  hasPartition(partition: number): boolean {
    return this.#partitions.has(partition) || this.file.partitions.getBinary(partitionKey(partition)) !== undefined;
  }

  addTallies(tallies: Tallies): void {
    for (const [name, amount] of Object.entries(tallies))
      this.#tallies.set(name, (this.#tallies.get(name) ?? 0) + amount);
  }

  /** Writes what was changed. */
  flush(): void {
    for (const [partition, row] of this.#partitions)
      this.file.partitions.put(partitionKey(partition), encodeRow(row, PARTITION_FIELDS));
    for (const [name, amount] of this.#tallies) {
      const key = Buffer.from(name);
      this.file.counters.put(
        key,
        encodeRow({ sum: field(requireSound(this.file.counters.getBinary(key)), 0) + amount }, ['sum']),
      );
    }
    this.file.meta.put(USAGE_KEY, encodeRow(this.usage, USAGE_FIELDS));
  }
}

const FORMAT_KEY = Buffer.from('format');
const FORMAT = 'throughline-log 1';

/** Marks a new log, or refuses one of another format. */
export function checkFormat(transaction: LogTransaction, partitionCount: number): void {
  const { meta, directory } = transaction.file;
  const found = meta.getBinary(FORMAT_KEY)?.toString('utf8');
  if (found !== undefined && found !== FORMAT)
    throw new BusError('BUS_CORRUPT', `the log in ${directory} has format "${found}"; this version reads "${FORMAT}"`);
  if (found === undefined) meta.put(FORMAT_KEY, Buffer.from(FORMAT));
  for (let partition = 0; partition < partitionCount; partition++) transaction.partition(partition);
}

const MAX_COUNTER_NAME_BYTES = 1024;

/** Throws a RangeError on a name or amount that cannot be stored. */
export function checkTallies(tallies: Tallies): void {
  for (const [name, amount] of Object.entries(tallies)) {
    const bytes = Buffer.byteLength(name);
    if (bytes === 0 || bytes > MAX_COUNTER_NAME_BYTES)
      throw new RangeError(`counter name of ${bytes} bytes; valid: 1 to ${MAX_COUNTER_NAME_BYTES}`);
    if (!Number.isFinite(amount)) throw new RangeError(`counter ${name}: ${amount} is not a finite number`);
  }
}
