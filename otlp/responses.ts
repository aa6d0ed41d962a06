/**
 * What exporters are answered, in protobuf and in OTLP JSON.
 *
 *   ExportTraceServiceResponse     partial_success = 1
 *   ExportTracePartialSuccess      rejected_spans = 1 (int64)         error_message = 2
 *   ExportMetricsPartialSuccess    rejected_data_points = 1 (int64)   error_message = 2
 *   ExportLogsPartialSuccess       rejected_log_records = 1 (int64)   error_message = 2
 *   google.rpc.Status              code = 1 (int32)   message = 2   details = 3 (repeated google.protobuf.Any)
 *   google.protobuf.Any            type_url = 1       value = 2
 *   google.rpc.RetryInfo           retry_delay = 1 (google.protobuf.Duration)
 *   google.protobuf.Duration       seconds = 1 (int64)   nanos = 2 (int32)
 */
import {
  beginDelimited,
  endDelimited,
  WireWriter,
  writeDelimited,
  writeText,
  writeVarint,
  writeVarint64,
  writtenBytes,
} from './wire-writer.js';

export type OtlpFormat = 'protobuf' | 'json';

const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo';
const NANOS_PER_SECOND = 1_000_000_000;
const TWO_32 = 0x1_0000_0000;

/**
 * UTF-16 units of a message that are sent. JSON takes at most six bytes for one (a control character), so that every
 * response stays well under the 4 MiB that clients read (checklist 11).
 */
const MAX_MESSAGE_LENGTH = 512 * 1024;

const JSON_ENCODER = new TextEncoder();

/** Tags: field number << 3 | wire type. */
const Tag = {
  PARTIAL_SUCCESS: 0x0a,
  REJECTED: 0x08,
  ERROR_MESSAGE: 0x12,
  STATUS_CODE: 0x08,
  STATUS_MESSAGE: 0x12,
  STATUS_DETAILS: 0x1a,
  ANY_TYPE_URL: 0x0a,
  ANY_VALUE: 0x12,
  RETRY_DELAY: 0x0a,
  DURATION_SECONDS: 0x08,
  DURATION_NANOS: 0x10,
} as const;

/** `ExportTraceServiceResponse`; partial_success is unset when there is neither a rejection nor a message. */
export function encodeTraceResponse(format: OtlpFormat, rejectedSpans: number, errorMessage: string): Uint8Array {
  return encodeExportResponse(format, 'rejectedSpans', rejectedSpans, errorMessage);
}

/** `ExportMetricsServiceResponse`, likewise. */
export function encodeMetricsResponse(
  format: OtlpFormat,
  rejectedDataPoints: number,
  errorMessage: string,
): Uint8Array {
  return encodeExportResponse(format, 'rejectedDataPoints', rejectedDataPoints, errorMessage);
}

/** `ExportLogsServiceResponse`, likewise. */
export function encodeLogsResponse(format: OtlpFormat, rejectedLogRecords: number, errorMessage: string): Uint8Array {
  return encodeExportResponse(format, 'rejectedLogRecords', rejectedLogRecords, errorMessage);
}

/** `google.rpc.Status`; with a delay, which may have a fraction, it carries a RetryInfo. `code` is a google.rpc.Code. */
export function encodeStatus(
  format: OtlpFormat,
  code: number,
  message: string,
  retryDelaySeconds?: number,
): Uint8Array {
  const text = cutMessage(message);
  if (format === 'json') return encodeJson(statusJson(code, text, retryDelaySeconds));
  const writer = new WireWriter();
  if (code !== 0) {
    writeVarint(writer, Tag.STATUS_CODE);
    writeVarint(writer, code);
  }
  writeTextField(writer, Tag.STATUS_MESSAGE, text);
  if (retryDelaySeconds !== undefined) writeRetryDetail(writer, retryDelaySeconds);
  return writtenBytes(writer);
}

/** `google.rpc.RetryInfo` alone, as the trailer `google.rpc.retryinfo-bin` carries it (checklist 18). */
export function encodeRetryInfo(seconds: number): Uint8Array {
  const delay = durationOf(seconds);
  const writer = new WireWriter();
  writeVarint(writer, Tag.RETRY_DELAY);
  const duration = beginDelimited(writer);
  writeIntegerField(writer, Tag.DURATION_SECONDS, delay.seconds);
  writeIntegerField(writer, Tag.DURATION_NANOS, delay.nanos);
  endDelimited(writer, duration);
  return writtenBytes(writer);
}

function encodeExportResponse(
  format: OtlpFormat,
  countName: string,
  rejected: number,
  errorMessage: string,
): Uint8Array {
  const text = cutMessage(errorMessage);
  const isUnset = rejected === 0 && text === '';
  if (format === 'json') return encodeJson(isUnset ? {} : { partialSuccess: partialJson(countName, rejected, text) });
  const writer = new WireWriter();
  if (isUnset) return writtenBytes(writer);
  writeVarint(writer, Tag.PARTIAL_SUCCESS);
  const partialSuccess = beginDelimited(writer);
  writeIntegerField(writer, Tag.REJECTED, rejected);
  writeTextField(writer, Tag.ERROR_MESSAGE, text);
  endDelimited(writer, partialSuccess);
  return writtenBytes(writer);
}

/** A 64-bit integer is a string in JSON; what has its default value is left out, as in protobuf. */
function partialJson(countName: string, rejected: number, errorMessage: string): object {
  return {
    ...(rejected === 0 ? {} : { [countName]: String(rejected) }),
    ...(errorMessage === '' ? {} : { errorMessage }),
  };
}

function statusJson(code: number, message: string, retryDelaySeconds: number | undefined): object {
  if (retryDelaySeconds === undefined) return { code, message };
  const { seconds, nanos } = durationOf(retryDelaySeconds);
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0')}`;
  return { code, message, details: [{ '@type': RETRY_INFO_TYPE, retryDelay: `${seconds}${fraction}s` }] };
}

function writeRetryDetail(writer: WireWriter, seconds: number): void {
  writeVarint(writer, Tag.STATUS_DETAILS);
  const any = beginDelimited(writer);
  writeTextField(writer, Tag.ANY_TYPE_URL, RETRY_INFO_TYPE);
  writeVarint(writer, Tag.ANY_VALUE);
  writeDelimited(writer, encodeRetryInfo(seconds));
  endDelimited(writer, any);
}

function writeIntegerField(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writeVarint(writer, tag);
  writeVarint64(writer, value % TWO_32, Math.floor(value / TWO_32));
}

function writeTextField(writer: WireWriter, tag: number, text: string): void {
  if (text === '') return;
  writeVarint(writer, tag);
  writeText(writer, text);
}

function durationOf(delaySeconds: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(delaySeconds);
  const nanos = Math.round((delaySeconds - seconds) * NANOS_PER_SECOND);
  return nanos === NANOS_PER_SECOND ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos };
}

function cutMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  // Never between the two halves of a surrogate pair.
  const last = message.charCodeAt(MAX_MESSAGE_LENGTH - 1);
  const isHighSurrogate = last >= 0xd800 && last < 0xdc00;
  return message.slice(0, isHighSurrogate ? MAX_MESSAGE_LENGTH - 1 : MAX_MESSAGE_LENGTH);
}

function encodeJson(value: object): Uint8Array {
  return JSON_ENCODER.encode(JSON.stringify(value));
}
