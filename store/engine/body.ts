/** A request's body: its beginning in memory, to look for a query in, and the rest as it comes. */
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { NOT_IMPLEMENTED, QUERY_IS_TOO_LARGE } from './exceptions.js';

/** Inflated. */
export function bodyOf(message: IncomingMessage): AsyncIterator<Buffer> {
  const encoding = message.headers['content-encoding']?.toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  if (encoding !== 'gzip') throw NOT_IMPLEMENTED(`Content-Encoding ${encoding} is not available here; use gzip`);
  const gunzip = createGunzip();
  // Its error reaches whoever reads the inflated stream.
  pipeline(message, gunzip).catch(() => {});
  return gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
}

/** Reads until there are `bytes` or the body has ended. */
export async function readBytes(body: AsyncIterator<Buffer>, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let byteLength = 0;
  while (byteLength < bytes) {
    const { done, value } = await body.next();
    if (done) break;
    chunks.push(value);
    byteLength += value.length;
  }
  return Buffer.concat(chunks, byteLength);
}

/** Writes `first` and the rest of the body into a file: binary, and never in this process's memory as a whole. */
export async function spool(first: Buffer, body: AsyncIterator<Buffer>, path: string, maxBytes: number): Promise<void> {
  async function* all() {
    let byteLength = first.length;
    if (first.length > 0) yield first;
    for (let next = await body.next(); !next.done; next = await body.next()) {
      byteLength += next.value.length;
      if (byteLength > maxBytes) throw QUERY_IS_TOO_LARGE(`The data of an INSERT may have ${maxBytes} bytes here`);
      yield next.value;
    }
  }
  await pipeline(Readable.from(all(), { objectMode: false }), createWriteStream(path, { flags: 'wx' }));
}
