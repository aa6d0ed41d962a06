/**
 * What a statement's text shows before the engine sees it: whether it is one statement, what it begins with, its FORMAT
 * clause, and whether it reaches outside the database. Strings, quoted names and comments are blanked first, so nothing
 * in them counts.
 */
import { ACCESS_DENIED, SYNTAX_ERROR } from './exceptions.js';

export interface Statement {
  /** Without a trailing semicolon. */
  readonly text: string;
  /** The same length as `text`, with strings, quoted names and comments blanked. */
  readonly bare: string;
  /** First word in upper case. */
  readonly verb: string;
  /** Name after a FORMAT clause that ends the statement. */
  readonly format: string | undefined;
}

const QUOTED =
  /'(?:[^'\\]|\\[\s\S]|'')*'|`(?:[^`\\]|\\[\s\S]|``)*`|"(?:[^"\\]|\\[\s\S]|"")*"|--[^\n]*|#[! ][^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1/g;

/** Functions that read or write what is not in the database: the machine's files, other servers, programs. */
const OUTSIDE =
  /\b(file|fileCluster|url|urlCluster|s3\w*|gcs|oss|cosn|azureBlobStorage\w*|hdfs\w*|remote|remoteSecure|cluster|clusterAllReplicas|mysql|postgresql|mongodb|redis|sqlite|odbc|jdbc|executable|python|input|arrowFlight|deltaLake\w*|iceberg\w*|hudi\w*|paimon\w*|ytsaurus)\s*\(/i;

/** Throws where the server would not accept the text, or this one does not allow it. */
export function parseStatement(query: string): Statement {
  const blanked = query.replace(QUOTED, match => match.replace(/[^\n]/g, ' '));
  const end = blanked.replace(/[\s;]+$/, '').length;
  const bare = blanked.slice(0, end);
  if (bare.trim() === '') throw SYNTAX_ERROR('Empty query');
  const verb = (/[A-Za-z]+/.exec(bare)?.[0] ?? '').toUpperCase();
  // What follows VALUES is data, which the engine reads by its own rules.
  const head = verb === 'INSERT' ? bare.split(/\bVALUES\b/i, 1)[0] : bare;
  if (head.includes(';')) throw SYNTAX_ERROR('Syntax error (Multi-statements are not allowed)');
  if (/\bINTO\s+OUTFILE\b|\bFROM\s+INFILE\b/i.test(head)) throw ACCESS_DENIED('files are not to be read or written');
  const outside = OUTSIDE.exec(head)?.[1];
  if (outside !== undefined) throw ACCESS_DENIED(`the table function ${outside} is not allowed`);
  return { text: query.slice(0, end), bare, verb, format: /\bFORMAT\s+(\w+)\s*$/i.exec(head)?.[1] };
}

/** The statement that inserts a file's content as if it had come with the statement: its data in its format. */
export function insertFromFile(statement: Statement, path: string): string {
  const { text, bare, format } = statement;
  const values = /\bVALUES\s*$/i.exec(bare);
  const clause = /\bFORMAT\s+\w+\s*$/i.exec(bare) ?? values;
  if (clause === null) throw SYNTAX_ERROR('an INSERT whose data comes in the body ends with FORMAT and a name');
  const head = text.slice(0, clause.index);
  const settings = /\bSETTINGS\b/i.exec(bare.slice(0, clause.index));
  const into = settings === null ? head : head.slice(0, settings.index);
  const rest = settings === null ? '' : head.slice(settings.index);
  return `${into} FROM INFILE '${path}' ${rest} FORMAT ${values === null ? format : 'Values'}`;
}
