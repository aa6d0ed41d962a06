/**
 * Takes a statement apart, so that nothing in quotes and comments counts when the rest is looked at. Follows ClickHouse's
 * Lexer; where following it would take more than is worth it (dollar quotes, typographic quotes, spaces
 * beyond ASCII) the text is refused, because a difference between the two would let a second statement slip through.
 *
 * Texts are Latin-1 strings here: one character a byte, so offsets count bytes and binary data may follow.
 */
import { SYNTAX_ERROR } from './exceptions.js';

export interface Token {
  readonly kind: 'word' | 'sign' | 'name' | 'string';
  /** Of a word or sign; of what is quoted what lies between its quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Quoted text ends at its quote, unless that is doubled or follows a backslash. */
const QUOTED: ReadonlyMap<string, RegExp> = new Map([
  ["'", /'(?:[^'\\]|\\[\s\S]|'')*'/y],
  ['"', /"(?:[^"\\]|\\[\s\S]|"")*"/y],
  ['`', /`(?:[^`\\]|\\[\s\S]|``)*`/y],
]);
const NEXT = /--[^\n]*|\/\/[^\n]*|#[ !][^\n]*|\/\*|['"`]|\w+|[^\s\w]/g;

/** One token after the other, without comments. Throws where the text could be read in two ways. */
export function* tokens(text: string): Generator<Token> {
  const next = new RegExp(NEXT);
  for (let match = next.exec(text); match !== null; match = next.exec(text)) {
    const [token] = match;
    const start = match.index;
    if (token === '/*') next.lastIndex = endOfComment(text, start);
    else if (QUOTED.has(token)) {
      const end = endOfQuoted(text, start);
      next.lastIndex = end;
      yield { kind: token === "'" ? 'string' : 'name', text: text.slice(start + 1, end - 1), start, end };
    } else if (/^\w/.test(token)) yield { kind: 'word', text: token, start, end: next.lastIndex };
    else if (token.length === 1) {
      requireUsual(token);
      yield { kind: 'sign', text: token, start, end: next.lastIndex };
    }
  }
}

function endOfQuoted(text: string, start: number): number {
  // A new object: tokenizers take turns.
  const quoted = new RegExp(QUOTED.get(text[start]) ?? /$/y);
  quoted.lastIndex = start;
  if (!quoted.test(text)) throw SYNTAX_ERROR(`Quoted text is not closed: failed at position ${start + 1}`);
  return quoted.lastIndex;
}

/** Comments nest. */
function endOfComment(text: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  for (let depth = 0, match = mark.exec(text); match !== null; match = mark.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  throw SYNTAX_ERROR(`Multiline comment is not closed: failed at position ${start + 1}`);
}

function requireUsual(sign: string): void {
  if (sign === '$') throw SYNTAX_ERROR('Syntax error: $ outside quotes is not supported here');
  if (sign < ' ' || sign > '~') throw SYNTAX_ERROR('Syntax error: outside quotes only ASCII is supported here');
}
