/**
 * One request into one record per partition. A record is a valid TracesData: the spans of one partition, untouched, in
 * their ResourceSpans and ScopeSpans, and of these and of the request everything else byte for byte, in the order in
 * which it came (checklist 25). A resource or scope without a span in the partition is not in its record.
 *
 * Cost: every span is copied once; a resource once per partition that its spans go to.
 */
import { NumberList } from './number-list.js';
import type { Pieces, RequestScan } from './scan.js';
import { putVarint, varintSize } from './wire-writer.js';

export interface SplitRecord {
  readonly partition: number;
  /** Spans in it. */
  readonly itemCount: number;
  /** May be the request's own bytes; records of one request may share one buffer. */
  readonly payload: Uint8Array;
}

const RESOURCE_SPANS_TAG = 0x0a;
const SCOPE_SPANS_TAG = 0x12;

/** What the records of one request may take together, and what they always may. */
const MAX_GROWTH = 16;
const ALWAYS_ALLOWED_BYTES = 64 * 1024 * 1024;

/**
 * The records of a request that `scan` has just found decodable, in the order of their partitions; rejected spans are
 * left out, and an empty request has no records. If everything goes to one partition and nothing is rejected, the
 * record is the body itself.
 *
 * A resource of megabytes with spans in every partition would be multiplied by their number. Where that exceeds all
 * reason (16 times the body and 64 MiB) the request stays in one record, in the partition of its first span: traces may
 * then be split over partitions, as foreign producers split them, which the stitcher's auditor puts right.
 */
export function splitRequest(bytes: Uint8Array, scan: RequestScan, partitionCount: number): SplitRecord[] {
  if (scan.spans === 0) return [];
  const routed = new Routing(scan, partitionCount);
  if (routed.recordCount === 1 && scan.rejected === 0) return [wholeBody(bytes, scan, routed)];
  const records = new RecordWriter(bytes, scan, routed);
  if (records.totalBytes <= Math.max(ALWAYS_ALLOWED_BYTES, MAX_GROWTH * bytes.length)) return records.write();
  return new RecordWriter(bytes, scan, new Routing(scan, partitionCount, scan.spanHash.values[0])).write();
}

function wholeBody(payload: Uint8Array, scan: RequestScan, routed: Routing): SplitRecord {
  return { partition: routed.partition.values[0], itemCount: scan.spans, payload };
}

/** Which spans go where. */
class Routing {
  /** Rows of spans, by partition, within it in the order of the request. */
  readonly order: Uint32Array;
  /** Of each record: its partition, and where its spans end in `order`. */
  readonly partition = new NumberList();
  readonly end = new NumberList();

  /** `onlyHash`: send everything where this hash goes. */
  constructor(scan: RequestScan, partitionCount: number, onlyHash?: number) {
    const { spans } = scan;
    const hashes = onlyHash === undefined ? scan.spanHash.values : new Uint32Array(spans).fill(onlyHash);
    const next = new Uint32Array(partitionCount + 1);
    for (let span = 0; span < spans; span++) next[(hashes[span] % partitionCount) + 1]++;
    for (let partition = 0; partition < partitionCount; partition++) {
      const count = next[partition + 1];
      next[partition + 1] += next[partition];
      if (count === 0) continue;
      this.partition.push(partition);
      this.end.push(next[partition + 1]);
    }
    this.order = new Uint32Array(spans);
    for (let span = 0; span < spans; span++) this.order[next[hashes[span] % partitionCount]++] = span;
  }

  get recordCount(): number {
    return this.partition.length;
  }
}

/** Lengths stand before what they measure, so the records are walked twice: measured, then written. */
class RecordWriter {
  totalBytes = 0;
  readonly #bytes: Uint8Array;
  readonly #scan: RequestScan;
  readonly #routing: Routing;
  /** In the order of writing. */
  readonly #recordBytes = new NumberList();
  readonly #resourceBytes = new NumberList();
  readonly #scopeBytes = new NumberList();
  #target: Uint8Array = new Uint8Array(0);
  #at = 0;
  #nextResource = 0;
  #nextScope = 0;

  constructor(bytes: Uint8Array, scan: RequestScan, routing: Routing) {
    // A Buffer's views are made slowly, and there is one for every run of spans.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#scan = scan;
    this.#routing = routing;
    for (let record = 0, from = 0; record < routing.recordCount; record++) {
      const to = routing.end.values[record];
      const byteCount = this.#measureRecord(from, to);
      this.#recordBytes.push(byteCount);
      this.totalBytes += byteCount;
      from = to;
    }
  }

  write(): SplitRecord[] {
    const { partition, end, recordCount } = this.#routing;
    const records: SplitRecord[] = [];
    // Every byte is written below: no need to zero them first.
    this.#target = new Uint8Array(Buffer.allocUnsafeSlow(this.totalBytes).buffer);
    for (let record = 0, from = 0; record < recordCount; record++) {
      const start = this.#at;
      const to = end.values[record];
      this.#writeRecord(from, to);
      const payload = this.#target.subarray(start, this.#at);
      records.push({ partition: partition.values[record], itemCount: to - from, payload });
      from = to;
    }
    return records;
  }

