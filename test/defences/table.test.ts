/** The table of what is taken out (`npm run test:defences`) has every row of docs/security.md, and fits the code as it is. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';

interface Entry {
  readonly defence: string;
  readonly without: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly test: string;
  readonly name: string;
}

let entries: readonly Entry[];
let occurrences: (text: string, part: string) => number;

beforeAll(async () => {
  const tools = await import(new URL('./read-table.mjs', import.meta.url).href);
  entries = tools.readTable('.');
  ({ occurrences } = tools);
});

/** First column of the document's table → second. */
function rowsOfDocument(): ReadonlyMap<string, string> {
  const [, section] = readFileSync('docs/security.md', 'utf8').split('## What is defended, and tested\n');
  const [table] = section.trim().split('\n\n');
  const rows = table.split('\n').slice(2);
  return new Map(
    rows.map(row => row.split('|').map(cell => cell.trim())).map(([, defence, tests]) => [defence, tests]),
  );
}

describe('the table of defences', () => {
  test('has every row of the document, and no other', () => {
    const rows = [...rowsOfDocument().keys()];
    expect(rows.length).toBeGreaterThan(15);
    expect([...new Set(entries.map(({ defence }) => defence))].sort()).toEqual(rows.sort());
  });

  test('takes out what is there, once, and puts something else in its place', () => {
    for (const { file, from, to, without } of entries) {
      expect([without, occurrences(readFileSync(file, 'utf8'), from)]).toEqual([without, 1]);
      expect(to).not.toBe(from);
    }
  });

  test('has tests that the document names', () => {
    const rows = rowsOfDocument();
    for (const { defence, test: file, name } of entries) {
      expect(rows.get(defence), `${file} › ${name}`).toContain(`\`${file}\``);
    }
  });
});
