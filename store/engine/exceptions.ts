/** Exceptions as ClickHouse's HTTP interface words them: body, code header, status. */

export class EngineError extends Error {
  readonly code: number;

  /** `type` is ClickHouse's name of the code: UNKNOWN_TABLE. */
  constructor(code: number, type: string, message: string) {
    super(`Code: ${code}. DB::Exception: ${message}. (${type})`);
    this.code = code;
  }
}

export const BAD_ARGUMENTS = (message: string) => new EngineError(36, 'BAD_ARGUMENTS', message);
export const NOT_IMPLEMENTED = (message: string) => new EngineError(48, 'NOT_IMPLEMENTED', message);
export const SYNTAX_ERROR = (message: string) => new EngineError(62, 'SYNTAX_ERROR', message);
export const UNKNOWN_SETTING = (message: string) => new EngineError(115, 'UNKNOWN_SETTING', message);
export const QUERY_IS_TOO_LARGE = (message: string) => new EngineError(229, 'QUERY_IS_TOO_LARGE', message);
export const READONLY = (message: string) => new EngineError(164, 'READONLY', message);
export const TOO_MANY_QUERIES = (message: string) => new EngineError(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', message);
export const NOT_ENOUGH_SPACE = (message: string) => new EngineError(243, 'NOT_ENOUGH_SPACE', message);
export const QUERY_WAS_CANCELLED = (message: string) => new EngineError(394, 'QUERY_WAS_CANCELLED', message);
export const ACCESS_DENIED = (message: string) => new EngineError(497, 'ACCESS_DENIED', message);
export const AUTHENTICATION_FAILED = (message: string) => new EngineError(516, 'AUTHENTICATION_FAILED', message);

const UNKNOWN_EXCEPTION = 1002;

/** ClickHouse's code of whatever a query threw. */
export function codeOf(error: unknown): number {
  if (error instanceof EngineError) return error.code;
  return Number(/^Code: (\d+)\./.exec(messageOf(error))?.[1] ?? UNKNOWN_EXCEPTION);
}

export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^Code: \d+\./.test(message) ? message : `Code: 1002. DB::Exception: ${message}. (UNKNOWN_EXCEPTION)`;
}

const NOT_FOUND = new Set([46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511]);
const BAD_REQUEST = new Set([
  6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676,
]);
const OTHERS: ReadonlyMap<number, number> = new Map([
  [192, 403],
  [193, 403],
  [194, 401],
  [512, 403],
  [516, 403],
  [48, 501],
  [229, 413],
  [381, 411],
  [159, 408],
  [76, 503],
  [209, 503],
  [439, 503],
  // The server says 500; whoever knows only HTTP should come again, too.
  [202, 503],
  [243, 503],
]);

/** HTTP status by code, after ClickHouse's exceptionCodeToHTTPStatus. */
export function statusOf(code: number): number {
  if (NOT_FOUND.has(code)) return 404;
  if (BAD_REQUEST.has(code)) return 400;
  return OTHERS.get(code) ?? 500;
}
