export type OtlpErrorCode = 'OTLP_UNDECODABLE';

/** A body that is no OTLP. `message` names the place and is fit to be sent to the exporter: it quotes no payload. */
export class OtlpDecodeError extends Error {
  override readonly name = 'OtlpDecodeError';
  readonly code: OtlpErrorCode = 'OTLP_UNDECODABLE';
  /** The same body never becomes decodable. */
  readonly retryable = false;

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
}
