/** A request's body: its beginning in memory, to look for a query in, and the rest as it comes. */
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { NOT_IMPLEMENTED } from './exceptions.js';

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
