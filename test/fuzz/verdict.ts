/** What a request deserves, by whichever way it came. */

/** A span's ids, in hex. */
export type SpanIds = readonly [traceId: string, spanId: string];

export interface Accepted {
  readonly kind: 'ok';
  /** In order; those whose ids are impossible too. */
  readonly ids: readonly SpanIds[];
}

export interface Refused {
  readonly kind: 'undecodable' | 'too large';
  readonly reason: string;
  /** Corrupt just behind the limit: which of the two is seen first depends on how the bytes come in pieces. */
  readonly isEither?: boolean;
}

export type Verdict = Accepted | Refused;

export const HTTP_STATUS = { ok: 200, undecodable: 400, 'too large': 413 } as const;
/** OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
export const GRPC_CODE = { ok: 0, undecodable: 3, 'too large': 8 } as const;

/** Whether what was made of a request is what it deserves. */
export function isDeserved(kind: Verdict['kind'], deserved: Verdict): boolean {
  return (
    kind === deserved.kind || (kind === 'undecodable' && deserved.kind === 'too large' && deserved.isEither === true)
  );
}

export const undecodable = (reason: string): Refused => ({ kind: 'undecodable', reason });

const ZEROS = /^0*$/;

/** Checklist 20. */
export function hasGoodIds([traceId, spanId]: SpanIds): boolean {
  return traceId.length === 32 && !ZEROS.test(traceId) && spanId.length === 16 && !ZEROS.test(spanId);
}
