/**
 * Finds what stands where a table is read, and requires it to be a known one. It walks the tokens with a stack of
 * parentheses and knows of each whether a table comes next. Where a text could be read in two ways it takes the one
 * that refuses more.
 */
import { PUBLIC_TABLES } from '../../schemas/index.js';
import { TABLE_FUNCTIONS } from './public-names.js';
import { isIdentifier, isSymbol, refusal, type Token } from './tokens.js';

const PUBLIC: ReadonlySet<string> = new Set(PUBLIC_TABLES);

export interface Scope {
  /** Ours: tables may be qualified with it. */
  readonly database: string;
  /** Tables, views and names of WITH. */
  readonly tables: ReadonlySet<string>;
}

/** Throws an ApiError SQL_REFUSED. */
export function walkTables(tokens: readonly Token[], scope: Scope): void {
  new Walk(tokens, scope).run();
}

/** Words after which a comma brings no further table, where they open a clause. */
const ENDS_TABLES: ReadonlySet<string> = new Set(
  'WHERE PREWHERE GROUP HAVING ORDER LIMIT OFFSET FETCH UNION INTERSECT EXCEPT WINDOW QUALIFY SELECT WITH'.split(' '),
);

/** Functions in whose arguments FROM is no clause: trim(BOTH ' ' FROM x). */
const FROM_IN_ARGUMENTS: ReadonlySet<string> = new Set(
  'TRIM LTRIM RTRIM EXTRACT SUBSTRING SUBSTR MID OVERLAY'.split(' '),
);

/** IN and its forms as functions: a name among their arguments may be that of a table. */
const SET_OPERATOR = /^(GLOBAL)?(NOT)?(NULL)?IN(IGNORESET)?$/;

const BEGINS_QUERY: ReadonlySet<string> = new Set(['SELECT', 'WITH', 'FROM']);

interface Parenthesis {
  /** The word before it, in capitals: a function's name, or ''. */
  readonly before: string;
  /** Whether it holds the set of an IN. */
  readonly isSet: boolean;
  /** Whether what stands next is a table. */
  expectsTable: boolean;
  /** Whether a comma brings another table. */
  inTables: boolean;
  hasSelect: boolean;
}

class Walk {
  readonly #tokens: readonly Token[];
  readonly #scope: Scope;
  readonly #stack: Parenthesis[] = [];
  #at = 0;

  constructor(tokens: readonly Token[], scope: Scope) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  run(): void {
    this.#push('', false, false);
    while (this.#at < this.#tokens.length) this.#step();
    if (this.#stack.length !== 1) throw refusal('a parenthesis is not closed');
    if (this.#stack[0].expectsTable) throw refusal('a table is missing at the end');
  }

  #push(before: string, isSet: boolean, expectsTable: boolean): void {
    this.#stack.push({ before, isSet, expectsTable, inTables: expectsTable, hasSelect: false });
  }

  #step(): void {
    const token = this.#tokens[this.#at];
    const here = this.#stack[this.#stack.length - 1];
    if (token.kind === 'symbol') this.#symbol(token, here);
    else if (here.expectsTable && !BEGINS_QUERY.has(token.keyword)) this.#table(here);
    else if (isIdentifier(token)) this.#word(token, here);
    else this.#at++;
  }

  #symbol(token: Token, here: Parenthesis): void {
    if (token.text === '(') this.#open(here);
    else if (token.text === ')') this.#close(here);
    else if (here.expectsTable) throw refusal(`a table is expected where ${token.text} stands`);
    else if (token.text === ',' && here.inTables) here.expectsTable = true;
    this.#at++;
  }

  #open(here: Parenthesis): void {
    const before = this.#tokens[this.#at - 1];
    const isInner = here.isSet && (isSymbol(before, '(') || isSymbol(before, ','));
    const isSet = isInner || (isIdentifier(before) && SET_OPERATOR.test(before.text.toUpperCase()));
    this.#push(before?.keyword ?? '', isSet, here.expectsTable);
    here.expectsTable = false;
  }

  #close(here: Parenthesis): void {
    if (here.expectsTable) throw refusal('a table is missing before )');
    this.#stack.pop();
    if (this.#stack.length === 0) throw refusal('a parenthesis is closed that was not opened');
  }

  #word(token: Token, here: Parenthesis): void {
    const before = this.#tokens[this.#at - 1];
    const mayBeTable = here.isSet && !here.hasSelect && (isSymbol(before, '(') || isSymbol(before, ','));
    if (mayBeTable && !BEGINS_QUERY.has(token.keyword)) this.#memberOfSet();
    this.#at++;
    // A part of a dotted name is no keyword.
    if (!isSymbol(before, '.')) this.#keyword(token.keyword, before, here);
  }

  #keyword(keyword: string, before: Token | undefined, here: Parenthesis): void {
    if (keyword === 'SELECT') here.hasSelect = true;
    if (keyword === 'FROM') {
      if (!here.hasSelect && FROM_IN_ARGUMENTS.has(here.before)) return;
      here.expectsTable = true;
      here.inTables = true;
    } else if (keyword === 'JOIN') {
      // ARRAY JOIN unfolds expressions.
      const isOfTables = before?.keyword !== 'ARRAY';
      here.expectsTable = isOfTables;
      here.inTables = isOfTables;
    } else if (ENDS_TABLES.has(keyword)) {
      here.expectsTable = false;
      here.inTables = false;
    } else if (SET_OPERATOR.test(keyword) && isIdentifier(this.#tokens[this.#at])) {
      this.#memberOfSet();
    }
  }

  /** `x IN name`, `x IN (name)`, `in(x, name)`: a table, unless an operator or a call makes it an expression. */
  #memberOfSet(): void {
    const { end, parts } = this.#nameAt(this.#at);
    const after = this.#tokens[end];
    const isExpression = after?.kind === 'symbol' && ![',', ')', ';'].includes(after.text);
    if (!isExpression) this.#requireTable(parts);
  }

  #table(here: Parenthesis): void {
    const token = this.#tokens[this.#at];
    if (!isIdentifier(token)) throw refusal(`a table is expected where ${token.text} stands`);
    const { end, parts } = this.#nameAt(this.#at);
    here.expectsTable = false;
    this.#at = end;
    if (!isSymbol(this.#tokens[end], '(')) this.#requireTable(parts);
    else if (parts.length > 1 || !TABLE_FUNCTIONS.has(parts[0])) {
      const accepted = [...TABLE_FUNCTIONS].join(', ');
      throw refusal(`the table function ${parts.join('.')} is not accepted; there are: ${accepted}`);
    }
  }

  /** The dotted name that begins at `at`. */
  #nameAt(at: number): { end: number; parts: string[] } {
    const parts = [this.#tokens[at].text];
    let end = at + 1;
    while (isSymbol(this.#tokens[end], '.') && isIdentifier(this.#tokens[end + 1])) {
      parts.push(this.#tokens[end + 1].text);
      end += 2;
    }
    return { end, parts };
  }

  #requireTable(parts: readonly string[]): void {
    const { database, tables } = this.#scope;
    const isPlain = parts.length === 1 && tables.has(parts[0]);
    // A qualified name is never that of a WITH.
    const isQualified = parts.length === 2 && parts[0] === database && PUBLIC.has(parts[1]);
    if (isPlain || isQualified) return;
    const functions = [...TABLE_FUNCTIONS].map(name => `${name}(…)`).join(', ');
    throw refusal(
      `${parts.join('.')} is not a public table; there are: ${[...PUBLIC_TABLES].join(', ')}, and ${functions}`,
    );
  }
}
