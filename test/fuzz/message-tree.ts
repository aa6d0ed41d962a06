/** A protobuf message taken apart, so that a change deep inside leaves every length around it right. */
import protobuf, { type Type } from 'protobufjs';
import { tracesData } from '../otlp/trace-proto.js';

export const Wire = { VARINT: 0, FIXED64: 1, LENGTH: 2, GROUP_START: 3, GROUP_END: 4, FIXED32: 5 } as const;

export interface FieldNode {
  number: number;
  wireType: number;
  /** The value as it is on the wire; of a length-delimited one without its length. */
  value: Uint8Array;
  /** Counts in place of `value`, if it is a message. */
  message: Message | undefined;
  /** Written in place of the right tag or length. */
  tag?: Uint8Array;
  length?: Uint8Array;
}

export type Message = FieldNode[];

/** Of well-formed bytes. */
export function readMessage(bytes: Uint8Array, type: Type = tracesData): Message {
  const reader = protobuf.Reader.create(bytes);
  const fields: Message = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const number = tag >>> 3;
    const wireType = tag & 7;
    const start = reader.pos;
    if (wireType === Wire.LENGTH) {
      const value = reader.bytes();
      const inner = type.fieldsById[number]?.resolve().resolvedType as Type | null | undefined;
      fields.push({ number, wireType, value, message: inner ? readMessage(value, inner) : undefined });
    } else {
      reader.skipType(wireType);
      fields.push({ number, wireType, value: bytes.subarray(start, reader.pos), message: undefined });
    }
  }
  return fields;
}

/** A copy whose nodes may be changed; bytes are shared and must not be. */
export function cloneMessage(message: Message): Message {
  return message.map(cloneField);
}

export function cloneField(node: FieldNode): FieldNode {
  return { ...node, message: node.message && cloneMessage(node.message) };
}

export function writeMessage(message: Message): Buffer {
  const parts: Uint8Array[] = [];
  writeInto(parts, message);
  return Buffer.concat(parts);
}

/** Answers how many bytes it added. */
function writeInto(parts: Uint8Array[], message: Message): number {
  let bytes = 0;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    bytes += part.length;
  };
  for (const node of message) {
    add(node.tag ?? varint(node.number * 8 + node.wireType));
    if (node.wireType !== Wire.LENGTH) add(node.value);
    else {
      const lengthAt = parts.push(NOTHING) - 1;
      let contentBytes = node.value.length;
      if (node.message === undefined) parts.push(node.value);
      else contentBytes = writeInto(parts, node.message);
      parts[lengthAt] = node.length ?? varint(contentBytes);
      bytes += contentBytes + parts[lengthAt].length;
    }
  }
  return bytes;
}

const NOTHING = new Uint8Array(0);

/** In `width` bytes or more: written with zeros that it does not need. */
export function varint(value: number | bigint, width = 1): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt(value); rest > 0n || bytes.length < width; rest >>= 7n)
    bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes[bytes.length - 1] &= 0x7f;
  return Uint8Array.from(bytes);
}

/** Every message in it, itself first: places where fields can be. */
export function messagesIn(message: Message): Message[] {
  const all: Message[] = [message];
  for (const node of message) if (node.message !== undefined) all.push(...messagesIn(node.message));
  return all;
}
