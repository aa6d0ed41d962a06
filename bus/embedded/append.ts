/** The write action behind `publish`. */
import { crc32 } from 'node:zlib';
import { BusError } from '../errors.js';
import type { RecordToPublish, Tallies } from '../types.js';
import { deadLetterLimit } from './dead-letters.js';
import { recordKey } from './keys.js';
import { fileBytes, freeDiskBytes } from './log-file.js';
import { checkTallies, type LogTransaction } from './log-transaction.js';
import type { ResolvedOptions } from './options.js';
import {
  encodeRecord,
  footprintBytes,
  headerBytes,
  MAX_PAYLOAD_BYTES,
  MAX_TENANT_BYTES,
  MAX_TIER_BYTES,
} from './record-codec.js';

/** A publish that is valid, with what can be computed outside the write transaction. */
export interface Append {
  readonly records: readonly RecordToPublish[];
  readonly checksums: Uint32Array;
  readonly footprint: number;
  readonly payloadBytes: number;
  readonly tallies: Tallies;
}

const MAX_ITEMS = 2 ** 32 - 1;

function checkRecord(record: RecordToPublish, partitionCount: number): void {
  const { partition, itemCount, payload, tenant, tier = '' } = record;
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount)
    throw new RangeError(`partition ${partition} of ${partitionCount}`);
  if (!Number.isInteger(itemCount) || itemCount < 0 || itemCount > MAX_ITEMS)
    throw new RangeError(`itemCount ${itemCount}; valid: 0 to ${MAX_ITEMS}`);
  if (payload.length > MAX_PAYLOAD_BYTES) throw new RangeError(`payload of ${payload.length} bytes`);
  if (Buffer.byteLength(tenant) > MAX_TENANT_BYTES)
    throw new RangeError(`tenant of more than ${MAX_TENANT_BYTES} bytes`);
  if (Buffer.byteLength(tier) > MAX_TIER_BYTES) throw new RangeError(`tier of more than ${MAX_TIER_BYTES} bytes`);
}

/** Throws a RangeError on what could never be appended. */
export function prepareAppend(records: readonly RecordToPublish[], tallies: Tallies, partitionCount: number): Append {
  checkTallies(tallies);
  const checksums = new Uint32Array(records.length);
  let footprint = 0;
  let payloadBytes = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i];
    checkRecord(record, partitionCount);
    checksums[i] = crc32(record.payload);
    footprint += footprintBytes(headerBytes(record.tenant, record.tier) + record.payload.length);
    payloadBytes += record.payload.length;
  }
  return { records, checksums, footprint, payloadBytes, tallies };
}

function checkSpace(transaction: LogTransaction, append: Append, options: ResolvedOptions): void {
  const { usage, file } = transaction;
  const needed = usage.recordBytes + usage.deadLetterBytes + append.footprint;
  if (needed > options.budgetBytes) {
    const retryable = append.footprint <= options.budgetBytes - deadLetterLimit(options.maxDeadLetterBytes);
    const text = `the log would hold ${needed} bytes of at most ${options.budgetBytes}`;
    throw new BusError('BUS_FULL', text, { retryable });
  }
  // Where the file has free pages enough, a full disk does not matter.
  if (needed > fileBytes(file) * REUSABLE && freeDiskBytes(file) < append.footprint + options.diskReserveBytes)
    throw new BusError('BUS_FULL', `less than ${options.diskReserveBytes} bytes free on the disk of ${file.directory}`);
}

/** Share of the file that is taken to be reusable for records: the rest may be trees and fragments. */
const REUSABLE = 0.75;

/** Values go through one buffer: LMDB copies them into its pages before `put` returns. */
let scratch = Buffer.alloc(1 << 18);
const MAX_SCRATCH_BYTES = 1 << 23;

function valueBuffer(bytes: number): Buffer {
  if (bytes > MAX_SCRATCH_BYTES) return Buffer.allocUnsafeSlow(bytes);
  if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
  return scratch.subarray(0, bytes);
}

function appendRecord(
  transaction: LogTransaction,
  record: RecordToPublish,
  payloadChecksum: number,
  nowMs: number,
): void {
  const row = transaction.partition(record.partition);
  row.lastAppendTimeMs = Math.max(row.lastAppendTimeMs, nowMs);
  const value = valueBuffer(headerBytes(record.tenant, record.tier) + record.payload.length);
  const header = {
    partition: record.partition,
    offset: row.endOffset,
    appendTimeMs: row.lastAppendTimeMs,
    tenant: record.tenant,
    tier: record.tier ?? '',
    itemCount: record.itemCount,
    itemsBefore: row.appendedItems,
    footprintBefore: row.appendedFootprint,
    payloadChecksum,
    payloadBytes: record.payload.length,
  };
  encodeRecord(value, header, record.payload);
  transaction.file.records.put(recordKey(record.partition, row.endOffset), value);
  const footprint = footprintBytes(value.length);
  row.endOffset++;
  row.appendedItems += record.itemCount;
  row.appendedFootprint += footprint;
  transaction.usage.recordBytes += footprint;
}

export function applyAppend(transaction: LogTransaction, append: Append, options: ResolvedOptions): void {
  if (append.records.length > 0) checkSpace(transaction, append, options);
  const nowMs = options.clock();
  for (let i = 0; i < append.records.length; i++)
    appendRecord(transaction, append.records[i], append.checksums[i], nowMs);
  transaction.addTallies(append.tallies);
}
