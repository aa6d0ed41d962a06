/** Every way the API can refuse a request, and its HTTP status. The messages are read by whoever asked. */
import { StoreError } from '../store/index.js';

export const STATUS = {
  API_PARAMETER_INVALID: 400,
  API_BODY_INVALID: 400,
  API_TOO_MANY_GROUPS: 400,
  API_QUESTION_TOO_LARGE: 400,
  API_REQUEST_INVALID: 400,
  SQL_REFUSED: 400,
  SQL_INVALID: 400,
  SQL_LIMIT_EXCEEDED: 400,
  API_UNAUTHENTICATED: 401,
  API_FORBIDDEN: 403,
  API_NOT_FOUND: 404,
  API_METHOD_NOT_ALLOWED: 405,
  API_BODY_TOO_LARGE: 413,
  SQL_BUSY: 429,
  API_STORE_UNAVAILABLE: 503,
  API_LOG_UNAVAILABLE: 503,
  /** A bug: its cause is logged, not told. */
  API_INTERNAL: 500,
  /** Of the start, never of a request. */
  API_TLS_UNREADABLE: 503,
  API_TOKEN_INVALID: 503,
} as const;

export type ApiErrorCode = keyof typeof STATUS;

const RETRYABLE: ReadonlySet<ApiErrorCode> = new Set(['SQL_BUSY', 'API_STORE_UNAVAILABLE', 'API_LOG_UNAVAILABLE']);

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** Whether the same request may succeed a little later. */
  readonly retryable: boolean;

  constructor(code: ApiErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = RETRYABLE.has(code);
  }

  get httpStatus(): number {
    return STATUS[this.code];
  }
}

/** Whatever was thrown, as an answer. Only the SQL path can make the store refuse a query: elsewhere that is a bug. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof StoreError && thrown.retryable) {
    return new ApiError('API_STORE_UNAVAILABLE', 'the store cannot answer now; try again', thrown);
  }
  if (thrown instanceof StoreError && thrown.code === 'STORE_TOO_LARGE') {
    return new ApiError('API_QUESTION_TOO_LARGE', 'the answer takes more than the store may use: ask for less', thrown);
  }
  return fromFramework(thrown) ?? new ApiError('API_INTERNAL', 'the request failed for a reason of ours', thrown);
}

/** What fastify itself refuses is the client's fault. */
function fromFramework(thrown: unknown): ApiError | undefined {
  const status = thrown instanceof Error && 'statusCode' in thrown ? thrown.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
  const { message } = thrown as Error;
  return new ApiError(status === 413 ? 'API_BODY_TOO_LARGE' : 'API_REQUEST_INVALID', message, thrown);
}
