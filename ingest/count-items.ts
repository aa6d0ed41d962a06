/**
 * How many data points or log records a request holds, so that a refusal of all of them can say so (checklist 15).
 * Nothing of such a request is kept: only its frame is looked at, and nothing is built from it.
 */
import type { OtlpFormat } from '../otlp/index.js';
import { IngestError } from './errors.js';

export type OtherSignal = 'metrics' | 'logs';

/** One step down: protobuf field numbers, and the JSON names of the same fields. */
interface Step {
  readonly fields: readonly number[];
  readonly names: readonly string[];
}

/** From ExportMetricsServiceRequest and ExportLogsServiceRequest to what is counted. */
const PATHS: Record<OtherSignal, readonly Step[]> = {
  metrics: [
    { fields: [1], names: ['resourceMetrics'] },
    { fields: [2], names: ['scopeMetrics'] },
    { fields: [2], names: ['metrics'] },
    { fields: [5, 7, 9, 10, 11], names: ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] },
    { fields: [1], names: ['dataPoints'] },
  ],
  logs: [
    { fields: [1], names: ['resourceLogs'] },
    { fields: [2], names: ['scopeLogs'] },
    { fields: [2], names: ['logRecords'] },
  ],
};

/** Throws INGEST_UNDECODABLE for a body that has not even the frame of such a request. */
export function countItems(signal: OtherSignal, body: Buffer, format: OtlpFormat): number {
  const path = PATHS[signal];
  return format === 'protobuf' ? new ProtobufCounter(body, path).count() : new JsonCounter(body, path).count();
}

function undecodable(at: number): IngestError {
  return new IngestError('INGEST_UNDECODABLE', `the body is not an OTLP request: it cannot be read at byte ${at}`);
}

const WireType = { VARINT: 0, FIXED64: 1, LENGTH: 2, FIXED32: 5 } as const;
const MAX_VARINT_BYTES = 10;

class ProtobufCounter {
  private readonly bytes: Buffer;
  private readonly path: readonly Step[];
  private at = 0;

  constructor(bytes: Buffer, path: readonly Step[]) {
    this.bytes = bytes;
    this.path = path;
  }

  count(): number {
    return this.countMessage(this.bytes.length, 0);
  }

  private countMessage(end: number, depth: number): number {
    let items = 0;
    while (this.at < end) {
      const tag = this.readVarint(end);
      const wireType = tag % 8;
      const length = this.readLength(wireType, end);
      if (tag < 8 || length > end - this.at) throw undecodable(this.at);
      const fieldEnd = this.at + length;
      if (wireType === WireType.LENGTH && this.path[depth].fields.includes(Math.floor(tag / 8))) {
        items += depth + 1 < this.path.length ? this.countMessage(fieldEnd, depth + 1) : 1;
      }
      this.at = fieldEnd;
    }
    return items;
  }

  /** Bytes of the value still to come; a varint is read on the way. */
  private readLength(wireType: number, end: number): number {
    switch (wireType) {
      case WireType.VARINT:
        this.readVarint(end);
        return 0;
      case WireType.FIXED64:
        return 8;
      case WireType.LENGTH:
        return this.readVarint(end);
      case WireType.FIXED32:
        return 4;
      default:
        throw undecodable(this.at);
    }
  }

  /** As a double: exact for every tag and every length that can be valid. */
  private readVarint(end: number): number {
    let value = 0;
    for (let index = 0, scale = 1; index < MAX_VARINT_BYTES && this.at < end; index++, scale *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw undecodable(this.at);
  }
}

const Char = {
  QUOTE: 0x22,
  COMMA: 0x2c,
  COLON: 0x3a,
  BACKSLASH: 0x5c,
  OPEN_LIST: 0x5b,
  CLOSE_LIST: 0x5d,
  OPEN_OBJECT: 0x7b,
  CLOSE_OBJECT: 0x7d,
  SPACE: 0x20,
} as const;

/** Looks at brackets, strings and commas only. */
class JsonCounter {
  private readonly bytes: Buffer;
  private readonly path: readonly Step[];
  private at = 0;

  constructor(bytes: Buffer, path: readonly Step[]) {
    this.bytes = bytes;
    this.path = path;
  }

  count(): number {
    if (this.peek() !== Char.OPEN_OBJECT) throw undecodable(this.at);
    const items = this.countObject(0);
    if (!Number.isNaN(this.peek())) throw undecodable(this.at);
    return items;
  }

  private countObject(depth: number): number {
    let items = 0;
    this.at++;
    while (this.peek() !== Char.CLOSE_OBJECT) {
      const name = this.readName();
      items += this.path[depth].names.includes(name) ? this.countField(depth) : this.skipValue();
      if (this.peek() === Char.COMMA) this.at++;
      else if (this.peek() !== Char.CLOSE_OBJECT) throw undecodable(this.at);
    }
    this.at++;
    return items;
  }

  /** A list of messages, or one message. */
  private countField(depth: number): number {
    if (this.peek() !== Char.OPEN_LIST) return this.countMessage(depth);
    let items = 0;
    this.at++;
    while (this.peek() !== Char.CLOSE_LIST) {
      items += this.countMessage(depth);
      if (this.peek() === Char.COMMA) this.at++;
      else if (this.peek() !== Char.CLOSE_LIST) throw undecodable(this.at);
    }
    this.at++;
    return items;
  }

  private countMessage(depth: number): number {
    if (this.peek() !== Char.OPEN_OBJECT) return this.skipValue();
    if (depth + 1 < this.path.length) return this.countObject(depth + 1);
    this.skipValue();
    return 1;
  }

  private readName(): string {
    if (this.peek() !== Char.QUOTE) throw undecodable(this.at);
    const start = this.at;
    this.skipString();
    const name = this.bytes.toString('latin1', start + 1, this.at - 1);
    if (this.peek() !== Char.COLON) throw undecodable(this.at);
    this.at++;
    return name;
  }

  /** Answers 0, the items in a value that is none. */
  private skipValue(): 0 {
    const { bytes } = this;
    const start = this.at;
    let depth = 0;
    for (let byte = this.peek(); ; byte = this.peek()) {
      if (byte === Char.QUOTE) this.skipString();
      else if (byte === Char.OPEN_LIST || byte === Char.OPEN_OBJECT) {
        depth++;
        this.at++;
      } else if (depth === 0 && (byte === Char.COMMA || isClosing(byte))) break;
      else if (this.at >= bytes.length) throw undecodable(this.at);
      else {
        if (isClosing(byte)) depth--;
        this.at++;
      }
    }
    if (this.at === start) throw undecodable(start);
    return 0;
  }

  private skipString(): void {
    const { bytes } = this;
    let at = this.at + 1;
    while (at < bytes.length && bytes[at] !== Char.QUOTE) at += bytes[at] === Char.BACKSLASH ? 2 : 1;
    if (at >= bytes.length) throw undecodable(bytes.length);
    this.at = at + 1;
  }

  /** The next byte that is no white space; NaN at the end. */
  private peek(): number {
    const { bytes } = this;
    while (this.at < bytes.length && bytes[this.at] <= Char.SPACE) this.at++;
    return this.at < bytes.length ? bytes[this.at] : Number.NaN;
  }
}

function isClosing(byte: number): boolean {
  return byte === Char.CLOSE_LIST || byte === Char.CLOSE_OBJECT;
}
