import {
  encodeLogsResponse,
  encodeMetricsResponse,
  encodeStatus,
  encodeTraceResponse,
  type OtlpFormat,
} from '../otlp/index.js';
import type { Answer, Signal } from './accept.js';
import { RpcCode, type RpcCodeName } from './errors.js';

export type Format = OtlpFormat;

const ENCODERS = { traces: encodeTraceResponse, metrics: encodeMetricsResponse, logs: encodeLogsResponse };

/** The body of a 200 or an OK: an Export…ServiceResponse, its partial_success set only where there is something to say. */
export function encodeAnswer(signal: Signal, answer: Answer, format: Format): Buffer {
  return asBuffer(ENCODERS[signal](format, answer.rejectedItems, answer.message));
}

/** A `google.rpc.Status`; it carries a RetryInfo unless `retryDelaySeconds` is 0. */
export function encodeRefusal(rpc: RpcCodeName, message: string, retryDelaySeconds: number, format: Format): Buffer {
  const delay = retryDelaySeconds === 0 ? undefined : retryDelaySeconds;
  return asBuffer(encodeStatus(format, RpcCode[rpc], message, delay));
}

/** The same memory, as both transports want it. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
