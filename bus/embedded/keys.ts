/** Binary LMDB keys: big-endian, so that LMDB's byte order is numeric order. */

/** Partition numbers are stored in 16 bits elsewhere (`SpanBlock.recordPartition`). */
export const MAX_PARTITIONS = 65_535;

const WORD = 2 ** 32;
const recordKeyBytes = Buffer.alloc(12);

/** `partition u32 | offset u64`. Borrowed until the next call: LMDB copies keys at once. */
export function recordKey(partition: number, offset: number): Buffer {
  recordKeyBytes.writeUInt32BE(partition, 0);
  recordKeyBytes.writeUInt32BE(Math.floor(offset / WORD), 4);
  recordKeyBytes.writeUInt32BE(offset >>> 0, 8);
  return recordKeyBytes;
}

export function partitionKey(partition: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(partition, 0);
  return key;
}

export function sequenceKey(sequence: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeUInt32BE(Math.floor(sequence / WORD), 0);
  key.writeUInt32BE(sequence >>> 0, 4);
  return key;
}
