/** Strings of the payload into a dictionary, made valid and short enough on the way. */

import type { Dictionary } from './dictionary.js';
import type { ReadNotes } from './limits.js';
import type { PayloadCursor } from './payload-cursor.js';
import { SpanFlag } from './span-block.js';
import { cutUtf8, isValidUtf8, repairUtf8 } from './utf8.js';

/**
 * Index of the payload's text in [start, end). What is in the dictionary is valid, so only text that is new to it has
 * to be checked.
 */
export function internText(
  dictionary: Dictionary,
  cursor: PayloadCursor,
  start: number,
  end: number,
  maxBytes: number,
  notes: ReadNotes,
): number {
  let last = end;
  if (end - start > maxBytes) {
    notes.flags |= SpanFlag.ATTRIBUTES_CUT;
    last = cutUtf8(cursor.bytes, start, start + maxBytes);
  }
  const found = dictionary.find(cursor.bytes, cursor.view, start, last);
  if (found >= 0) return found;
  if (isValidUtf8(cursor.bytes, start, last)) return dictionary.add(cursor.bytes, start, last);
  notes.flags |= SpanFlag.INVALID_UTF8;
  const repaired = repairUtf8(cursor.bytes, start, last);
  return dictionary.intern(repaired, 0, repaired.length > maxBytes ? cutUtf8(repaired, 0, maxBytes) : repaired.length);
}
