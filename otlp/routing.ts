/**
 * Which spans of a request go into which record: first by partition, then, where a record would be larger than the log
 * takes, cut into several. Rows of numbers only; the bytes stay where they are (split.ts writes them).
 */
import { NumberList } from './number-list.js';
import type { Chunks, Pieces, RequestScan } from './scan.js';
import { varintSize } from './wire-writer.js';

export class Routing {
  /** Rows of spans, record by record, within it in the order of the request. */
  readonly order: Uint32Array;
  /** Of each record: its partition, and where its spans end in `order`. */
  readonly partition = new NumberList();
  readonly end = new NumberList();

  constructor(spans: number) {
    this.order = new Uint32Array(spans);
  }

  get recordCount(): number {
    return this.partition.length;
  }
}

/** Of requests with no more spans than that the columns are used again: making them is dearer than filling them. */
const KEPT_SPANS = 16_384;
const KEPT = new Routing(KEPT_SPANS);

/** One record per partition that has spans, in the order of the partitions. Borrowed until the next call. */
export function routeByTrace(scan: RequestScan, partitionCount: number): Routing {
  const { spans } = scan;
  const hashes = scan.spanHash.values;
  const routing = spans > KEPT_SPANS ? new Routing(spans) : KEPT;
  routing.partition.clear();
  routing.end.clear();
  const { order } = routing;
  const next = new Uint32Array(partitionCount + 1);
  for (let span = 0; span < spans; span++) next[(hashes[span] % partitionCount) + 1]++;
  for (let partition = 0; partition < partitionCount; partition++) {
    const count = next[partition + 1];
    next[partition + 1] += next[partition];
    if (count === 0) continue;
    routing.partition.push(partition);
    routing.end.push(next[partition + 1]);
  }
  for (let span = 0; span < spans; span++) order[next[hashes[span] % partitionCount]++] = span;
  return routing;
}

/** All in one record. */
export function routeToOne(scan: RequestScan, partition: number): Routing {
  const routing = new Routing(scan.spans);
  for (let span = 0; span < scan.spans; span++) routing.order[span] = span;
  routing.partition.push(partition);
  routing.end.push(scan.spans);
  return routing;
}

export interface CutRouting {
  readonly routing: Routing;
  /** Bytes of all records together, and those in them that the cuts repeat, weighed by `PIECE_COST_BYTES`. */
  readonly totalBytes: number;
  readonly repeatedBytes: number;
}

/**
 * Cuts each record into as many as it takes for none to be larger than `maxRecordBytes`. Resource and scope of its spans
 * and the fields of the request are in each of them; a span that does not fit beside its own is in none.
 *
 * `maxRepeatedBytes` is for one record that must not grow without end, as it would where a resource nearly fills a
 * record: its spans are left out once repetitions have taken that much. What two records of `whole` share does not count.
 */
export function cutRecords(
  scan: RequestScan,
  whole: Routing,
  maxRecordBytes: number,
  maxRepeatedBytes: number,
): CutRouting {
  const cutter = new Cutter(scan, maxRecordBytes, maxRepeatedBytes);
  for (let record = 0, index = 0; record < whole.recordCount; record++) {
    const to = whole.end.values[record];
    cutter.beginPartition(whole.partition.values[record]);
    for (; index < to; index++) cutter.place(whole.order[index]);
    cutter.endRecord();
  }
  return cutter;
}

const NO_ROW = -1;
/** The most that tag and length of one ResourceSpans and one ScopeSpans take. */
const HEADER_BYTES = 12;
/** What repeating a piece costs beside its bytes: a stranger may put a field of two bytes after every span. */
const PIECE_COST_BYTES = 32;

/** Fills one record after another, as far as the limit, and never looks back. */
class Cutter implements CutRouting {
  readonly routing: Routing;
  totalBytes = 0;
  repeatedBytes = 0;
  readonly #scan: RequestScan;
  readonly #maxRecordBytes: number;
  readonly #maxRepeatedBytes: number;
  readonly #requestPieces: number;
  readonly #requestPieceBytes: number;
  #partition = 0;
  #spans = 0;
  /** Of the record being filled: where its spans begin, its size, and of that what stands before the last resource. */
  #recordStart = 0;
  #recordBytes = 0;
  #bytesBeforeResource = 0;
  /** Its last resource without the last scope, and that scope, both without their headers. */
  #resourceBytes = 0;
  #scopeBytes = 0;
  /** Rows of the last span in any record. */
  #lastResource = NO_ROW;
  #lastScope = NO_ROW;
  /** Rows of the span that was looked at last, the number of their pieces and the bytes. */
  #resource = NO_ROW;
  #resourcePieces = 0;
  #resourcePieceBytes = 0;
  #scope = NO_ROW;
  #scopePieces = 0;
  #scopePieceBytes = 0;

