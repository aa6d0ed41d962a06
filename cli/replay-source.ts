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
const HEAD_BYTES = 256;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads line by line, so that a file of JSON lines may be larger than memory. */
export async function* readRequests(file: string): AsyncGenerator<RecordedRequest> {
  const name = basename(file);
  const chunks = open(file)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const head = await readHead(chunks);
  if (head.length === 0) return;
  if (!looksLikeJson(head)) {
    const body = await readAll(head, chunks);
    yield { place: name, contentType: 'application/x-protobuf', body };
    return;
  }
  let line = 0;
  /** Once a line was a request of its own, every line must be: what is wrong with one then has its number. */
  let isLines = false;
  /** A document over several lines, once one has begun, and its first line. */
  let document: Buffer[] = [];
  let documentLine = 0;
  const documentSoFar = (place: string): RecordedRequest => ({
    place,
    contentType: 'application/json',
    body: Buffer.concat(document),
  });
  for await (const part of linesOf(head, chunks)) {
    line++;
    if (document.length > 0 && isRequestLine(part)) {
      // Not a document then, but lines of which the first is damaged.
      yield documentSoFar(`${name}:${documentLine}`);
      document = [];
      isLines = true;
    }
    if (document.length > 0) document.push(NEW_LINE, part);
    else if (isBlank(part)) continue;
    else if (isLines || isWhole(part)) {
      isLines = true;
      yield { place: `${name}:${line}`, contentType: 'application/json', body: part };
    } else {
      document = [part];
      documentLine = line;
    }
  }
  if (document.length > 0) yield documentSoFar(line > documentLine ? name : `${name}:${documentLine}`);
}

const NEW_LINE = Buffer.from('\n');

async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return BYTE_ORDER_MARK.equals(head.subarray(0, 3)) ? head.subarray(3) : head;
}

/** Protobuf requests begin with a line feed (the tag of resource_spans), so a brace alone would not tell them apart. */
function looksLikeJson(head: Buffer): boolean {
  return /^\s*\{\s*["}]/.test(head.toString('utf8'));
}

async function readAll(head: Buffer, chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  const all = [head];
  let bytes = head.length;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    all.push(next.value);
    bytes += next.value.length;
    if (bytes > MAX_LINE_BYTES) throw new Error(`a protobuf message has more than ${MAX_LINE_BYTES} bytes`);
  }
  return Buffer.concat(all);
}

function open(file: string): Readable {
  const stream = createReadStream(file, { highWaterMark: 1 << 20 });
  if (!file.endsWith('.gz')) return stream;
  const gunzip = createGunzip();
  stream.once('error', error => gunzip.destroy(error));
  return stream.pipe(gunzip);
}

/** The bytes between newlines, and what follows the last one. */
async function* linesOf(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for (let chunk: Buffer | undefined = head; chunk !== undefined; chunk = (await chunks.next()).value) {
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

const isBlank = (line: Buffer) => line.every(byte => byte <= SPACE);
const SPACE = 0x20;

/** A line that can be nothing else than a request: within a document over several lines there is none. */
const isRequestLine = (line: Buffer) =>
  /^\s*\{\s*"resourceSpans"/.test(line.toString('latin1', 0, HEAD_BYTES)) && isWhole(line);

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
