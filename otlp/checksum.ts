/**
 * xxHash32 (the published algorithm; test vectors in its specification): four independent lanes of 32-bit words, so it
 * runs at about four bytes a cycle without BigInt or WebAssembly. Fast and well mixed, but not cryptographic: it tells
 * changed content from repeated content and says nothing about who changed it.
 */

const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;

/** Hash of `bytes[start, end)` as an unsigned 32-bit number. `view` must look at the same bytes as `bytes`. */
export function checksum32(bytes: Uint8Array, view: DataView, start: number, end: number, seed: number): number {
  let at = start;
  let hash: number;
  if (end - start >= 16) {
    let lane1 = (seed + PRIME_1 + PRIME_2) | 0;
    let lane2 = (seed + PRIME_2) | 0;
    let lane3 = seed | 0;
    let lane4 = (seed - PRIME_1) | 0;
    for (const last = end - 16; at <= last; at += 16) {
      lane1 = (lane1 + Math.imul(view.getInt32(at, true), PRIME_2)) | 0;
      lane1 = Math.imul((lane1 << 13) | (lane1 >>> 19), PRIME_1);
      lane2 = (lane2 + Math.imul(view.getInt32(at + 4, true), PRIME_2)) | 0;
      lane2 = Math.imul((lane2 << 13) | (lane2 >>> 19), PRIME_1);
      lane3 = (lane3 + Math.imul(view.getInt32(at + 8, true), PRIME_2)) | 0;
      lane3 = Math.imul((lane3 << 13) | (lane3 >>> 19), PRIME_1);
      lane4 = (lane4 + Math.imul(view.getInt32(at + 12, true), PRIME_2)) | 0;
      lane4 = Math.imul((lane4 << 13) | (lane4 >>> 19), PRIME_1);
    }
    hash =
      (((lane1 << 1) | (lane1 >>> 31)) +
        ((lane2 << 7) | (lane2 >>> 25)) +
        ((lane3 << 12) | (lane3 >>> 20)) +
        ((lane4 << 18) | (lane4 >>> 14))) |
      0;
  } else {
    hash = (seed + PRIME_5) | 0;
  }
  hash = (hash + (end - start)) | 0;
  for (const last = end - 4; at <= last; at += 4) {
    hash = (hash + Math.imul(view.getInt32(at, true), PRIME_3)) | 0;
    hash = Math.imul((hash << 17) | (hash >>> 15), PRIME_4);
  }
  for (; at < end; at++) {
    hash = (hash + Math.imul(bytes[at], PRIME_5)) | 0;
    hash = Math.imul((hash << 11) | (hash >>> 21), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