  constructor(scan: RequestScan, maxRecordBytes: number, maxRepeatedBytes: number) {
    this.routing = new Routing(scan.spans);
    this.#scan = scan;
    this.#maxRecordBytes = maxRecordBytes;
    this.#maxRepeatedBytes = maxRepeatedBytes;
    this.#requestPieces = scan.pieces.count;
    this.#requestPieceBytes = pieceBytes(scan.pieces, 0, scan.pieces.count);
  }

  beginPartition(partition: number): void {
    this.#partition = partition;
  }

  place(span: number): void {
    const { spanStart, spanEnd, spanScope } = this.#scan;
    const spanBytes = spanEnd.values[span] - spanStart.values[span];
    this.#lookAt(spanScope.values[span]);
    if (this.#spans === this.#recordStart || !this.#append(spanBytes)) {
      // The record stays open where this span fits nowhere: a later one may.
      if (!this.#mayBegin(spanBytes)) return;
      this.endRecord();
      this.#begin(spanBytes);
    }
    this.routing.order[this.#spans++] = span;
    this.#lastResource = this.#resource;
    this.#lastScope = this.#scope;
  }

  endRecord(): void {
    if (this.#spans === this.#recordStart) return;
    this.routing.partition.push(this.#partition);
    this.routing.end.push(this.#spans);
    this.totalBytes += this.#recordBytes;
    this.#recordStart = this.#spans;
  }

  #lookAt(scope: number): void {
    if (scope === this.#scope) return;
    const { scopes, scopeResource, resources } = this.#scan;
    const firstPiece = scopes.firstPiece.values[scope];
    const lastPiece = scopes.pieceEnd(scope);
    this.#scope = scope;
    this.#scopePieces = lastPiece - firstPiece;
    this.#scopePieceBytes = pieceBytes(scopes.pieces, firstPiece, lastPiece);
    const resource = scopeResource.values[scope];
    if (resource !== this.#resource) this.#lookAtResource(resources, resource);
  }

  #lookAtResource(resources: Chunks, resource: number): void {
    const firstPiece = resources.firstPiece.values[resource];
    const lastPiece = resources.pieceEnd(resource);
    this.#resource = resource;
    this.#resourcePieces = lastPiece - firstPiece;
    this.#resourcePieceBytes = pieceBytes(resources.pieces, firstPiece, lastPiece);
  }

  /** False, and nothing changed, where the record would be too large. */
  #append(spanBytes: number): boolean {
    let before = this.#bytesBeforeResource;
    let resourceBytes = this.#resourceBytes;
    let scopeBytes = this.#scopeBytes;
    if (this.#resource !== this.#lastResource) {
      before = this.#recordBytes;
      resourceBytes = this.#resourcePieceBytes;
      scopeBytes = this.#scopePieceBytes;
    } else if (this.#scope !== this.#lastScope) {
      resourceBytes += framed(scopeBytes);
      scopeBytes = this.#scopePieceBytes;
    }
    scopeBytes += spanBytes;
    const recordBytes = before + framed(resourceBytes + framed(scopeBytes));
    if (recordBytes > this.#maxRecordBytes) return false;
    this.#recordBytes = recordBytes;
    this.#bytesBeforeResource = before;
    this.#resourceBytes = resourceBytes;
    this.#scopeBytes = scopeBytes;
    return true;
  }

  /** Counts what a new record repeats, if that and the record are within their limits. */
  #mayBegin(spanBytes: number): boolean {
    if (this.#bytesAlone(spanBytes) > this.#maxRecordBytes) return false;
    let repeated = HEADER_BYTES;
    if (this.#spans > 0) repeated += this.#requestPieceBytes + this.#requestPieces * PIECE_COST_BYTES;
    if (this.#resource === this.#lastResource) {
      repeated += this.#resourcePieceBytes + this.#resourcePieces * PIECE_COST_BYTES;
    }
    if (this.#scope === this.#lastScope) repeated += this.#scopePieceBytes + this.#scopePieces * PIECE_COST_BYTES;
    if (this.repeatedBytes + repeated > this.#maxRepeatedBytes) return false;
    this.repeatedBytes += repeated;
    return true;
  }

  #begin(spanBytes: number): void {
    this.#bytesBeforeResource = this.#requestPieceBytes;
    this.#resourceBytes = this.#resourcePieceBytes;
    this.#scopeBytes = this.#scopePieceBytes + spanBytes;
    this.#recordBytes = this.#bytesAlone(spanBytes);
  }

  #bytesAlone(spanBytes: number): number {
    return this.#requestPieceBytes + framed(this.#resourcePieceBytes + framed(this.#scopePieceBytes + spanBytes));
  }
}

/** With its tag (of one byte) and its length. */
function framed(byteCount: number): number {
  return 1 + varintSize(byteCount) + byteCount;
}

export function pieceBytes(pieces: Pieces, firstPiece: number, lastPiece: number): number {
  let size = 0;
  for (let piece = firstPiece; piece < lastPiece; piece++)
    size += pieces.end.values[piece] - pieces.start.values[piece];
  return size;
}
