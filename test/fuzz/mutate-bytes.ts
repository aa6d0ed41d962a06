/** Changes to bytes of which nothing is known. */
import type { Draw } from '../oracle/random.js';

export interface Mutation {
  readonly name: string;
  readonly apply: (draw: Draw, bytes: Buffer, other: Buffer) => Buffer;
}

const MAX_RUN_BYTES = 64;

export const BYTE_MUTATIONS: readonly Mutation[] = [
  { name: 'flip bits', apply: flipBits },
  { name: 'set a byte', apply: (draw, bytes) => changed(bytes, draw, () => draw.pick([0, 1, 0x7f, 0x80, 0xff])) },
  { name: 'truncate', apply: (draw, bytes) => bytes.subarray(0, draw.integer(0, bytes.length)) },
  { name: 'cut the beginning', apply: (draw, bytes) => bytes.subarray(draw.integer(0, bytes.length)) },
  { name: 'delete a run', apply: deleteRun },
  { name: 'insert bytes', apply: (draw, bytes) => insertAt(draw, bytes, randomBytes(draw, draw.integer(1, 16))) },
  { name: 'repeat a run', apply: (draw, bytes) => insertAt(draw, bytes, runOf(draw, bytes)) },
  { name: 'splice in another', apply: (draw, bytes, other) => insertAt(draw, bytes, runOf(draw, other, 4_000)) },
  { name: 'go on as another', apply: crossOver },
  { name: 'overwrite a run', apply: overwriteRun },
];

export function randomBytes(draw: Draw, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => draw.integer(0, 255)));
}

function flipBits(draw: Draw, bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  for (let flips = draw.integer(1, 4); flips > 0 && bytes.length > 0; flips--) {
    flipped[draw.integer(0, bytes.length - 1)] ^= 1 << draw.integer(0, 7);
  }
  return flipped;
}

function changed(bytes: Buffer, draw: Draw, to: () => number): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[draw.integer(0, copy.length - 1)] = to();
  return copy;
}

function runOf(draw: Draw, bytes: Buffer, maxBytes = MAX_RUN_BYTES): Buffer {
  const start = draw.integer(0, bytes.length);
  return bytes.subarray(start, start + draw.integer(1, maxBytes));
}

function insertAt(draw: Draw, bytes: Buffer, inserted: Uint8Array): Buffer {
  const at = draw.integer(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
}

function deleteRun(draw: Draw, bytes: Buffer): Buffer {
  const at = draw.integer(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + draw.integer(1, MAX_RUN_BYTES))]);
}

function crossOver(draw: Draw, bytes: Buffer, other: Buffer): Buffer {
  return Buffer.concat([
    bytes.subarray(0, draw.integer(0, bytes.length)),
    other.subarray(draw.integer(0, other.length)),
  ]);
}

function overwriteRun(draw: Draw, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = draw.integer(0, bytes.length);
  randomBytes(draw, draw.integer(1, 16)).copy(copy, at);
  return copy;
}
