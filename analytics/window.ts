/** Which half-open interval of trace ends a question is about. */
import { formatShortInstant, NS_PER_MINUTE, NS_PER_MS } from '../schemas/index.js';
import { ApiError } from './errors.js';

export interface Window {
  /** Inclusive, epoch nanoseconds. */
  readonly fromNs: bigint;
  /** Exclusive. */
  readonly toNs: bigint;
}

/** As `WINDOW` in schemas/api-parameters.ts yields them; nanoseconds. */
export interface WindowParameters {
  readonly window?: bigint | undefined;
  readonly at?: bigint | undefined;
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
}

const DEFAULT_WINDOW_NS = 5n * NS_PER_MINUTE;

/** `window` before `at`, or `from` to `to`; what is not given: five minutes, now. Throws an ApiError on contradictions. */
export function windowOf(parameters: WindowParameters, nowMs: number): Window {
  const { window, at, from, to } = parameters;
  if (at !== undefined && to !== undefined) refuse('give at or to, not both: they are the same');
  if (window !== undefined && from !== undefined) refuse('give window (before at) or from (with to), not both');
  const toNs = at ?? to ?? BigInt(Math.trunc(nowMs)) * NS_PER_MS;
  const fromNs = from ?? largest(0n, toNs - (window ?? DEFAULT_WINDOW_NS));
  if (fromNs >= toNs) {
    refuse(
      `from (${formatShortInstant(fromNs)}) must be before ${to === undefined && at === undefined ? 'now' : 'to'} (${formatShortInstant(toNs)})`,
    );
  }
  return { fromNs, toNs };
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function refuse(message: string): never {
  throw new ApiError('API_PARAMETER_INVALID', message);
}

export function windowAnswer({ fromNs, toNs }: Window): { from: string; to: string } {
  return { from: formatShortInstant(fromNs), to: formatShortInstant(toNs) };
}
