/**
 * Where a page of traces ended: the window of the first page, the last trace given, and a digest of the filters, so that
 * a cursor is not continued under others. Opaque to clients; base64url of JSON.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TracePosition } from '../store/index.js';
import { ApiError } from './errors.js';
import type { Window } from './window.js';

const nanoseconds = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt);
const CursorText = z.tuple([nanoseconds, nanoseconds, nanoseconds, z.string().regex(/^[0-9a-f]{32}$/), z.string()]);

export interface TraceCursor {
  readonly window: Window;
  readonly after: TracePosition;
}

/** `filters` is whatever must stay the same from page to page. */
export function formatCursor({ window, after }: TraceCursor, filters: unknown): string {
  const parts = [window.fromNs, window.toNs, after.endNs, after.traceId, digestOf(filters)];
  return Buffer.from(JSON.stringify(parts.map(String))).toString('base64url');
}

export function parseCursor(text: string, filters: unknown): TraceCursor {
  const [fromNs, toNs, endNs, traceId, digest] = decode(text);
  if (digest !== digestOf(filters)) {
    throw new ApiError('API_PARAMETER_INVALID', 'cursor: it belongs to other filters; repeat those of the first page');
  }
  return { window: { fromNs, toNs }, after: { endNs, traceId } };
}

function decode(text: string): z.output<typeof CursorText> {
  try {
    return CursorText.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch {
    throw new ApiError('API_PARAMETER_INVALID', `cursor: '${text}' is not valid: give next_cursor of the page before`);
  }
}

function digestOf(filters: unknown): string {
  const text = JSON.stringify(filters, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}
