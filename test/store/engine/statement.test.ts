import { describe, expect, it } from 'vitest';
import { insertFromFile, parseStatement, withQueryId } from '../../../store/engine/statement.js';

const dataOf = (text: string) => text.slice(parseStatement(text).dataAt);

describe('one statement', () => {
  it('ends before a trailing semicolon and may have comments behind it', () => {
    expect(parseStatement('SELECT 1 ; -- done\n;').text).toBe('SELECT 1');
  });

  it('may have semicolons in strings, names and comments', () => {
    const text = `SELECT ';', 'a\\';', 'b'';' AS \`;\`, 1 AS ";" /* ; /* ; */ ; */ -- ;\n, 2 // ;\n, 3 # ;\n`;
    expect(parseStatement(text).verb).toBe('SELECT');
  });

  it.each([
    'SELECT 1; SELECT 2',
    "SELECT '\\'; SELECT 2'; SELECT 3",
    'SELECT 1 /* /* */ ; */; SELECT 2',
    "SELECT 1 /* /* */ ' */ ; DROP TABLE t -- '",
    'SELECT 1 -- \n; SELECT 2',
    'INSERT INTO t SELECT 1; DROP TABLE t',
  ])('is not two: %s', text => {
    expect(() => parseStatement(text)).toThrow(/Code: 62\..*Multi-statements are not allowed/);
  });

  it.each([
    ["SELECT 'open", /not closed/],
    ['SELECT 1 /* open', /not closed/],
    ['SELECT /* /* */ 1', /not closed/],
    ['SELECT $$a$$', /\$ outside quotes/],
    ['SELECT \xe2\x80\x98a\xe2\x80\x99', /only ASCII/],
    ['SELECT 1\0', /only ASCII/],
    [' -- nothing\n;', /Empty query/],
  ])('is refused where it could be read in two ways: %s', (text, reason) => {
    expect(() => parseStatement(text)).toThrow(reason);
  });
});

describe('the machine’s files', () => {
  it.each([
    "SELECT 1 INTO OUTFILE '/tmp/a'",
    "SELECT 1 into/**/outfile '/tmp/a'",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
    "SELECT file('/etc/passwd')",
    "SELECT FILE /* */ ('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    'SELECT "f\\x69le"(\'/etc/passwd\')',
    "SELECT * FROM file ('/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT * APPLY `f\\x69le` FROM (SELECT '/etc/passwd')",
  ])('are out of reach: %s', text => {
    expect(() => parseStatement(text)).toThrow(/Code: 497\./);
  });

  it('may be words of other things', () => {
    expect(parseStatement("SELECT 'file(', profile(a), outfile, infile, files FROM t").verb).toBe('SELECT');
  });
});

describe('FORMAT', () => {
  it.each([
    ['SELECT 1 FORMAT JSON', 'JSON'],
    ['SELECT 1 format JSONEachRow SETTINGS max_threads = 1', 'JSONEachRow'],
    ["SELECT 'FORMAT CSV'", undefined],
    ['SELECT format FROM t', undefined],
    ['SELECT format FORMAT TSV', 'TSV'],
    ['SELECT 1', undefined],
  ])('of %s is %s', (text, format) => {
    expect(parseStatement(text).format).toBe(format);
  });
});

describe('INSERT', () => {
  it('has its data behind FORMAT and one line break', () => {
    expect(dataOf('INSERT INTO t (a) FORMAT CSV \r\n\n1')).toBe('\n1');
    expect(dataOf("INSERT INTO t (a) FORMAT Native\n\x01\x00\xff$'")).toBe("\x01\x00\xff$'");
    expect(dataOf('INSERT INTO t FORMAT TSV')).toBe('');
  });

  it('has its data behind VALUES, whatever that holds', () => {
    expect(dataOf("INSERT INTO t (values, b) VALUES (1, ';'), ($$); DROP")).toBe(" (1, ';'), ($$); DROP");
  });

  it('has none where it selects', () => {
    expect(parseStatement("INSERT INTO t SELECT * FROM values('a Int8', 1)").dataAt).toBeUndefined();
    expect(parseStatement('INSERT INTO t WITH 1 AS a SELECT a').dataAt).toBeUndefined();
  });

  it('becomes one from a file, with its settings behind the file', () => {
    const statement = parseStatement('INSERT INTO t (a, `SETTINGS`) SETTINGS async_insert = 0 FORMAT CSV\n1');
    expect(insertFromFile(statement, 'x')).toBe(
      "INSERT INTO t (a, `SETTINGS`)  FROM INFILE 'x' SETTINGS async_insert = 0  FORMAT CSV",
    );
    expect(insertFromFile(parseStatement('INSERT INTO t VALUES (1)'), 'x')).toContain('FORMAT Values');
  });
});

it('a query id is looked for by another expression', () => {
  const statement = parseStatement("KILL QUERY WHERE query_id = 'query_id' OR QUERY_ID = 'b' ASYNC");
  expect(withQueryId(statement, 'x')).toBe("KILL QUERY WHERE x = 'query_id' OR x = 'b' ASYNC");
});
