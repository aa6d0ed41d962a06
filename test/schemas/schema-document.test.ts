import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { migrations } from '../../schemas/index.js';

const document = readFileSync('docs/schema.md', 'utf8');

/** Column names of the tables as their statements write them: one a line, two spaces in. */
function tables(): [table: string, columns: string[]][] {
  return migrations({ spansDays: 1, tracesDays: 1, rollupsDays: 1 })
    .flatMap(migration => migration.statements)
    .map((statement): [string, string[]] => {
      const table = /CREATE TABLE IF NOT EXISTS (\w+)/.exec(statement)?.[1] ?? '';
      return [table, [...statement.matchAll(/^ {2}(\w+) [A-Z]\w+/gm)].map(match => match[1])];
    })
    .filter(([table]) => table !== '');
}

/** The part of the document under the heading of a table. */
function section(table: string): string {
  const start = document.indexOf(`\n## \`${table}\``);
  const end = document.indexOf('\n## ', start + 1);
  return start < 0 ? '' : document.slice(start, end < 0 ? undefined : end);
}

describe('docs/schema.md names every column of', () => {
  test.each(tables())('%s', (table, columns) => {
    expect(columns.length).toBeGreaterThan(3);
    // A revision's row has the columns of the view, which are described there.
    const text = table === 'trace_revisions' ? section('traces') + section(table) : section(table);
    const missing = columns.filter(column => column !== 'INDEX' && !text.includes(`\`${column}\``));
    expect(missing).toEqual([]);
  });
});
