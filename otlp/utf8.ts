/**
 * UTF-8 as strangers send it. Valid text is passed on byte for byte; invalid sequences become U+FFFD exactly as the
 * WHATWG decoder replaces them (checklist 22); NUL is text like any other.
 */

// A leading U+FEFF is part of the text here, so the decoder must not swallow it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** The text in `bytes[start, end)`, invalid sequences replaced. Allocates: not for the hot path. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** UTF-8 of `text`; lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The bytes of `bytes[start, end)` with invalid sequences replaced. Allocates; up to three times as long. */
export function repairUtf8(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return encodeUtf8(decodeUtf8(bytes, start, end));
}

/** Well-formed UTF-8 (Unicode, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF. */
export function isValidUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++];
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const length = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + length > end) return false;
    const second = bytes[at++];
    if ((second & 0xc0) !== 0x80) return false;
    if (lead === 0xe0 ? second < 0xa0 : lead === 0xed && second > 0x9f) return false;
    if (lead === 0xf0 ? second < 0x90 : lead === 0xf4 && second > 0x8f) return false;
    for (const last = at + length - 1; at < last; at++) {
      if ((bytes[at] & 0xc0) !== 0x80) return false;
    }
  }
  return true;
}

/**
 * Where to end text that starts at `start` and goes on beyond `end`, so that no character is split. In bytes that are
 * no UTF-8 the cut is at `end` itself.
 */
export function cutUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  const lowest = Math.max(start, end - 3);
  while (at > lowest && (bytes[at] & 0xc0) === 0x80) at--;
  // Nothing but continuation bytes: not a character at all.
  return (bytes[at] & 0xc0) === 0x80 ? end : at;
}
