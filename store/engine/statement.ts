/**
 * What a statement's text shows before the engine sees it: whether it is one statement, what it begins with, its FORMAT,
 * where the data of an INSERT begins, and whether it reaches for the machine's files in one of the ways that the engine's
 * privileges (config.ts) do not cover.
 */
import { ACCESS_DENIED, SYNTAX_ERROR } from './exceptions.js';
import { type Token, tokens } from './lexer.js';

/** Texts are Latin-1 strings of their bytes (lexer.ts). */
export interface Statement {
  /** Without a trailing semicolon; of an INSERT with data, what comes before its FORMAT or VALUES. */
  readonly text: string;
  /** First word in upper case. */
  readonly verb: string;
  /** What its FORMAT clause says: of the result, or of an INSERT's data. */
  readonly format: string | undefined;
  /** Where the data of an INSERT begins: behind FORMAT and a line break, or behind VALUES. */
  readonly dataAt: number | undefined;
  /** Where `query_id` stands, in order. */
  readonly queryIdsAt: readonly number[];
  /** A SETTINGS clause, of the statement or of anything in it. */
  readonly hasSettings: boolean;
}

/** Throws where the server would not accept the text, or this one does not allow it. */
export function parseStatement(text: string): Statement {
  const seen = new SeenTokens();
  for (const token of tokens(text)) {
    seen.add(token);
    const clause = seen.dataClause();
    if (clause !== undefined) return insertWithData(text, seen, clause);
  }
  if (seen.verb === '') throw SYNTAX_ERROR('Syntax error: Empty query');
  return {
    text: text.slice(0, seen.end),
    verb: seen.verb,
    format: seen.format,
    dataAt: undefined,
    queryIdsAt: seen.queryIdsAt,
    hasSettings: seen.hasSettings,
  };
}

interface DataClause {
  readonly start: number;
  readonly end: number;
  readonly format: string;
}

function insertWithData(text: string, seen: SeenTokens, clause: DataClause): Statement {
  return {
    text: text.slice(0, clause.start),
    verb: seen.verb,
    format: clause.format,
    dataAt: clause.format === 'Values' ? clause.end : skipLineEnd(text, clause.end),
    queryIdsAt: [],
    hasSettings: seen.hasSettings,
  };
}

/** As ParserInsertQuery does it: blanks and one line break belong to the statement, not to the data. */
function skipLineEnd(text: string, at: number): number {
  return at + (/^[ \t\f]*\r?\n?/.exec(text.slice(at, at + 64))?.[0].length ?? 0);
}

/** Functions and table engines that leave the engine's directory, or start programs, and ask for no privilege. */
const OUTSIDE = new Set(['file', 'executable', 'executablepool', 'embeddedrocksdb']);

/**
 * Functions are called by their name alone, too (APPLY, arrayMap): these names are refused wherever they stand. What a
 * quoted name with escapes says cannot be told here.
 */
function refuseOutside({ kind, text }: Token): void {
  if (kind !== 'word' && kind !== 'name') return;
  if (OUTSIDE.has(text.toLowerCase())) throw ACCESS_DENIED(`Not enough privileges: ${text} is not allowed here`);
  if (kind === 'name' && text.includes('\\')) throw ACCESS_DENIED('Names with escapes are not allowed here');
}

const DEPTHS: ReadonlyMap<string, number> = new Map([
  ['(', 1],
  [')', -1],
]);

/** What has been seen of one statement so far. */
class SeenTokens {
  verb = '';
  format: string | undefined;
  /** Of the last token that belongs to the statement. */
  end = 0;
  readonly queryIdsAt: number[] = [];
  hasSettings = false;
  #depth = 0;
  #hasSelect = false;
  #isInSettings = false;
  #hasEnded = false;
  #last: Token | undefined;
  #beforeLast: Token | undefined;

  add(token: Token): void {
    if (token.kind === 'sign' && token.text === ';') {
      this.#hasEnded = true;
      return;
    }
    if (this.#hasEnded) throw SYNTAX_ERROR('Syntax error (Multi-statements are not allowed)');
    this.end = token.end;
    refuseOutside(token);
    if (token.kind === 'word') this.#addWord(token.text.toUpperCase(), token);
    else if (token.kind === 'sign') this.#depth += DEPTHS.get(token.text) ?? 0;
    if (isSetting(token, this.#last)) this.hasSettings = true;
    this.#beforeLast = this.#last;
    this.#last = token;
  }

  #addWord(word: string, { start, text }: Token): void {
    if (this.verb === '') this.verb = word;
    const previous = upper(this.#last);
    if ((previous === 'INTO' && word === 'OUTFILE') || (previous === 'FROM' && word === 'INFILE')) {
      throw ACCESS_DENIED('Files are not to be read or written here');
    }
    if (word === 'SELECT' || (word === 'WITH' && this.verb === 'INSERT')) this.#hasSelect = true;
    if (this.#depth === 0) this.#addFormat(previous, word, text);
    if (word === 'QUERY_ID') this.queryIdsAt.push(start);
  }

  /** FORMAT and its name end a statement, or only SETTINGS follow. */
  #addFormat(previous: string, word: string, text: string): void {
    if (previous === 'FORMAT') this.format = text;
    else if (word === 'SETTINGS' && this.format !== undefined) this.#isInSettings = true;
    else if (!this.#isInSettings) this.format = undefined;
  }

  /** Behind the last token, of an INSERT that has its data with it. */
  dataClause(): DataClause | undefined {
    const last = this.#last;
    if (this.verb !== 'INSERT' || this.#hasSelect || this.#depth !== 0 || this.#hasEnded) return undefined;
    if (last?.kind !== 'word') return undefined;
    const before = this.#beforeLast;
    if (before !== undefined && upper(before) === 'FORMAT') {
      return { start: before.start, end: last.end, format: last.text };
    }
    return upper(last) === 'VALUES' ? { start: last.start, end: last.end, format: 'Values' } : undefined;
  }
}

/** `SETTINGS name`; of a column of that name FROM and AS may follow. */
function isSetting({ kind, text }: Token, last: Token | undefined): boolean {
  if (upper(last) !== 'SETTINGS') return false;
  return kind === 'name' || (kind === 'word' && !['FROM', 'AS'].includes(text.toUpperCase()));
}

function upper(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toUpperCase() : '';
}

/**
 * The statement that inserts a file's content as if it had come with the statement. `path` has letters, digits and dashes
 * only. SETTINGS stand between the file and its format.
 */
export function insertFromFile({ text, format }: Statement, path: string): string {
  let settingsAt = text.length;
  for (const token of tokens(text)) {
    if (upper(token) === 'SETTINGS') {
      settingsAt = token.start;
      break;
    }
  }
  return `${text.slice(0, settingsAt)} FROM INFILE '${path}' ${text.slice(settingsAt)} FORMAT ${format}`;
}

/** The statement with another expression wherever `query_id` stands. */
export function withQueryId({ text, queryIdsAt }: Statement, expression: string): string {
  let result = '';
  let at = 0;
  for (const start of queryIdsAt) {
    result += text.slice(at, start) + expression;
    at = start + 'query_id'.length;
  }
  return result + text.slice(at);
}
