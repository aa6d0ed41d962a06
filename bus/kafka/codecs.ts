/**
 * Compression of batches. kafkajs brings gzip alone, at a level that costs more than the rest of a publish; lz4 costs
 * nothing in the end, since kafkajs has a third of the bytes to sum up and to copy (docs/adr/011).
 */
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import kafkajs, { CompressionTypes } from 'kafkajs';
import { BusError } from '../errors.js';
import type { KafkaCompression } from './options.js';

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

type Transform = (data: Buffer, callback: (error: Error | null, result: Buffer) => void) => void;

interface Lz4 {
  compressFrame(data: Buffer): Promise<Buffer>;
  decompressFrame(data: Buffer): Promise<Buffer>;
}

const TYPES: Readonly<Record<KafkaCompression, CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const WHAT_IS_MISSING: Readonly<Record<string, string>> = {
  lz4: 'its native part (lz4-napi) is not installed for this platform',
  zstd: `Node ${process.version} has none: 22.15 and newer have`,
  snappy: 'it is not built in',
};

/** Of kafkajs, for all of its clients. */
export function registerCodecs(): void {
  // By name plain Node does not find it: kafkajs is a CommonJS module.
  const { CompressionCodecs } = kafkajs;
  CompressionCodecs[CompressionTypes.GZIP] = () => gzipCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec() ?? missing('lz4');
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec() ?? missing('zstd');
  CompressionCodecs[CompressionTypes.Snappy] = () => missing('snappy');
}

/** Rejected here, at start, where this machine cannot compress so. */
export function compressionType(compression: KafkaCompression): CompressionTypes {
  const isMissing =
    (compression === 'lz4' && lz4Codec() === undefined) || (compression === 'zstd' && zstdCodec() === undefined);
  if (isMissing) {
    const text = `bus.kafka.compression is ${compression}, but ${WHAT_IS_MISSING[compression]}; use gzip or none`;
    throw new BusError('BUS_REFUSED', text);
  }
  return TYPES[compression];
}

const gzip: (data: Buffer, options: zlib.ZlibOptions) => Promise<Buffer> = promisify(zlib.gzip);
const gunzip: (data: Buffer) => Promise<Buffer> = promisify(zlib.gunzip);

const gzipCodec: Codec = {
  compress: ({ buffer }) => gzip(buffer, { level: zlib.constants.Z_BEST_SPEED }),
  decompress: data => gunzip(data),
};

let lz4: Lz4 | null | undefined;

function lz4Codec(): Codec | undefined {
  if (lz4 === undefined) {
    try {
      lz4 = createRequire(import.meta.url)('lz4-napi') as Lz4;
    } catch {
      lz4 = null;
    }
  }
  const native = lz4;
  if (native === null) return undefined;
  return {
    compress: ({ buffer }) => native.compressFrame(buffer),
    decompress: data => native.decompressFrame(data),
  };
}

/** Built in since Node 22.15; the types of older ones do not know it. */
function zstdCodec(): Codec | undefined {
  const { zstdCompress, zstdDecompress } = zlib as unknown as Record<string, Transform | undefined>;
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined;
  const compress = promisify(zstdCompress);
  const decompress = promisify(zstdDecompress);
  return { compress: ({ buffer }) => compress(buffer), decompress: data => decompress(data) };
}

/** kafkajs tries everything else again. */
class UnreadableCompression extends Error {
  override readonly name = 'KafkaJSNotImplemented';
  readonly retriable = false;
}

function missing(compression: string): Codec {
  const text = `the topic has records compressed with ${compression}, which cannot be read here: ${WHAT_IS_MISSING[compression]}. Let their producers use gzip or lz4, or set compression.type of the topic`;
  const fail = () => Promise.reject(new UnreadableCompression(text));
  return { compress: fail, decompress: fail };
}
