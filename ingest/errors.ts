/**
 * Every way a request (or a start) can be refused, and what each is called on the two transports.
 *
 * Exporters retry 429, 502, 503, 504 and UNAVAILABLE only; they drop on everything else. So whatever may pass by itself
 * is 429 or 503 (both UNAVAILABLE with RetryInfo), and nothing is ever 500 or INTERNAL.
 */

/** Numbers of google.rpc.Code that are used here. */
export const RpcCode = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export type RpcCodeName = keyof typeof RpcCode;

export interface Verdict {
  readonly httpStatus: number;
  readonly rpc: RpcCodeName;
  readonly retryable: boolean;
}

const final = (httpStatus: number, rpc: RpcCodeName): Verdict => ({ httpStatus, rpc, retryable: false });
const transient = (httpStatus: number): Verdict => ({ httpStatus, rpc: 'UNAVAILABLE', retryable: true });

/** The one table of verdicts (checklist 19). */
export const VERDICTS = {
  INGEST_UNDECODABLE: final(400, 'INVALID_ARGUMENT'),
  INGEST_BAD_ENCODING: final(400, 'INVALID_ARGUMENT'),
  INGEST_UNAUTHENTICATED: final(401, 'UNAUTHENTICATED'),
  INGEST_NOT_FOUND: final(404, 'UNIMPLEMENTED'),
  INGEST_METHOD_NOT_ALLOWED: final(405, 'UNIMPLEMENTED'),
  INGEST_BODY_TIMEOUT: final(408, 'DEADLINE_EXCEEDED'),
  INGEST_BODY_TOO_LARGE: final(413, 'RESOURCE_EXHAUSTED'),
  INGEST_UNSUPPORTED_MEDIA_TYPE: final(415, 'INVALID_ARGUMENT'),
  INGEST_OVERLOADED: transient(429),
  /** Of one token; others go on. */
  INGEST_RATE_LIMITED: transient(429),
  INGEST_UNAVAILABLE: transient(503),
  /** The client went away before its body was complete: nobody is there to be answered. */
  INGEST_CLIENT_GONE: final(400, 'CANCELLED'),
  /** Of the start, never of a request. */
  INGEST_BIND_FAILED: final(503, 'UNAVAILABLE'),
  INGEST_TLS_UNREADABLE: final(503, 'UNAVAILABLE'),
  INGEST_TOKEN_INVALID: final(503, 'UNAVAILABLE'),
} as const satisfies Record<string, Verdict>;

export type IngestErrorCode = keyof typeof VERDICTS;

/** `message` is sent to the exporter: it never holds a payload, a token or a path. */
export class IngestError extends Error {
  readonly code: IngestErrorCode;
  readonly retryable: boolean;

  constructor(code: IngestErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'IngestError';
    this.code = code;
    this.retryable = VERDICTS[code].retryable;
  }

  get verdict(): Verdict {
    return VERDICTS[this.code];
  }
}

/** Whatever was thrown, as something an exporter can be told: what nobody expected is transient, never final. */
export function asIngestError(thrown: unknown): IngestError {
  if (thrown instanceof IngestError) return thrown;
  return new IngestError('INGEST_UNAVAILABLE', 'the receiver could not handle the request; try again', thrown);
}
