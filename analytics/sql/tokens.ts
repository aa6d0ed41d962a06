/**
 * Cuts a SELECT into tokens as ClickHouse's lexer does, and refuses whatever its versions might read differently
 * (nested comments, heredocs, typographic quotes): only a text both of us cut alike can be judged.
 */
import { ApiError } from '../errors.js';

export interface Token {
  /** `name` is an unquoted word, which may be a keyword; `quoted` a quoted identifier, never one. */
  readonly kind: 'name' | 'quoted' | 'string' | 'number' | 'symbol';
  /** As written; of a quoted identifier what is between the quotes. */
  readonly text: string;
  /** Of a name: in capitals. Else ''. */
  readonly keyword: string;
  readonly end: number;
}

const SPACE = /[ \t\n\r\f\v]+/y;
const LINE_COMMENT = /--[^\n]*|#[ !][^\n]*/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|0[bB][01]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING = /'(?:[^'\\]|\\[\s\S]|'')*'/y;
const QUOTED = /"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`\\]|\\[\s\S]|``)*`/y;
const SYMBOL = /->|::|<=>|<=|>=|<>|!=|==|\|\||[()[\]{},.;:+\-*/%=<>?|^&@]/y;

export function tokensOf(sql: string): Token[] {
  if (sql.includes('\0')) throw refusal('the query holds a NUL character');
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const skipped = match(SPACE, sql, at) ?? match(LINE_COMMENT, sql, at) ?? blockComment(sql, at);
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    const token = tokenAt(sql, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** Whether the token is this symbol (and not a quoted name that looks like it). */
export function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

export function isIdentifier(token: Token | undefined): boolean {
  return token?.kind === 'name' || token?.kind === 'quoted';
}

export function refusal(message: string): ApiError {
  return new ApiError('SQL_REFUSED', message);
}

function match(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

function blockComment(sql: string, at: number): string | undefined {
  if (!sql.startsWith('/*', at)) return undefined;
  const end = sql.indexOf('*/', at + 2);
  if (end < 0) throw refusal('a comment /* is not closed');
  const comment = sql.slice(at, end + 2);
  // Some versions nest them, others do not.
  if (comment.includes('/*', 2)) throw refusal('a comment must not hold another /*');
  return comment;
}

function tokenAt(sql: string, at: number): Token {
  const name = match(NAME, sql, at);
  if (name !== undefined) return { kind: 'name', text: name, keyword: name.toUpperCase(), end: at + name.length };
  const string = match(STRING, sql, at);
  if (string !== undefined) return plain('string', string, at);
  const quoted = match(QUOTED, sql, at);
  if (quoted !== undefined) return quotedIdentifier(quoted, at);
  const number = match(NUMBER, sql, at);
  if (number !== undefined) return numberToken(number, sql, at);
  const symbol = match(SYMBOL, sql, at);
  if (symbol !== undefined) return plain('symbol', symbol, at);
  throw unreadable(sql, at);
}

function plain(kind: Token['kind'], text: string, at: number): Token {
  return { kind, text, keyword: '', end: at + text.length };
}

/** ClickHouse takes `1from` for one name, we for two tokens. */
function numberToken(number: string, sql: string, at: number): Token {
  const next = sql[at + number.length] ?? '';
  if (/\w/.test(next)) throw refusal(`put a space between ${number} and ${next}`);
  return plain('number', number, at);
}

/** A name that needs escapes is none of ours: it is not worth understanding them. */
function quotedIdentifier(quoted: string, at: number): Token {
  const text = quoted.slice(1, -1);
  if (/[\\`"]/.test(text)) throw refusal(`the quoted name ${quoted} holds a quote or a backslash`);
  return { kind: 'quoted', text, keyword: '', end: at + quoted.length };
}

function unreadable(sql: string, at: number): ApiError {
  const character = String.fromCodePoint(sql.codePointAt(at) ?? 0);
  if (character === '$') return refusal('$ and heredocs are not accepted: write strings in single quotes');
  if (/['"`]/.test(character)) return refusal(`a ${character} is not closed`);
  return refusal(`the character ${JSON.stringify(character)} may only stand in quotes`);
}