  #measureRecord(from: number, to: number): number {
    const { pieces } = this.#scan;
    let size = pieceBytes(pieces, 0, pieces.count);
    for (let index = from; index < to; ) {
      const resourceRow = this.#resourceBytes.length;
      this.#resourceBytes.push(0);
      index = this.#measureResource(index, to, resourceRow);
      const resourceBytes = this.#resourceBytes.values[resourceRow];
      size += 1 + varintSize(resourceBytes) + resourceBytes;
    }
    return size;
  }

  /** Answers the first index of another resource. */
  #measureResource(from: number, to: number, resourceRow: number): number {
    const { resources } = this.#scan;
    const resource = this.#resourceAt(from);
    let size = pieceBytes(resources.pieces, resources.firstPiece.values[resource], resources.pieceEnd(resource));
    let index = from;
    while (index < to && this.#resourceAt(index) === resource) {
      index = this.#measureScope(index, to);
      const scopeBytes = this.#scopeBytes.values[this.#scopeBytes.length - 1];
      size += 1 + varintSize(scopeBytes) + scopeBytes;
    }
    this.#resourceBytes.values[resourceRow] = size;
    return index;
  }

  /** Answers the first index of another scope. */
  #measureScope(from: number, to: number): number {
    const { scopes, spanStart, spanEnd, spanScope } = this.#scan;
    const { order } = this.#routing;
    const scope = spanScope.values[order[from]];
    let size = pieceBytes(scopes.pieces, scopes.firstPiece.values[scope], scopes.pieceEnd(scope));
    let index = from;
    for (; index < to; index++) {
      const span = order[index];
      if (spanScope.values[span] !== scope) break;
      size += spanEnd.values[span] - spanStart.values[span];
    }
    this.#scopeBytes.push(size);
    return index;
  }

  #writeRecord(from: number, to: number): void {
    const { pieces, resources } = this.#scan;
    let piece = 0;
    for (let index = from; index < to; ) {
      const resourceStart = resources.start.values[this.#resourceAt(index)];
      piece = this.#writePieces(pieces, piece, pieces.count, resourceStart);
      index = this.#writeResource(index, to);
    }
    this.#writePieces(pieces, piece, pieces.count, this.#bytes.length);
  }

  #writeResource(from: number, to: number): number {
    const { resources, scopes, spanScope } = this.#scan;
    const { order } = this.#routing;
    const resource = this.#resourceAt(from);
    const lastPiece = resources.pieceEnd(resource);
    let piece = resources.firstPiece.values[resource];
    this.#writeHeader(RESOURCE_SPANS_TAG, this.#resourceBytes.values[this.#nextResource++]);
    let index = from;
    while (index < to && this.#resourceAt(index) === resource) {
      const scopeStart = scopes.start.values[spanScope.values[order[index]]];
      piece = this.#writePieces(resources.pieces, piece, lastPiece, scopeStart);
      index = this.#writeScope(index, to);
    }
    this.#writePieces(resources.pieces, piece, lastPiece, this.#bytes.length);
    return index;
  }

  #writeScope(from: number, to: number): number {
    const { scopes, spanStart, spanEnd, spanScope } = this.#scan;
    const { order } = this.#routing;
    const scope = spanScope.values[order[from]];
    const lastPiece = scopes.pieceEnd(scope);
    let piece = scopes.firstPiece.values[scope];
    this.#writeHeader(SCOPE_SPANS_TAG, this.#scopeBytes.values[this.#nextScope++]);
    let index = from;
    while (index < to && spanScope.values[order[index]] === scope) {
      const start = spanStart.values[order[index]];
      piece = this.#writePieces(scopes.pieces, piece, lastPiece, start);
      // Spans that follow each other go in one copy.
      let end = spanEnd.values[order[index++]];
      while (index < to && spanStart.values[order[index]] === end) end = spanEnd.values[order[index++]];
      this.#copy(start, end);
    }
    this.#writePieces(scopes.pieces, piece, lastPiece, this.#bytes.length);
    return index;
  }

  /** The pieces from `piece` on that begin before an offset; answers the next one. */
  #writePieces(pieces: Pieces, piece: number, lastPiece: number, before: number): number {
    let next = piece;
    while (next < lastPiece && pieces.start.values[next] < before) {
      this.#copy(pieces.start.values[next], pieces.end.values[next]);
      next++;
    }
    return next;
  }

  #writeHeader(tag: number, byteCount: number): void {
    this.#target[this.#at] = tag;
    this.#at = putVarint(this.#target, this.#at + 1, byteCount);
  }

  #copy(start: number, end: number): void {
    this.#target.set(this.#bytes.subarray(start, end), this.#at);
    this.#at += end - start;
  }

  /** Row of the resource that a span is in, by its index in the order. */
  #resourceAt(index: number): number {
    const { scopeResource, spanScope } = this.#scan;
    return scopeResource.values[spanScope.values[this.#routing.order[index]]];
  }
}

function pieceBytes(pieces: Pieces, firstPiece: number, lastPiece: number): number {
  let size = 0;
  for (let piece = firstPiece; piece < lastPiece; piece++)
    size += pieces.end.values[piece] - pieces.start.values[piece];
  return size;
}
