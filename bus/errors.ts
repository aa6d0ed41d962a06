export type BusErrorCode =
  | 'BUS_FULL'
  | 'BUS_UNAVAILABLE'
  | 'BUS_CLOSED'
  | 'BUS_CONFLICT'
  | 'BUS_CORRUPT'
  | 'BUS_NOT_INSTALLED'
  | 'BUS_REFUSED'
  | 'BUS_CRASHED';

/** What each code means is listed in docs/errors.md. */
export class BusError extends Error {
  override readonly name = 'BusError';
  readonly code: BusErrorCode;
  /** Whether the same call may succeed later without anyone changing the request. */
  readonly retryable: boolean;

  constructor(code: BusErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? (code === 'BUS_FULL' || code === 'BUS_UNAVAILABLE');
  }
}
