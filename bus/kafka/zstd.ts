/** zstd as Node has it built in since 22.15; the types of older ones do not know it. */

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

type Transform = (data: Buffer, callback: (error: Error | null, result: Buffer) => void) => void;

export interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

/** undefined where this Node has none. */
export function zstdCodec(): Codec | undefined {
  const { zstdCompress, zstdDecompress } = zlib as unknown as Record<string, Transform | undefined>;
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined;
  const compress = promisify(zstdCompress);
  const decompress = promisify(zstdDecompress);
  return { compress: encoder => compress(encoder.buffer), decompress: data => decompress(data) };
}
