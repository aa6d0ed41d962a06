/**
 * Whether a text is one SELECT over the public tables. ClickHouse enforces on its own that nothing is written and that
 * limits hold (run.ts); this keeps out what it would allow: several statements, INTO OUTFILE, other tables, and
 * functions that reach beyond the tables.
 *
 * Names that are private are refused wherever they stand; what stands where a table is read (walk.ts) must be public.
 */
import { HIDDEN_TABLES, PUBLIC_TABLES } from '../../schemas/index.js';
import { isForbiddenFunction, PRIVATE_DATABASES, PRIVATE_TABLES } from './public-names.js';
import { isIdentifier, isSymbol, refusal, type Token, tokensOf } from './tokens.js';
import { walkTables } from './walk.js';

/** Returns the query without a closing semicolon or anything behind its last token. Throws an ApiError SQL_REFUSED. */
export function checkedSelect(sql: string, database: string): string {
  const tokens = tokensOf(sql);
  while (isSymbol(tokens.at(-1), ';')) tokens.pop();
  if (tokens.length === 0) throw refusal('the body is empty: give one SELECT');
  requireSelect(tokens);
  for (const [index, token] of tokens.entries()) {
    if (isSymbol(token, ';')) throw refusal('only one statement is accepted');
    refuseClause(token, tokens[index + 1]);
    if (isIdentifier(token)) refuseName(tokens, index);
  }
  walkTables(tokens, { database, tables: new Set([...PUBLIC_TABLES, ...tablesDefinedIn(tokens)]) });
  return sql.slice(0, tokens[tokens.length - 1].end);
}

const HIDDEN: ReadonlySet<string> = new Set(HIDDEN_TABLES);

function requireSelect(tokens: readonly Token[]): void {
  const first = tokens.find(token => !isSymbol(token, '('));
  if (first?.keyword === 'SELECT' || first?.keyword === 'WITH') return;
  throw refusal(`only a SELECT (or WITH … SELECT) is accepted, not ${first?.text ?? '('}`);
}

const CLAUSES: ReadonlyMap<string, string> = new Map([
  ['INTO', 'INTO OUTFILE is not accepted: the answer is sent to you'],
  ['OUTFILE', 'INTO OUTFILE is not accepted: the answer is sent to you'],
  ['FORMAT', 'a FORMAT clause is not accepted: give ?format=CSV (and so on) in the URL'],
  ['SETTINGS', 'a SETTINGS clause is not accepted: the limits of a query are fixed'],
]);

function refuseClause(token: Token, next: Token | undefined): void {
  const why = CLAUSES.get(token.keyword);
  if (why === undefined || (token.keyword === 'FORMAT' && isSymbol(next, '('))) return;
  throw refusal(`${why} (as a name, put ${token.text} in double quotes)`);
}

function refuseName(tokens: readonly Token[], index: number): void {
  const { text } = tokens[index];
  const next = tokens[index + 1];
  if (PRIVATE_TABLES.has(text) || HIDDEN.has(text)) {
    throw refusal(`${text} is not a public table, and its name is taken`);
  }
  if (isSymbol(next, '.') && PRIVATE_DATABASES.has(text.toLowerCase())) {
    throw refusal(`the database ${text} is not public`);
  }
  // Called or not: functions are passed by name, as in `arrayMap(file, …)` and `* APPLY file`.
  if (!isSymbol(tokens[index - 1], '.') && isForbiddenFunction(text)) {
    throw refusal(`the name ${text} is not accepted: as a function it reaches beyond the public tables`);
  }
}

/** Names that WITH gives to subqueries: `name AS (SELECT …)`, wherever it stands. */
function tablesDefinedIn(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token, index) => {
    if (!isIdentifier(token) || tokens[index + 1]?.keyword !== 'AS') return [];
    const open = tokens[index + 2]?.keyword === 'MATERIALIZED' ? index + 3 : index + 2;
    const first = tokens[open + 1];
    const isQuery = isSymbol(first, '(') || ['SELECT', 'WITH', 'FROM'].includes(first?.keyword ?? '');
    return isSymbol(tokens[open], '(') && isQuery ? [token.text] : [];
  });
}
