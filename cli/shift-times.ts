/** Moves the times of recorded requests, exactly: spans' starts and ends and their events'. */
import type { RecordedRequest } from './replay-source.js';
import { newestEndNsOfProtobuf, shiftProtobufTimes } from './shift-protobuf.js';

const NS_PER_MS = 1_000_000n;
/** Only these fields, whatever is around them; nanoseconds as JSON writes them, text or number. */
const TIME_FIELD = /"(startTimeUnixNano|endTimeUnixNano|timeUnixNano)"(\s*:\s*)"?(\d+)"?/g;

export function newestEndNs(json: string): bigint {
  let newest = 0n;
  for (const [, field, , digits] of json.matchAll(TIME_FIELD)) {
    if (field !== 'endTimeUnixNano') continue;
    const ns = BigInt(digits);
    if (ns > newest) newest = ns;
  }
  return newest;
}

/** Zero stands for "not known" and stays. */
export function shiftTimes(json: string, byNs: bigint): string {
  return json.replace(TIME_FIELD, (whole, field, colon, digits) =>
    /^0+$/.test(digits) ? whole : `"${field}"${colon}"${movedBy(byNs)(BigInt(digits))}"`,
  );
}

export const nowNs = (clockMs: number): bigint => BigInt(clockMs) * NS_PER_MS;

export function newestEndOf({ contentType, body }: RecordedRequest): bigint {
  return contentType === 'application/json' ? newestEndNs(body.toString('utf8')) : newestEndNsOfProtobuf(body);
}

/** The request's body with its times moved; protobuf is moved in place. */
export function shiftedBody({ contentType, body }: RecordedRequest, byNs: bigint): Buffer {
  if (byNs === 0n) return body;
  if (contentType === 'application/json') return Buffer.from(shiftTimes(body.toString('utf8'), byNs));
  shiftProtobufTimes(body, movedBy(byNs));
  return body;
}

/** Not to before 1970: 0 would mean "not known". */
const movedBy =
  (byNs: bigint) =>
  (ns: bigint): bigint =>
    ns + byNs > 0n ? ns + byNs : 1n;
