/**
 * The one look at a request: is all of it well formed, where are its spans, and to which trace does each belong.
 *
 *   TracesData      resource_spans = 1
 *   ResourceSpans   scope_spans = 2    all else is copied as it is: resource = 1, schema_url = 3, unknown fields
 *   ScopeSpans      spans = 2          likewise: scope = 1, schema_url = 3
 *   Span            trace_id = 1       span_id = 2
 *
 * A request is columns here: a span is a row, its ScopeSpans and ResourceSpans are row numbers, and what lies between
 * the spans is kept as ranges of bytes ("pieces").
 */
import { NumberList } from './number-list.js';
import { hashTraceId } from './trace-hash.js';
import { rulesOf, validateField } from './validate.js';
import { describeFailure, MALFORMED, openField, readTag, WireCursor } from './wire.js';

const TRACES_DATA = rulesOf('TracesData');
const RESOURCE_SPANS = rulesOf('ResourceSpans');
const SCOPE_SPANS = rulesOf('ScopeSpans');
const SPAN = rulesOf('Span');

/** Tags: field number << 3 | wire type. */
const RESOURCE_SPANS_TAG = 0x0a;
const SCOPE_SPANS_TAG = 0x12;
const SPANS_TAG = 0x12;
const TRACE_ID_TAG = 0x0a;
const SPAN_ID_TAG = 0x12;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/**
 * Ranges of bytes that belong to messages of one level and are not their spans, in order. Neighbouring fields of one
 * message are one range.
 */
export class Pieces {
  readonly start = new NumberList();
  readonly end = new NumberList();

  get count(): number {
    return this.start.length;
  }

  clear(): void {
    this.start.clear();
    this.end.clear();
  }

  /** `first`: the first piece of the same message. */
  add(first: number, start: number, end: number): void {
    const last = this.end.length - 1;
    if (last >= first && this.end.values[last] === start) this.end.values[last] = end;
    else {
      this.start.push(start);
      this.end.push(end);
    }
  }
}

/** ResourceSpans or ScopeSpans in order of appearance. */
export class Chunks {
  /** Where the field begins, tag included. */
  readonly start = new NumberList();
  readonly firstPiece = new NumberList();
  readonly pieces = new Pieces();

  get count(): number {
    return this.start.length;
  }

  clear(): void {
    this.start.clear();
    this.firstPiece.clear();
    this.pieces.clear();
  }

  add(start: number): void {
    this.start.push(start);
    this.firstPiece.push(this.pieces.count);
  }

  /** After the last piece of the chunk. */
  pieceEnd(chunk: number): number {
    return chunk + 1 < this.count ? this.firstPiece.values[chunk + 1] : this.pieces.count;
  }
}

/** What a scan found. Reused: everything in it is borrowed until the next scan. */
export class RequestScan {
  /** Spans that are accepted: rows of the span columns. */
  spans = 0;
  /** Trace ids that are not 16 bytes or all zero; and spans of a good trace id whose own id is not 8 bytes or all zero. */
  rejectedInvalidTraceId = 0;
  rejectedInvalidSpanId = 0;
  /** '' or why the body cannot be decoded, and at which byte. */
  error = '';

  /** Range of the whole field: tag, length and content. */
  readonly spanStart = new NumberList();
  readonly spanEnd = new NumberList();
  /** `hashTraceId` of its trace id. */
  readonly spanHash = new NumberList();
  /** Row of its ScopeSpans. */
  readonly spanScope = new NumberList();

  readonly scopes = new Chunks();
  /** Row of the ResourceSpans that a ScopeSpans is in. */
  readonly scopeResource = new NumberList();
  readonly resources = new Chunks();
  /** Fields of the request itself that OTLP does not know. */
  readonly pieces = new Pieces();

  readonly cursor = new WireCursor();

  get rejected(): number {
    return this.rejectedInvalidTraceId + this.rejectedInvalidSpanId;
  }

  reset(): void {
    this.spans = 0;
    this.rejectedInvalidTraceId = 0;
    this.rejectedInvalidSpanId = 0;
    this.error = '';
    this.spanStart.clear();
    this.spanEnd.clear();
    this.spanHash.clear();
    this.spanScope.clear();
    this.scopes.clear();
    this.scopeResource.clear();
    this.resources.clear();
    this.pieces.clear();
  }
}

/**
 * Scans an ExportTraceServiceRequest (or TracesData). False when it cannot be decoded, and `scan.error` says why; a span
 * with an impossible id is only counted (checklist 20). Of a field that must occur once the last one counts.
 */
