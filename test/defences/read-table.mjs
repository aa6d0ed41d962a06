/**
 * What `npm run test:defences` takes out, one change at a time: the YAML files beside this one. `defence` is the first
 * column of the table in docs/security.md; `without` says what is missing once `from`, which is in `file` once, is `to`
 * (nothing, where that is left out). Then a test of the file `test` must fail that has `name` in its full name. `built`
 * says that what runs is a built file: the engine's own process, or the whole program.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** `root` is that of the work tree. */
export function readTable(root) {
  const directory = join(root, 'test/defences');
  const files = readdirSync(directory).filter(file => file.endsWith('.yaml'));
  const rows = files.flatMap(file => parse(readFileSync(join(directory, file), 'utf8')));
  return rows.flatMap(({ defence, entries }) => entries.map(entry => ({ defence, built: false, to: '', ...entry })));
}

/** How often a text is in another. */
export function occurrences(text, part) {
  return text.split(part).length - 1;
}
