/**
 * What is an OTLP request in protobuf and what is not, written down as naively as possible, over protobufjs's idea of
 * the messages. The scanner must come to the same verdict; protobufjs differs from it, and only in these:
 *
 *   group            protobufjs passes over groups; here they are refused (checklist 23)
 *   wrong wire type  protobufjs takes a known field of another wire type for an unknown one; here it is refused, as the
 *                    Collector (gogo/protobuf) does: the sender meant that field
 *   wide tag         protobufjs may cut a tag that is longer than 32 bits
 *   long varint      protobufjs passes over one of any length in a field it does not know; here 10 bytes are the most
 *   padded tag       protobufjs refuses tags and lengths written in more than 5 bytes; Go and Java take up to 10, and so
 *                    does the scanner
 *   UTF-8            protobufjs with the official .proto throws on invalid UTF-8; here it is replaced (checklist 22)
 *   deep             more than 128 messages inside a span or resource are taken as opaque bytes (checklist 23);
 *                    protobufjs gives up at 100
 */
import type { Type } from 'protobufjs';
import { tracesData } from '../otlp/trace-proto.js';
import { type SpanIds, undecodable, type Verdict } from './verdict.js';

const MAX_DEPTH = 128;
/** The levels that the scan itself walks do not count. */
const WALKED = new Set(['TracesData', 'ResourceSpans', 'ScopeSpans', 'Span']);
const WIRE_TYPES: Readonly<Record<string, number>> = {
  int32: 0, uint32: 0, int64: 0, bool: 0, fixed64: 1, double: 1, fixed32: 5,
}; // biome-ignore format: a table

/** Reasons that protobufjs does not share, and reasons that only protobufjs has. */
export const STRICTER = /group|wrong wire type|tag of more than 32 bits|more than 10 bytes/;
export const LENIENT = /max depth exceeded|invalid (?:tag|length) encoding/;

class Malformed extends Error {}

export function judgeProtobuf(bytes: Uint8Array): Verdict {
  const ids: [string, string][] = [];
  try {
    walk(bytes, tracesData, 0, ids, undefined);
  } catch (error) {
    if (error instanceof Malformed) return undecodable(error.message);
    throw error;
  }
  return { kind: 'ok', ids: ids as readonly SpanIds[] };
}

function walk(bytes: Uint8Array, type: Type, depth: number, ids: [string, string][], span: string[] | undefined): void {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let count = 0; count < 10; count++) {
      if (at >= bytes.length) throw new Malformed('truncated varint');
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Malformed('a varint of more than 10 bytes');
  };
  const take = (count: bigint): Uint8Array => {
    if (count > BigInt(bytes.length - at)) throw new Malformed('beyond the end of its message');
    at += Number(count);
    return bytes.subarray(at - Number(count), at);
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag >= 2n ** 32n) throw new Malformed('a tag of more than 32 bits');
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (number === 0) throw new Malformed('field number 0');
    const field = type.fieldsById[number]?.resolve();
    if (wireType === 3 || wireType === 4) throw new Malformed('group');
    if (wireType > 5) throw new Malformed('no such wire type');
    if (field !== undefined && wireType !== (WIRE_TYPES[field.type] ?? 2)) throw new Malformed('wrong wire type');
    if (wireType === 0) varint();
    else if (wireType !== 2) take(wireType === 1 ? 8n : 4n);
    else {
      const content = take(varint());
      const inner = field?.resolvedType as Type | null | undefined;
      if (inner && depth < MAX_DEPTH) enter(content, inner, depth, ids);
      else if (span !== undefined && (number === 1 || number === 2)) span[number - 1] = toHex(content);
    }
  }
}

function enter(content: Uint8Array, inner: Type, depth: number, ids: [string, string][]): void {
  const below = WALKED.has(inner.name) ? 0 : depth + 1;
  const span: [string, string] | undefined = inner.name === 'Span' ? ['', ''] : undefined;
  if (span !== undefined) ids.push(span);
  walk(content, inner, below, ids, span);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
