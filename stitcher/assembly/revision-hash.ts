/**
 * The lower half of a revision: MurmurHash3 (x86, 32 bits, seed 0; A. Appleby, public domain) of the trace's identities
 * in ascending order, 12 bytes each: the span id's 8 bytes, then the kind as a 32-bit little-endian number.
 */
import { swapBytes, type TraceSpans } from './trace-spans.js';

const BYTES_PER_IDENTITY = 12;

/** An unsigned 32-bit number. */
export function revisionHash(spans: TraceSpans): number {
  const { byId, idHigh, idLow, kind } = spans;
  let hash = 0;
  for (let at = 0; at < spans.count; at++) {
    const span = byId[at];
    // Murmur reads little-endian blocks; the columns hold the same bytes big-endian.
    hash = addBlock(hash, swapBytes(idHigh[span]));
    hash = addBlock(hash, swapBytes(idLow[span]));
    hash = addBlock(hash, kind[span]);
  }
  hash ^= spans.count * BYTES_PER_IDENTITY;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function addBlock(hash: number, block: number): number {
  let mixed = Math.imul(block, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  const turned = hash ^ mixed;
  return (Math.imul((turned << 13) | (turned >>> 19), 5) + 0xe6546b64) | 0;
}
