/** Recorded OTLP files as requests: JSON lines, one JSON document, or one protobuf message; gzipped or not. */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface RecordedRequest {
  /** Where it stands: `traces.jsonl.gz:17`. */
  readonly place: string;
  readonly contentType: 'application/json' | 'application/x-protobuf';
  readonly body: Buffer;
}

const MAX_LINE_BYTES = 256 << 20;
const NEWLINE = 0x0a;
const OPEN_BRACE = 0x7b;

/** Reads line by line, so that a file may be larger than memory. */
export async function* readRequests(file: string): AsyncGenerator<RecordedRequest> {
  const name = basename(file);
  let line = 0;
  let isJson: boolean | undefined;
  let document: Buffer[] = [];
  for await (const part of linesOf(open(file))) {
    line++;
    isJson ??= firstByte(part) === OPEN_BRACE || part.length === 0;
    if (!isJson) document.push(part);
    else if (document.length > 0) document.push(part);
    else if (isWhole(part)) yield { place: `${name}:${line}`, contentType: 'application/json', body: part };
    else if (part.length > 0) document = [part];
  }
  if (document.length === 0) return;
  const body = Buffer.concat(document.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from('\n'), part])));
  yield { place: name, contentType: isJson ? 'application/json' : 'application/x-protobuf', body };
}

function open(file: string): Readable {
  const stream = createReadStream(file, { highWaterMark: 1 << 20 });
  if (!file.endsWith('.gz')) return stream;
  const gunzip = createGunzip();
  stream.once('error', error => gunzip.destroy(error));
  return stream.pipe(gunzip);
}

/** The bytes between newlines, and what follows the last one. */
async function* linesOf(stream: Readable): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      pending.push(chunk.subarray(from, at));
      yield Buffer.concat(pending);
      pending = [];
      pendingBytes = 0;
      from = at + 1;
    }
    pending.push(chunk.subarray(from));
    pendingBytes += chunk.length - from;
    if (pendingBytes > MAX_LINE_BYTES) throw new Error(`a line has more than ${MAX_LINE_BYTES} bytes`);
  }
  if (pendingBytes > 0) yield Buffer.concat(pending);
}

function firstByte(line: Buffer): number {
  for (const byte of line) if (byte > 0x20) return byte;
  return 0;
}

/** Whether a line is a JSON document of its own; else the file is one document over several lines. */
function isWhole(line: Buffer): boolean {
  const text = line.toString('utf8').trim();
  if (!text.startsWith('{') || !text.endsWith('}')) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
