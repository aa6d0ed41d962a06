import type { Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import { IngestError } from './errors.js';
import type { Lease } from './in-flight.js';

/** What an inflater hands on at once. */
const INFLATED_CHUNK_BYTES = 64 * 1024;

/**
 * What a kept chunk costs beyond its bytes (the Buffer object). Counted too, because a body sent a byte at a time would
 * otherwise take a hundred times the memory that is on its lease.
 */
export const CHUNK_OVERHEAD_BYTES = 256;

type MakeInflater = () => Transform;

const INFLATERS: ReadonlyMap<string, MakeInflater> = new Map<string, MakeInflater>([
  ['gzip', () => zlib.createGunzip({ chunkSize: INFLATED_CHUNK_BYTES })],
  ['x-gzip', () => zlib.createGunzip({ chunkSize: INFLATED_CHUNK_BYTES })],
  ['deflate', () => zlib.createInflate({ chunkSize: INFLATED_CHUNK_BYTES })],
  ...zstdWhereTheRuntimeHasIt(),
]);

function zstdWhereTheRuntimeHasIt(): [string, MakeInflater][] {
  const { createZstdDecompress } = zlib as { createZstdDecompress?: MakeInflater };
  return createZstdDecompress === undefined ? [] : [['zstd', () => createZstdDecompress()]];
}

/** Undefined for identity. Throws INGEST_BAD_ENCODING for a coding nobody here knows. */
export function inflaterFor(coding: string | undefined): MakeInflater | undefined {
  if (coding === undefined) return undefined;
  const name = coding.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  const make = INFLATERS.get(name);
  if (make !== undefined) return make;
  throw new IngestError(
    'INGEST_BAD_ENCODING',
    `unknown content encoding; known are: identity, ${[...INFLATERS.keys()].join(', ')}`,
  );
}

export function tooLarge(limitBytes: number): IngestError {
  return new IngestError('INGEST_BODY_TOO_LARGE', `the body is larger than ${limitBytes} bytes; send smaller batches`);
}

export function overloaded(): IngestError {
  return new IngestError('INGEST_OVERLOADED', 'too many bytes are in flight; try again');
}

function corrupt(cause: unknown): IngestError {
  return new IngestError('INGEST_BAD_ENCODING', 'the body cannot be inflated: it is corrupt or cut short', cause);
}

/** Keeps chunks as long as the request and the pool have room; the first refusal is final. */
class Collector {
  private readonly limitBytes: number;
  private readonly lease: Lease;
  private chunks: Buffer[] = [];
  private bytes = 0;

  constructor(limitBytes: number, lease: Lease) {
    this.limitBytes = limitBytes;
    this.lease = lease;
  }

  add(chunk: Buffer): IngestError | undefined {
    this.bytes += chunk.length;
    if (this.bytes > this.limitBytes) return tooLarge(this.limitBytes);
    if (!this.lease.tryGrow(chunk.length + CHUNK_OVERHEAD_BYTES)) return overloaded();
    this.chunks.push(chunk);
    return undefined;
  }

  take(): Buffer {
    const { chunks } = this;
    this.chunks = [];
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, this.bytes);
  }

  drop(): void {
    this.chunks = [];
  }
}

export interface BodyRequest {
  /** From `inflaterFor`. */
  readonly inflater: MakeInflater | undefined;
  readonly limitBytes: number;
  readonly timeoutMs: number;
  readonly lease: Lease;
}

/**
 * The inflated body. Rejects with an IngestError as soon as a limit is passed; from then on the rest of the source is
 * discarded unread and nothing more is inflated. Bytes taken are on the lease, which stays the caller's.
 */
export function readBody(source: Readable, request: BodyRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    new BodyReading(source, request, resolve, reject).start();
  });
}

class BodyReading {
  private readonly source: Readable;
  private readonly request: BodyRequest;
  private readonly resolve: (body: Buffer) => void;
  private readonly reject: (error: IngestError) => void;
  private readonly collector: Collector;
  private readonly inflater: Transform | undefined;
  private readonly timer: NodeJS.Timeout;
  private wireBytes = 0;
  private settled = false;

  constructor(
    source: Readable,
    request: BodyRequest,
    resolve: (body: Buffer) => void,
    reject: (e: IngestError) => void,
  ) {
    this.source = source;
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
    this.collector = new Collector(request.limitBytes, request.lease);
    this.inflater = request.inflater?.();
    this.timer = setTimeout(
      () => this.fail(new IngestError('INGEST_BODY_TIMEOUT', 'the body took too long to arrive')),
      request.timeoutMs,
    );
  }

  start(): void {
    const { source, inflater } = this;
    source.on('data', this.onWire);
    source.on('end', this.onEnd);
    source.on('close', this.onGone);
    source.on('error', this.onGone);
    if (inflater === undefined) return;
    inflater.on('data', (chunk: Buffer) => this.keep(chunk));
    inflater.on('drain', () => source.resume());
    inflater.on('end', () => this.finish());
    inflater.on('error', error => this.fail(corrupt(error)));
  }

  private readonly onWire = (chunk: Buffer): void => {
    const { inflater, request } = this;
    if (inflater === undefined) {
      this.keep(chunk);
      return;
    }
    this.wireBytes += chunk.length;
    if (this.wireBytes > request.limitBytes) this.fail(tooLarge(request.limitBytes));
    else if (!request.lease.tryGrow(chunk.length)) this.fail(overloaded());
    else if (!inflater.write(chunk, () => request.lease.shrink(chunk.length))) this.source.pause();
  };

  private readonly onEnd = (): void => {
    if (this.inflater === undefined) this.finish();
    else this.inflater.end();
  };

  private readonly onGone = (): void => {
    if (this.source.readableEnded) return;
    this.fail(new IngestError('INGEST_CLIENT_GONE', 'the client closed the connection before the end of the body'));
  };

  private keep(chunk: Buffer): void {
    if (this.settled) return;
    const refusal = this.collector.add(chunk);
    if (refusal !== undefined) this.fail(refusal);
  }

  private finish(): void {
    if (this.settled) return;
    this.settle();
    this.resolve(this.collector.take());
  }

  private fail(error: IngestError): void {
    if (this.settled) return;
    this.settle();
    this.collector.drop();
    this.inflater?.destroy();
    // The rest is read and thrown away, so that the answer reaches a client that is still writing.
    this.source.resume();
    this.reject(error);
  }

  private settle(): void {
    const { source } = this;
    this.settled = true;
    clearTimeout(this.timer);
    source.off('data', this.onWire);
    source.off('end', this.onEnd);
    source.off('close', this.onGone);
    // 'error' keeps its listener: a reset after this point is nobody's business, but must not be uncaught.
  }
}

/** As `readBody`, for a message that is here whole; the caller's lease holds `compressed` already. */
export function inflate(
  compressed: Buffer,
  makeInflater: MakeInflater,
  limitBytes: number,
  lease: Lease,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const inflater = makeInflater();
    const collector = new Collector(limitBytes, lease);
    inflater.on('data', (chunk: Buffer) => {
      const refusal = collector.add(chunk);
      if (refusal === undefined) return;
      collector.drop();
      inflater.destroy();
      reject(refusal);
    });
    inflater.on('end', () => resolve(collector.take()));
    inflater.on('error', error => reject(corrupt(error)));
    inflater.end(compressed);
  });
}
