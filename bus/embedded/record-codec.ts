/**
 * A record as LMDB holds it: a header, then the payload. Little-endian.
 *
 *   0  u8   format version: 1, or 2 where there is a tier
 *   1  u8   bytes of the tier
 *   2  u16  bytes of tenant and tier
 *   4  u32  CRC-32 of the header (bytes 0-3, then 8 to its end)
 *   8  u32  CRC-32 of the payload
 *  12  u32  bytes of the payload
 *  16  u32  partition
 *  20  u32  items in the record
 *  24  f64  offset
 *  32  f64  append time, epoch milliseconds
 *  40  f64  items of the partition before this record
 *  48  f64  footprint bytes of the partition before this record
 *  56  tenant, then tier, UTF-8
 *
 * Partition and offset are part of it so that a value under the wrong key is noticed. The two sums let commits and
 * trims count what lies below an offset by reading one record instead of all of them.
 */
import { crc32 } from 'node:zlib';

const FORMAT_VERSION = 1;
/** A program that knows no tiers must not take the record for one of another tenant. */
const FORMAT_VERSION_WITH_TIER = 2;
const FIXED_BYTES = 56;
const CHECKED_FROM = 8;
export const MAX_TENANT_BYTES = 1024;
export const MAX_TIER_BYTES = 255;
export const MAX_PAYLOAD_BYTES = 2 ** 30;

export interface RecordHeader {
  readonly partition: number;
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly tenant: string;
  /** '' where there is none. */
  readonly tier: string;
  readonly itemCount: number;
  readonly itemsBefore: number;
  readonly footprintBefore: number;
  readonly payloadChecksum: number;
  readonly payloadBytes: number;
}

export function headerBytes(tenant: string, tier = ''): number {
  return FIXED_BYTES + Buffer.byteLength(tenant) + Buffer.byteLength(tier);
}

function headerChecksum(value: Buffer, end: number): number {
  return crc32(value.subarray(CHECKED_FROM, end), crc32(value.subarray(0, 4)));
}

/** Writes header and payload into `target`, which is exactly as long as both. */
export function encodeRecord(target: Buffer, header: RecordHeader, payload: Uint8Array): void {
  const end = target.length - payload.length;
  const tierBytes = Buffer.byteLength(header.tier);
  target.writeUInt8(tierBytes === 0 ? FORMAT_VERSION : FORMAT_VERSION_WITH_TIER, 0);
  target.writeUInt8(tierBytes, 1);
  target.writeUInt16LE(end - FIXED_BYTES, 2);
  target.writeUInt32LE(header.payloadChecksum, 8);
  target.writeUInt32LE(payload.length, 12);
  target.writeUInt32LE(header.partition, 16);
  target.writeUInt32LE(header.itemCount, 20);
  target.writeDoubleLE(header.offset, 24);
  target.writeDoubleLE(header.appendTimeMs, 32);
  target.writeDoubleLE(header.itemsBefore, 40);
  target.writeDoubleLE(header.footprintBefore, 48);
  target.write(header.tenant, FIXED_BYTES);
  target.write(header.tier, end - tierBytes);
  target.writeUInt32LE(headerChecksum(target, end), 4);
  target.set(payload, end);
}

/** The header of the record that should lie at that place, or what is wrong with it. */
export function decodeHeader(value: Buffer, partition: number, offset: number): RecordHeader | string {
  if (value.length < FIXED_BYTES) return `record of ${value.length} bytes is shorter than its header`;
  const version = value.readUInt8(0);
  const end = FIXED_BYTES + value.readUInt16LE(2);
  if (end > value.length || headerChecksum(value, end) !== value.readUInt32LE(4)) return 'header checksum mismatch';
  if (version !== FORMAT_VERSION && version !== FORMAT_VERSION_WITH_TIER) return `unknown record format ${version}`;
  if (value.readUInt32LE(16) !== partition || value.readDoubleLE(24) !== offset)
    return `record belongs to partition ${value.readUInt32LE(16)}, offset ${value.readDoubleLE(24)}`;
  const tierAt = end - value.readUInt8(1);
  return {
    partition,
    offset,
    appendTimeMs: value.readDoubleLE(32),
    tenant: value.toString('utf8', FIXED_BYTES, tierAt),
    tier: value.toString('utf8', tierAt, end),
    itemCount: value.readUInt32LE(20),
    itemsBefore: value.readDoubleLE(40),
    footprintBefore: value.readDoubleLE(48),
    payloadChecksum: value.readUInt32LE(8),
    payloadBytes: value.readUInt32LE(12),
  };
}

/** The payload, a view of `value`; its checksum is for the caller to compare. */
export function payloadOf(value: Buffer, header: RecordHeader): Buffer {
  return value.subarray(headerBytes(header.tenant, header.tier));
}

const PAGE_BYTES = 4096;
const PAGE_HEADER_BYTES = 16;
const NODE_BYTES = 8 + 12;
/** LMDB moves a value to pages of its own when it would not fit twice into a leaf. */
const MAX_INLINE_BYTES = 2000;

/** Bytes of the file that a record takes. Small ones share leaves, which appending in the middle leaves half empty. */
export function footprintBytes(valueBytes: number): number {
  if (valueBytes <= MAX_INLINE_BYTES) return 2 * (valueBytes + NODE_BYTES);
  return Math.ceil((valueBytes + PAGE_HEADER_BYTES) / PAGE_BYTES) * PAGE_BYTES + 2 * (NODE_BYTES + 8);
}
