/** One mutated request, a function of seed and index alone. */
import { deflateSync, gzipSync } from 'node:zlib';
import { type Draw, drawFrom } from '../oracle/random.js';
import { seededRandom } from '../support/random.js';
import type { Base } from './bases.js';
import { cloneMessage, writeMessage } from './message-tree.js';
import { BYTE_MUTATIONS } from './mutate-bytes.js';
import { mutateJson } from './mutate-json.js';
import { mutateFields } from './mutate-protobuf.js';

export type Encoding = 'identity' | 'gzip' | 'deflate';

export interface FuzzCase {
  readonly seed: number;
  readonly index: number;
  readonly mutations: readonly string[];
  readonly format: 'protobuf' | 'json';
  readonly encoding: Encoding;
  /** As sent: deflated, where the encoding says so. */
  readonly body: Buffer;
}

/** Mostly one: what survives is read to its end. */
const MUTATIONS = [1, 1, 1, 1, 2, 3];
/** Quick rather than small. */
const COMPRESSED = {
  gzip: (bytes: Buffer) => gzipSync(bytes, { level: 1 }),
  deflate: (bytes: Buffer) => deflateSync(bytes, { level: 1 }),
} as const;

/** Zeros, 1000:1; within the limit, at it and far beyond it. */
const ZEROS = [1 << 10, 1 << 17, 1 << 18, (1 << 18) + 1, 1 << 24].map(bytes => Buffer.alloc(bytes));
const BOMBS = {
  gzip: ZEROS.map(zeros => gzipSync(zeros)),
  deflate: ZEROS.map(zeros => deflateSync(zeros)),
} as const;

export function makeCase(seed: number, index: number, bases: readonly Base[]): FuzzCase {
  const draw = drawFrom(seededRandom(Math.imul(seed, 0x9e3779b1) ^ index));
  const base = draw.pick(bases);
  const mutations: string[] = [];
  const format = draw.chance(0.35) ? 'json' : 'protobuf';
  const plain = format === 'json' ? jsonCase(draw, base, bases, mutations) : protobufCase(draw, base, bases, mutations);
  const encoding = draw.pick<Encoding>(['identity', 'identity', 'identity', 'gzip', 'gzip', 'deflate']);
  const body = encoding === 'identity' ? plain : deflated(draw, encoding, plain, mutations);
  return { seed, index, mutations, format, encoding, body };
}

function protobufCase(draw: Draw, base: Base, bases: readonly Base[], mutations: string[]): Buffer {
  const isStructured = draw.chance(0.6);
  let bytes = base.protobuf;
  if (isStructured) {
    const tree = cloneMessage(base.tree);
    for (let count = draw.pick(MUTATIONS); count > 0; count--) mutations.push(mutateFields(draw, tree));
    bytes = writeMessage(tree);
  }
  if (isStructured && draw.chance(0.8)) return bytes;
  return mutateBytes(draw, bytes, draw.pick(bases).protobuf, mutations);
}

function jsonCase(draw: Draw, base: Base, bases: readonly Base[], mutations: string[]): Buffer {
  let bytes = base.json;
  if (draw.chance(0.25)) return mutateBytes(draw, bytes, draw.pick(bases).json, mutations);
  for (let count = draw.pick(MUTATIONS); count > 0; count--) {
    const mutated = mutateJson(draw, bytes);
    mutations.push(mutated.name);
    bytes = mutated.bytes;
  }
  return bytes;
}

function mutateBytes(draw: Draw, bytes: Buffer, other: Buffer, mutations: string[]): Buffer {
  let mutated = bytes;
  for (let count = draw.pick(MUTATIONS); count > 0; count--) {
    const { name, apply } = draw.pick(BYTE_MUTATIONS);
    mutations.push(name);
    mutated = apply(draw, mutated, other);
  }
  return mutated;
}

/** Compressed, and mostly damaged then: in its header, its data, its checksum or its length. */
function deflated(draw: Draw, encoding: 'gzip' | 'deflate', plain: Buffer, mutations: string[]): Buffer {
  const compress = COMPRESSED[encoding];
  const kind = draw.integer(0, 9);
  if (kind < 4) return compress(plain);
  if (kind === 4) return named(mutations, 'deflated twice', compress(compress(plain)));
  if (kind === 5) return named(mutations, 'two members', Buffer.concat([compress(plain), compress(plain)]));
  if (kind === 6) return named(mutations, 'not deflated', plain);
  if (kind === 7) return named(mutations, 'a bomb', draw.pick(BOMBS[encoding]));
  const bytes = Buffer.from(compress(plain));
  if (kind === 8) {
    const at = draw.pick([draw.integer(0, 9), bytes.length - draw.integer(1, 8)]);
    bytes[Math.max(0, Math.min(at, bytes.length - 1))] ^= 1 << draw.integer(0, 7);
    return named(mutations, 'a damaged header or trailer', bytes);
  }
  const { name, apply } = draw.pick(BYTE_MUTATIONS);
  return named(mutations, `deflated, then ${name}`, apply(draw, bytes, plain));
}

function named(mutations: string[], name: string, bytes: Buffer): Buffer {
  mutations.push(name);
  return bytes;
}
