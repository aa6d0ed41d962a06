import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = resolve('dist/cli/main.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function validate(args: readonly string[], input = ''): Promise<Ended> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'slo', 'validate', ...args], {
    env: { PATH: process.env.PATH },
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', text => {
      said[stream] += text;
    });
  }
  // It may end before it has read everything.
  child.stdin?.on('error', () => {}).end(input);
  return new Promise(done => child.once('close', code => done({ code, ...said })));
}

let folder: string;
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-slo-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SLO = `apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: bank
  budgetingMethod: Occurrences
  indicatorRef: fast
  objectives: [{target: 0.995}]
`;
const SLI = `apiVersion: openslo/v1
kind: SLI
metadata: {name: fast}
spec:
  ratioMetric:
    good: {metricSource: {type: throughline, spec: {maxDuration: 300ms}}}
    total: {metricSource: {type: throughline, spec: {location: New York}}}
`;

describe('throughline slo validate', () => {
  test('the examples: all valid, without a warning, each SLO in one line', async () => {
    const { code, stdout, stderr } = await validate(['examples/slo']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('SLO new-york-transfers: ok\n    99.5 % good (duration < 300ms) of traces with');
    expect(stdout).toMatch(/4 SLOs to be counted, 0 unsupported, 0 invalid; 0 warnings\n$/);
  });

  test("OpenSLO's own documents are valid, those for other sources unsupported", async () => {
    const { code, stdout } = await validate(['../shared/data/slo']);
    expect(code).toBe(0);
    expect(stdout).toContain('SLO search-slo: unsupported');
    expect(stdout).toMatch(/14 documents: 0 SLOs to be counted, 6 unsupported, 0 invalid/);
  });

  test('an invalid one: line, path, value and what would be valid; exit code 1', async () => {
    const path = file('bad.yaml', SLO.replace('0.995', '99.5').replace('service:', 'servise:'));
    const { code, stdout } = await validate([path]);
    expect(code).toBe(1);
    expect(stdout).toContain('  1. SLO a: invalid\n');
    expect(stdout).toContain('error (line 8): spec.objectives.0.target is 99.5: give a share above 0 and up to 1');
    expect(stdout).toContain('spec.servise: is not known here; did you mean service?');
  });

  test('references are looked for in all files', async () => {
    const [slo, sli] = [file('slo.yaml', SLO), file('sli.yml', SLI)];
    expect((await validate([slo])).code).toBe(1);
    expect((await validate([slo, sli])).code).toBe(0);
  });

  test('standard input, and JSON for machines', async () => {
    const { code, stdout } = await validate(['-', '--json'], `${SLO}---\n${SLI}`);
    expect(code).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer.valid).toBe(true);
    expect(answer.documents.map((document: { outcome: string }) => document.outcome)).toEqual(['resolved', 'valid']);
    expect(answer.documents[0]).toMatchObject({
      file: 'standard input',
      document: 1,
      kind: 'SLO',
      name: 'a',
      problems: [],
      counting_hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      definition: { name: 'a', selection: { locations: ['new york'] } },
    });
  });

  test.each([
    ['a file that is not there', 'missing.yaml', 'cannot be read: ENOENT'],
    ['a folder without documents', 'empty', 'has no .yaml, .yml or .json file'],
    ['an empty file', 'empty.yaml', 'has no document'],
    ['a large file', 'large.yaml', 'is larger than 1 MiB'],
  ])('%s is said so', async (_, name, message) => {
    const empty = mkdtempSync(join(folder, 'empty-'));
    file('empty.yaml', '# nothing\n');
    file('large.yaml', 'x'.repeat(2 ** 20 + 1));
    const { code, stdout } = await validate([name === 'empty' ? empty : join(folder, name)]);
    expect(code).toBe(1);
    expect(stdout).toContain(message);
  });

  test('standard input beyond a mebibyte is refused', async () => {
    const { code, stdout } = await validate(['-'], 'x'.repeat(3 * 2 ** 20));
    expect(code).toBe(1);
    expect(stdout).toContain('is larger than 1 MiB');
  });

  test('help shows an example', async () => {
    const { code, stdout } = await validate(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('throughline slo validate slo/');
  });
});
