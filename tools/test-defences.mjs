/**
 * Takes each defence of docs/security.md out and sees a test go red: `npm run test:defences [-- --only TEXT]`.
 *
 *   --only TEXT   entries of test/defences/ whose defence, what is taken out or file has this text in it
 *   --help        this
 *
 * Nothing is changed in the work tree: a copy of it is built, tested as it is, and then once with each change of the
 * table. Red is a test that ran and failed: what does not compile, or finds no test, is broken. Ends with 1 where
 * anything is not red.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { occurrences, readTable } from '../test/defences/read-table.mjs';

const ROOT = resolve(fileURLToPath(new URL('..', import.meta.url)));
// What is taken out may leave a name that nobody uses.
const BUILD = ['-p', 'tsconfig.build.json', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
const TEST_MS = 600_000;

/** A copy of the work tree as git would commit it, with the work tree's packages. */
function copyOfTree() {
  const copy = join(mkdtempSync(join(tmpdir(), 'throughline-defences-')), 'tree');
  const { stdout, status } = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], ROOT);
  if (status !== 0) throw new Error('git does not list the files of the work tree');
  for (const file of new Set(stdout.split('\0').filter(name => name !== ''))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(copy, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  // Recorded traces lie beside the work tree.
  const recorded = join(ROOT, '..', 'shared');
  if (existsSync(recorded)) symlinkSync(recorded, join(copy, '..', 'shared'));
  return copy;
}

function run(command, words, cwd) {
  return spawnSync(command, words, { cwd, encoding: 'utf8', timeout: TEST_MS, maxBuffer: 1 << 28 });
}

/** What the compiler says; '' where all is well. */
function build(copy) {
  const { status, stdout } = run(process.execPath, ['node_modules/typescript/bin/tsc', ...BUILD], copy);
  return status === 0 ? '' : stdout.trim() || 'tsc did not end';
}

/** The tests of a file whose full names have one of these texts in them. */
function testsOf(copy, file, names) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const pattern = names.map(name => name.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|');
  const output = ['--reporter=json', `--outputFile=${report}`];
  run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', file, '-t', pattern, ...output], copy);
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const problem = testResults.map(({ message }) => message).join(' ');
    return { tests: tests.filter(({ status }) => ['passed', 'failed'].includes(status)), problem };
  } catch {
    return { tests: [], problem: 'vitest gave no report' };
  }
}

/** Tests of the tree as it is: what is wrong with them. */
function problemsUnchanged(copy, entries) {
  const compiler = build(copy);
  if (compiler !== '') return [compiler];
  const problems = [];
  for (const file of new Set(entries.map(({ test }) => test))) {
    const names = [...new Set(entries.filter(({ test }) => test === file).map(({ name }) => name))];
    const { tests, problem } = testsOf(copy, file, names);
    const failed = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    const missing = names.filter(name => !tests.some(({ fullName }) => fullName.includes(name)));
    problems.push(...failed.map(name => `${file}: "${name}" fails with nothing taken out`));
    problems.push(...missing.map(name => `${file}: no test "${name}" ran ${problem}`));
    console.log(`${file} … ${failed.length + missing.length === 0 ? `green (${tests.length})` : 'NOT GREEN'}`);
  }
  return problems;
}

/** The verdict on one entry: `red`, or what it is instead. */
function verdictOf(copy, { file, built, from, to, test, name }) {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  const found = occurrences(source, from);
  if (found !== 1) return `BROKEN: what is to be replaced is ${found} times in ${file}`;
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  try {
    const compiler = built ? build(copy) : '';
    if (compiler !== '') return `BROKEN: ${compiler}`;
    const { tests, problem } = testsOf(copy, test, [name]);
    const failed = tests.filter(({ status }) => status === 'failed');
    if (failed.length > 0) return `red (${failed.length} of ${tests.length})`;
    return problem.trim() === '' && tests.length > 0 ? 'STILL GREEN' : `BROKEN: no test failed, ${problem}`;
  } finally {
    writeFileSync(path, source);
  }
}

function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help) {
    const [help] = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('*/');
    console.log(help.replaceAll(/^(\/\*\*| \* ?)/gm, '').trim());
    return 0;
  }
  const { only = '' } = values;
  const entries = readTable(ROOT).filter(({ defence, without, file }) =>
    [defence, without, file].some(text => text.includes(only)),
  );
  if (entries.length === 0) {
    console.error(`--only ${only}: no entry of test/defences/ has that`);
    return 2;
  }
  // Each build takes back what the one before it changed; after the last no other needs the built files.
  entries.sort((one, other) => Number(one.built) - Number(other.built));
  const copy = copyOfTree();
  try {
    const problems = problemsUnchanged(copy, entries);
    if (problems.length > 0) {
      console.error(problems.join('\n'));
      return 1;
    }
    for (const entry of entries) {
      const verdict = verdictOf(copy, entry);
      const line = `${entry.defence} (without ${entry.without}) … ${verdict}`;
      console.log(line);
      if (!verdict.startsWith('red')) problems.push(line);
    }
    const red = entries.length - problems.length;
    console.log(`${red} of ${entries.length} red`);
    if (problems.length > 0) console.error(`not red:\n${problems.join('\n')}`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(dirname(copy), { recursive: true, force: true });
  }
}

process.exitCode = main();
