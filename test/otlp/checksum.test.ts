import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checksum32 } from '../../otlp/checksum.js';
import { text } from './message-bytes.js';

const hash = (bytes: Uint8Array, seed = 0): number => checksum32(bytes, viewOf(bytes), 0, bytes.length, seed);
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The generator of xxHash's own sanity checks: byte i is the top byte of 2654435761 squared again and again. */
function sanityBuffer(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = 2654435761n;
  for (let i = 0; i < length; i++) {
    bytes[i] = Number(generator >> 56n);
    generator = (generator * 11400714785074694797n) & 0xffff_ffff_ffff_ffffn;
  }
  return bytes;
}

/** XXH32 as the specification words it, in 64-bit integers. */
function specified(bytes: Uint8Array, seed: bigint): number {
  const [p1, p2, p3, p4, p5] = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn, 0x27d4eb2fn, 0x165667b1n];
  const low = (value: bigint): bigint => BigInt.asUintN(32, value);
  const rotate = (value: bigint, by: bigint): bigint => low((value << by) | (value >> (32n - by)));
  const view = viewOf(bytes);
  let at = 0;
  let hashed = low(seed + p5);
  if (bytes.length >= 16) {
    const lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map(low);
    for (; at + 16 <= bytes.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = low(rotate(low(lanes[lane] + BigInt(view.getUint32(at + lane * 4, true)) * p2), 13n) * p1);
      }
    }
    hashed = low(rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n));
  }
  hashed = low(hashed + BigInt(bytes.length));
  for (; at + 4 <= bytes.length; at += 4) {
    hashed = low(rotate(low(hashed + BigInt(view.getUint32(at, true)) * p3), 17n) * p4);
  }
  for (; at < bytes.length; at++) hashed = low(rotate(low(hashed + BigInt(bytes[at]) * p5), 11n) * p1);
  hashed = low((hashed ^ (hashed >> 15n)) * p2);
  hashed = low((hashed ^ (hashed >> 13n)) * p3);
  return Number(hashed ^ (hashed >> 16n));
}

describe('checksum32 is xxHash32', () => {
  test.each([
    ['', 0, 0x02cc5d05],
    ['', 0x9e3779b1, 0x36b78ae7],
    ['a', 0, 0x550d7456],
    ['abc', 0, 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
  ])('of %j with seed %d, as published', (content, seed, expected) => {
    expect(hash(text(content), seed)).toBe(expected);
  });

  test.each([
    [1, 0, 0xcf65b03e],
    [14, 0, 0x1208e7e2],
    [222, 0, 0x5bd11dbd],
  ])("of %d bytes of the reference implementation's sanity buffer", (length, seed, expected) => {
    expect(hash(sanityBuffer(length), seed)).toBe(expected);
  });

  test('of every length from 0 to 70, with any seed, as the specification words it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.integer(), (bytes, seed) => {
        expect(hash(bytes, seed)).toBe(specified(bytes, BigInt(seed)));
      }),
      { numRuns: 500 },
    );
  });

  test('of a part is that of a copy of the part', () => {
    const bytes = sanityBuffer(100);
    for (let start = 0; start < 8; start++) {
      expect(checksum32(bytes, viewOf(bytes), start, 90, 7)).toBe(hash(bytes.slice(start, 90), 7));
    }
  });
});