export function scanRequest(bytes: Uint8Array, scan: RequestScan): boolean {
  scan.reset();
  const { cursor } = scan;
  cursor.open(bytes);
  const isDecodable = scanTracesData(scan, cursor, bytes.length) !== MALFORMED;
  if (!isDecodable) {
    const error = describeFailure(cursor);
    scan.reset();
    scan.error = error;
  }
  cursor.close();
  return isDecodable;
}

function scanTracesData(scan: RequestScan, cursor: WireCursor, end: number): number {
  let at = 0;
  while (at < end) {
    const start = at;
    at = readTag(cursor, start, end);
    if (at < 0) return MALFORMED;
    if (cursor.low === RESOURCE_SPANS_TAG) {
      at = openField(cursor, at, end);
      if (at < 0) return MALFORMED;
      scan.resources.add(start);
      at = scanResourceSpans(scan, cursor, at, cursor.fieldEnd);
      if (at < 0) return MALFORMED;
    } else {
      at = validateField(cursor, TRACES_DATA, cursor.low, at, end, 0);
      if (at < 0) return MALFORMED;
      scan.pieces.add(0, start, at);
    }
  }
  return at;
}

function scanResourceSpans(scan: RequestScan, cursor: WireCursor, contentStart: number, end: number): number {
  const { resources } = scan;
  const resource = resources.count - 1;
  let at = contentStart;
  while (at < end) {
    const start = at;
    at = readTag(cursor, start, end);
    if (at < 0) return MALFORMED;
    if (cursor.low === SCOPE_SPANS_TAG) {
      at = openField(cursor, at, end);
      if (at < 0) return MALFORMED;
      scan.scopes.add(start);
      scan.scopeResource.push(resource);
      at = scanScopeSpans(scan, cursor, at, cursor.fieldEnd);
      if (at < 0) return MALFORMED;
    } else {
      at = validateField(cursor, RESOURCE_SPANS, cursor.low, at, end, 0);
      if (at < 0) return MALFORMED;
      resources.pieces.add(resources.firstPiece.values[resource], start, at);
    }
  }
  return at;
}

function scanScopeSpans(scan: RequestScan, cursor: WireCursor, contentStart: number, end: number): number {
  const { scopes } = scan;
  const scope = scopes.count - 1;
  let at = contentStart;
  while (at < end) {
    const start = at;
    at = readTag(cursor, start, end);
    if (at < 0) return MALFORMED;
    if (cursor.low === SPANS_TAG) {
      at = openField(cursor, at, end);
      if (at < 0) return MALFORMED;
      at = scanSpan(scan, cursor, start, at, cursor.fieldEnd);
      if (at < 0) return MALFORMED;
    } else {
      at = validateField(cursor, SCOPE_SPANS, cursor.low, at, end, 0);
      if (at < 0) return MALFORMED;
      scopes.pieces.add(scopes.firstPiece.values[scope], start, at);
    }
  }
  return at;
}

function scanSpan(
  scan: RequestScan,
  cursor: WireCursor,
  fieldStart: number,
  contentStart: number,
  end: number,
): number {
  const { bytes } = cursor;
  let at = contentStart;
  let traceIdStart = 0;
  let traceIdEnd = 0;
  let spanIdStart = 0;
  let spanIdEnd = 0;
  while (at < end) {
    let tag = bytes[at];
    if (tag < 0x80) at++;
    else {
      at = readTag(cursor, at, end);
      if (at < 0) return MALFORMED;
      tag = cursor.low;
    }
    if (tag === TRACE_ID_TAG) {
      traceIdStart = openField(cursor, at, end);
      if (traceIdStart < 0) return MALFORMED;
      at = traceIdEnd = cursor.fieldEnd;
    } else if (tag === SPAN_ID_TAG) {
      spanIdStart = openField(cursor, at, end);
      if (spanIdStart < 0) return MALFORMED;
      at = spanIdEnd = cursor.fieldEnd;
    } else {
      at = validateField(cursor, SPAN, tag, at, end, 0);
      if (at < 0) return MALFORMED;
    }
  }
  if (!isId(bytes, traceIdStart, traceIdEnd, TRACE_ID_BYTES)) scan.rejectedInvalidTraceId++;
  else if (!isId(bytes, spanIdStart, spanIdEnd, SPAN_ID_BYTES)) scan.rejectedInvalidSpanId++;
  else {
    scan.spans++;
    scan.spanStart.push(fieldStart);
    scan.spanEnd.push(end);
    scan.spanHash.push(hashTraceId(bytes, traceIdStart));
    scan.spanScope.push(scan.scopes.count - 1);
  }
  return at;
}

/** Of the right length and not all zero. */
function isId(bytes: Uint8Array, start: number, end: number, byteCount: number): boolean {
  if (end - start !== byteCount) return false;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0) return true;
  }
  return false;
}
