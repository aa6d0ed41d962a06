/**
 * Moves the times of a protobuf request in place. They are fixed64, so no length changes:
 *
 *   Span   start_time_unix_nano = 7   end_time_unix_nano = 8   events = 11 (Event: time_unix_nano = 1)
 *
 * Only for bytes that `scanRequest` has found well formed: nothing is checked again here.
 */
import { RequestScan, scanRequest } from '../otlp/index.js';

const SPAN_START_TAG = 0x39;
const SPAN_END_TAG = 0x41;
const SPAN_EVENTS_TAG = 0x5a;
const EVENT_TIME_TAG = 0x09;

/** The latest end of any span; 0 where there is none, or the bytes cannot be decoded. */
export function newestEndNsOfProtobuf(bytes: Uint8Array): bigint {
  let newest = 0n;
  forEachTime(bytes, (view, at, isEnd) => {
    const ns = isEnd ? view.getBigUint64(at, true) : 0n;
    if (ns > newest) newest = ns;
  });
  return newest;
}

/** Zero stands for "not known" and stays. */
export function shiftProtobufTimes(bytes: Uint8Array, moved: (ns: bigint) => bigint): void {
  forEachTime(bytes, (view, at) => {
    const ns = view.getBigUint64(at, true);
    if (ns !== 0n) view.setBigUint64(at, moved(ns), true);
  });
}

function forEachTime(bytes: Uint8Array, visit: (view: DataView, at: number, isEnd: boolean) => void): void {
  const scan = new RequestScan();
  if (!scanRequest(bytes, scan)) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let row = 0; row < scan.spans; row++) {
    // The range begins with the tag and length of the span's own field.
    const [, content] = readVarint(bytes, readVarint(bytes, scan.spanStart.values[row])[1]);
    forEachField(bytes, content, scan.spanEnd.values[row], (tag, start, end) => {
      if (tag === SPAN_START_TAG || tag === SPAN_END_TAG) visit(view, start, tag === SPAN_END_TAG);
      if (tag !== SPAN_EVENTS_TAG) return;
      forEachField(bytes, start, end, (inner, at) => {
        if (inner === EVENT_TIME_TAG) visit(view, at, false);
      });
    });
  }
}

/** Start and end of each field's content, without tag and length. */
function forEachField(
  bytes: Uint8Array,
  from: number,
  to: number,
  visit: (tag: number, start: number, end: number) => void,
): void {
  for (let at = from; at < to; ) {
    const [tag, afterTag] = readVarint(bytes, at);
    const [start, end] = contentAt(bytes, tag & 7, afterTag);
    visit(tag, start, end);
    at = end;
  }
}

function contentAt(bytes: Uint8Array, wireType: number, at: number): [start: number, end: number] {
  if (wireType === 1) return [at, at + 8];
  if (wireType === 5) return [at, at + 4];
  const [value, end] = readVarint(bytes, at);
  return wireType === 2 ? [end, end + value] : [at, end];
}

/** Exact for tags and lengths; of longer values only the end is of use. */
function readVarint(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, at];
  }
}
