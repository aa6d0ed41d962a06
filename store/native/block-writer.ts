/** A buffer of known size being filled. Holds state only; the functions write and move `at` on. */
export class BlockWriter {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(byteLength: number) {
    this.bytes = new Uint8Array(byteLength);
  }
}

const encoder = new TextEncoder();

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

export function writeVarint(writer: BlockWriter, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    writer.bytes[writer.at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  writer.bytes[writer.at++] = rest;
}

export function textSize(text: string): number {
  const byteLength = encoder.encode(text).length;
  return varintSize(byteLength) + byteLength;
}

export function writeText(writer: BlockWriter, text: string): void {
  const bytes = encoder.encode(text);
  writeVarint(writer, bytes.length);
  writeBytes(writer, bytes, bytes.length);
}

/** Copies the first `byteLength` bytes of `source`. */
export function writeBytes(writer: BlockWriter, source: Uint8Array, byteLength: number): void {
  writer.bytes.set(byteLength === source.length ? source : source.subarray(0, byteLength), writer.at);
  writer.at += byteLength;
}

/** Little-endian UInt64 of a number below 2^53. */
export function writeUInt64(writer: BlockWriter, value: number): void {
  let rest = value;
  for (let i = 0; i < 8; i++) {
    writer.bytes[writer.at++] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
}
