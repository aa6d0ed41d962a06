/** Passing over what nobody asked for: unknown fields, and values nested too deeply. */
import {
  accept,
  acceptWord,
  Char,
  expect,
  failJson,
  type JsonCursor,
  peek,
  readNumber,
  readString,
} from './json-cursor.js';

const FIRST_STACK = 64;

/** Checks and passes over one value of any depth, without recursion: a stack of one byte a level holds its closers. */
export function skipValue(cursor: JsonCursor): void {
  let closers = new Uint8Array(FIRST_STACK);
  let depth = 0;
  do {
    const opened = beginValue(cursor);
    if (opened !== 0) {
      if (depth === closers.length) closers = doubled(closers);
      closers[depth++] = opened;
      if (!accept(cursor, opened)) {
        if (opened === Char.CLOSE_BRACE) readKey(cursor);
        continue;
      }
      depth--;
    }
    depth = endValues(cursor, closers, depth);
  } while (depth > 0);
}

/** Passes over a scalar (0), or over the opening of an array or object and answers what closes it. */
function beginValue(cursor: JsonCursor): number {
  const char = peek(cursor);
  if (char === Char.QUOTE) readString(cursor);
  else if (accept(cursor, Char.OPEN_BRACE)) return Char.CLOSE_BRACE;
  else if (accept(cursor, Char.OPEN_BRACKET)) return Char.CLOSE_BRACKET;
  else if (!acceptWord(cursor, 'true') && !acceptWord(cursor, 'false') && !acceptWord(cursor, 'null')) {
    if (char !== 0x2d && (char < 0x30 || char > 0x39)) failJson(cursor, 'expected a value');
    readNumber(cursor);
  }
  return 0;
}

/** After a value: up to the next one (comma and key), or out of what it was the last of. Answers the depth then. */
function endValues(cursor: JsonCursor, closers: Uint8Array, depth: number): number {
  let left = depth;
  while (left > 0) {
    const closer = closers[left - 1];
    if (accept(cursor, Char.COMMA)) {
      if (closer === Char.CLOSE_BRACE) readKey(cursor);
      return left;
    }
    expect(cursor, closer);
    left--;
  }
  return left;
}

function readKey(cursor: JsonCursor): void {
  readString(cursor);
  expect(cursor, Char.COLON);
}

function doubled(stack: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(stack.length * 2);
  larger.set(stack);
  return larger;
}
