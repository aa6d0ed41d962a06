/**
 * Which partition a trace belongs to. All spans of a trace meet there, also over restarts and upgrades, so this function
 * never changes: MurmurHash3 (x86, 32 bits, seed 0) of the 16 bytes of the trace id, modulo the number of partitions.
 */
import { wordAt } from './wire.js';

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
const ID_BYTES = 16;

/** 0 to `partitionCount` - 1, for the 16 bytes of a trace id. */
export function partitionOf(traceId: Uint8Array, partitionCount: number): number {
  return hashTraceId(traceId, 0) % partitionCount;
}

/** MurmurHash3 of `bytes[at, at + 16)`, unsigned. */
export function hashTraceId(bytes: Uint8Array, at: number): number {
  let hash = mixed(0, wordAt(bytes, at));
  hash = mixed(hash, wordAt(bytes, at + 4));
  hash = mixed(hash, wordAt(bytes, at + 8));
  hash = mixed(hash, wordAt(bytes, at + 12)) ^ ID_BYTES;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(hash: number, word: number): number {
  const k = Math.imul(word, C1);
  const both = hash ^ Math.imul((k << 15) | (k >>> 17), C2);
  return (Math.imul((both << 13) | (both >>> 19), 5) + 0xe6546b64) | 0;
}
