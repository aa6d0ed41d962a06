/** Requests that are damaged outside of their bodies: gRPC frames, chunks of HTTP. A function of seed and index. */
import { type Draw, drawFrom } from '../oracle/random.js';
import { seededRandom } from '../support/random.js';
import { FUZZ_LIMITS } from './fuzz-receivers.js';

export interface Damage {
  readonly name: string;
  /** What goes over the wire in place of a request with this body. */
  readonly bytes: Buffer;
  /** gRPC codes, or HTTP statuses ('none': closed unanswered), that are right. */
  readonly expected: readonly (number | 'none')[];
}

type Make = (draw: Draw, body: Buffer) => Omit<Damage, 'name'>;

const OK = 0;
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

export function frame(body: Buffer, flag: number, announcedBytes = body.length): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flag;
  header.writeUInt32BE(announcedBytes, 1);
  return Buffer.concat([header, body]);
}

/** The body is one that is taken where it is sent whole. */
const FRAMES: Readonly<Record<string, Make>> = {
  'announces more': (draw, body) => ({
    bytes: frame(body, 0, body.length + draw.integer(1, 1_000)),
    expected: [INVALID_ARGUMENT],
  }),
  'announces more than is ever taken': (draw, body) => ({
    bytes: frame(body, 0, draw.pick([FUZZ_LIMITS.maxRequestBytes + 1, 2 ** 31, 2 ** 32 - 1])),
    expected: [RESOURCE_EXHAUSTED],
  }),
  // What is over is the beginning of another frame, of any length; less than a header of one is passed over.
  'announces less': (draw, body) => ({
    bytes: frame(body, 0, draw.integer(0, body.length - 1)),
    expected: [OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED],
  }),
  'a flag that is not 0 or 1': (draw, body) => ({ bytes: frame(body, draw.integer(2, 255)), expected: [OK] }),
  'two messages': (_draw, body) => ({
    bytes: Buffer.concat([frame(body, 0), frame(body, 0)]),
    expected: [INVALID_ARGUMENT],
  }),
  'no message': () => ({ bytes: Buffer.alloc(0), expected: [INVALID_ARGUMENT] }),
  'cut short': (draw, body) => ({
    bytes: frame(body, 0).subarray(0, draw.integer(1, body.length + 4)),
    expected: [INVALID_ARGUMENT],
  }),
};

export const HTTP_HEAD =
  'POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\nconnection: close\r\n';

function chunked(chunks: string): Buffer {
  return Buffer.from(`${HTTP_HEAD}transfer-encoding: chunked\r\n\r\n${chunks}`, 'latin1');
}

function chunk(body: Buffer): string {
  return `${body.length.toString(16)}\r\n${body.toString('latin1')}\r\n`;
}

const CHUNKS: Readonly<Record<string, Make>> = {
  'a chunk size that is none': (draw, body) => ({
    bytes: chunked(
      `${draw.pick(['xyz', '-1', '', '0x10', '1'.repeat(40)])}\r\n${body.toString('latin1')}\r\n0\r\n\r\n`,
    ),
    expected: [400],
  }),
  'a chunk longer than it says': (_draw, body) => ({
    bytes: chunked(`${(body.length - 1).toString(16)}\r\n${body.toString('latin1')}\r\n0\r\n\r\n`),
    expected: [400],
  }),
  'no end of chunks': (_draw, body) => ({ bytes: chunked(chunk(body)), expected: ['none', 400] }),
  'a body cut short': (draw, body) => ({
    bytes: Buffer.concat([
      Buffer.from(`${HTTP_HEAD}content-length: ${body.length + draw.integer(1, 1_000)}\r\n\r\n`),
      body,
    ]),
    expected: ['none', 400],
  }),
  'two lengths': (_draw, body) => ({
    bytes: Buffer.concat([Buffer.from(`${HTTP_HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n`), body]),
    expected: [400],
  }),
  'a length and chunks': (_draw, body) => ({
    bytes: Buffer.concat([
      Buffer.from(`${HTTP_HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${chunk(body)}`, 'latin1'),
    ]),
    expected: [400],
  }),
};

export function damageOf(transport: 'grpc' | 'http', seed: number, index: number, body: Buffer): Damage {
  const draw = drawFrom(seededRandom(Math.imul(seed, 0x85ebca6b) ^ index));
  const makers = transport === 'grpc' ? FRAMES : CHUNKS;
  const name = draw.pick(Object.keys(makers));
  return { name, ...makers[name](draw, body) };
}
