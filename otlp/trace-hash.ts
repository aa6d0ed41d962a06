/**
 * Which partition a trace belongs to. All spans of a trace meet there, also over restarts and upgrades, so this function
 * never changes: MurmurHash3 (x86, 32 bits, seed 0) of the 16 bytes of the trace id, modulo the number of partitions.
 */
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
const ID_BYTES = 16;

/** 0 to `partitionCount` - 1, for the 16 bytes of a trace id. */
export function partitionOf(traceId: Uint8Array, partitionCount: number): number {
  return hashTraceId(traceId, 0) % partitionCount;
}

/** MurmurHash3 of `bytes[at, at + 16)`, unsigned. */
export function hashTraceId(bytes: Uint8Array, at: number): number {
  let hash = 0;
  for (let word = at; word < at + ID_BYTES; word += 4) {
    let k = bytes[word] | (bytes[word + 1] << 8) | (bytes[word + 2] << 16) | (bytes[word + 3] << 24);
    k = Math.imul(k, C1);
    k = Math.imul((k << 15) | (k >>> 17), C2);
    hash ^= k;
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  hash ^= ID_BYTES;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
