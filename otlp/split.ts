/**
 * One request into one record per partition, or several where the log takes no record as large as that. A record is a
 * valid TracesData: spans of one partition, untouched, in their ResourceSpans and ScopeSpans, and of these and of the
 * request everything else byte for byte, in the order in which it came (checklist 25). A resource or scope without a
 * span in the record is not in it.
 *
 * Cost: every span is copied once; a resource once per record that its spans go to.
 */
import { NumberList } from './number-list.js';
import { cutRecords, pieceBytes, type Routing, routeByTrace, routeToOne } from './routing.js';
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

/** Up to here a loop is faster than a view and a native copy: a stranger may put a field of two bytes after every span. */
const SHORT = 32;

/** What the records of one request may take together, and what they always may. */
const MAX_GROWTH = 16;
const ALWAYS_ALLOWED_BYTES = 64 * 1024 * 1024;

/**
 * The records of a request that `scan` has just found decodable, none larger than `maxRecordBytes`, in the order of
 * their partitions and within one in the order of the request. Rejected spans are left out, and an empty request has no
 * records. If everything goes to one partition and nothing is rejected, the record is the body itself.
 *
 * A span that does not fit into a record with its resource and scope is left out: what the items of the records lack to
 * `scan.spans` was too large.
 *
 * A resource of megabytes with spans in every partition would be multiplied by their number. Where that exceeds all
 * reason (16 times the body and 64 MiB) the request stays in the partition of its first span: traces may then be split
 * over partitions, as foreign producers split them, which the stitcher's auditor puts right. Where even there a resource
 * that nearly fills a record would be repeated beyond reason, the spans that ask for it are left out as too large.
 */
export function splitRequest(
  bytes: Uint8Array,
  scan: RequestScan,
  partitionCount: number,
  maxRecordBytes: number,
): SplitRecord[] {
  if (scan.spans === 0) return [];
  const mayBeWhole = scan.rejected === 0 && bytes.length <= maxRecordBytes;
  if (mayBeWhole && partitionCount === 1) return [wholeBody(bytes, scan, 0)];
  const routed = routeByTrace(scan, partitionCount);
  if (mayBeWhole && routed.recordCount === 1) return [wholeBody(bytes, scan, routed.partition.values[0])];
  const maxBytes = Math.max(ALWAYS_ALLOWED_BYTES, MAX_GROWTH * bytes.length);
  const records = new RecordWriter(bytes, scan, routed);
  if (records.totalBytes <= maxBytes && records.largestBytes <= maxRecordBytes) return records.write();
  const maxRepeatedBytes = maxBytes - bytes.length;
  const cut = cutRecords(scan, routed, maxRecordBytes, Number.POSITIVE_INFINITY);
  if (cut.totalBytes <= maxBytes && cut.repeatedBytes <= maxRepeatedBytes) {
    return new RecordWriter(bytes, scan, cut.routing).write();
  }
  const together = routeToOne(scan, scan.spanHash.values[0] % partitionCount);
  const bounded = cutRecords(scan, together, maxRecordBytes, maxRepeatedBytes);
  return new RecordWriter(bytes, scan, bounded.routing).write();
}

function wholeBody(payload: Uint8Array, scan: RequestScan, partition: number): SplitRecord {
  return { partition, itemCount: scan.spans, payload };
}

/** Lengths in the order of writing; kept, as columns of a few numbers are dear to make. One writer at a time uses them. */
const RESOURCE_BYTES = new NumberList();
const SCOPE_BYTES = new NumberList();

/** Lengths stand before what they measure, so the records are walked twice: measured, then written. */
class RecordWriter {
  totalBytes = 0;
  largestBytes = 0;
  readonly #bytes: Uint8Array;
  readonly #scan: RequestScan;
  readonly #routing: Routing;
  #target: Uint8Array = new Uint8Array(0);
  #at = 0;
  #nextResource = 0;
  #nextScope = 0;

  constructor(bytes: Uint8Array, scan: RequestScan, routing: Routing) {
    // A Buffer's views are made slowly, and there is one for every run of spans.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#scan = scan;
    this.#routing = routing;
    RESOURCE_BYTES.clear();
    SCOPE_BYTES.clear();
    for (let record = 0, from = 0; record < routing.recordCount; record++) {
      const to = routing.end.values[record];
      const byteCount = this.#measureRecord(from, to);
      this.totalBytes += byteCount;
      if (byteCount > this.largestBytes) this.largestBytes = byteCount;
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
      const resourceRow = RESOURCE_BYTES.length;
      RESOURCE_BYTES.push(0);
      index = this.#measureResource(index, to, resourceRow);
      const resourceBytes = RESOURCE_BYTES.values[resourceRow];
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
      const scopeBytes = SCOPE_BYTES.values[SCOPE_BYTES.length - 1];
      size += 1 + varintSize(scopeBytes) + scopeBytes;
    }
    RESOURCE_BYTES.values[resourceRow] = size;
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
    SCOPE_BYTES.push(size);
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
    this.#writeHeader(RESOURCE_SPANS_TAG, RESOURCE_BYTES.values[this.#nextResource++]);
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
    this.#writeHeader(SCOPE_SPANS_TAG, SCOPE_BYTES.values[this.#nextScope++]);
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
    const byteCount = end - start;
    if (byteCount > SHORT) this.#target.set(this.#bytes.subarray(start, end), this.#at);
    else for (let index = 0; index < byteCount; index++) this.#target[this.#at + index] = this.#bytes[start + index];
    this.#at += byteCount;
  }

  /** Row of the resource that a span is in, by its index in the order. */
  #resourceAt(index: number): number {
    const { scopeResource, spanScope } = this.#scan;
    return scopeResource.values[spanScope.values[this.#routing.order[index]]];
  }
}
