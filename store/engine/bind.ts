/**
 * Puts the values of parameters into a statement's text. Set before it they would be a statement of their own, whose way
 * through the engine's threads and back is a tenth of a small question. What stands there then is what the engine itself
 * makes of them (ReplaceQueryParameterVisitor); values and types that need more than that are left to it.
 */
import { type Token, tokens } from './lexer.js';
import { isParameter, PARAMETER, quote } from './settings.js';

export interface BoundStatement {
  readonly sql: string;
  readonly settings: ReadonlyMap<string, string>;
}

/** Both as they are where something in them is left to the engine. */
export function bindParameters(sql: string, settings: ReadonlyMap<string, string>): BoundStatement {
  const unbound = { sql, settings };
  if (![...settings.keys()].some(isParameter)) return unbound;
  let bound = '';
  let at = 0;
  for (const { name, type, start, end } of placeholders([...tokens(sql)])) {
    const value = settings.get(PARAMETER + name);
    // Whoever asks hears of it from the engine.
    if (value === undefined) return unbound;
    const literal = literalOf(type, value);
    if (literal === undefined) return unbound;
    bound += sql.slice(at, start) + literal;
    at = end;
  }
  return { sql: bound + sql.slice(at), settings: new Map([...settings].filter(([name]) => !isParameter(name))) };
}

interface Placeholder {
  readonly name: string;
  /** '' where it is more than a name. */
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** `{name:Type}`: nothing else in ClickHouse's language begins with a brace, a word and a colon. */
function* placeholders(all: readonly Token[]): Generator<Placeholder> {
  const isSign = (token: Token | undefined, text: string) => token?.kind === 'sign' && token.text === text;
  for (const [index, first] of all.entries()) {
    if (!isSign(first, '{')) continue;
    const [name, colon, type, last] = all.slice(index + 1, index + 5);
    if (name?.kind !== 'word' || !isSign(colon, ':') || type === undefined) continue;
    const isName = type.kind === 'word' && isSign(last, '}');
    yield { name: name.text, type: isName ? type.text : '', start: first.start, end: isName ? last.end : type.end };
  }
}

/** Values come escaped as in tab-separated text: a backslash, and what would have to be behind one, is the engine's. */
const PLAIN_TEXT = /^[^\\\t\n\r\0]*$/;
/** As they are written out, and with no more digits than every number of the type may have. */
const PLAIN_INTEGERS: ReadonlyMap<string, RegExp> = new Map([
  ['UInt8', /^(0|[1-9]\d?)$/],
  ['UInt16', /^(0|[1-9]\d{0,3})$/],
  ['UInt32', /^(0|[1-9]\d{0,8})$/],
  ['UInt64', /^(0|[1-9]\d{0,18})$/],
  ['Int64', /^(0|-?[1-9]\d{0,17})$/],
]);

function literalOf(type: string, value: string): string | undefined {
  if (type === 'String') return PLAIN_TEXT.test(value) ? quote(value) : undefined;
  return PLAIN_INTEGERS.get(type)?.test(value) ? `_CAST(${value}, '${type}')` : undefined;
}
