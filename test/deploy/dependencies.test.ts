/** Each mistake is made in a copy; the check of `npm run check` must find it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

interface Entry {
  version?: string;
  integrity?: string;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
}
interface Lock {
  packages: Record<string, Entry>;
}
interface Manifest {
  dependencies: Record<string, string>;
}

let dependencyProblems: (directory: string) => string[];
let verdictOf: (text: string) => { code: number; message: string };
let directory: string;

beforeAll(async () => {
  const load = (name: string) => import(new URL(`../../tools/${name}.mjs`, import.meta.url).href);
  ({ dependencyProblems } = await load('check-install-scripts'));
  ({ verdictOf } = await load('audit'));
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-dependencies-'));
  change(() => {});
});

afterEach(() => rmSync(directory, { recursive: true }));

function change(mistake: (lock: Lock, manifest: Manifest) => void): void {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  mistake(lock, manifest);
  writeFileSync(join(directory, 'package-lock.json'), JSON.stringify(lock));
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
}

test('what is in the repository has nothing wrong', () => {
  expect(dependencyProblems(directory)).toEqual([]);
});

test.each<[string, (lock: Lock, manifest: Manifest) => void, RegExp]>([
  [
    'a package that runs a script',
    lock => {
      lock.packages['node_modules/zod'].hasInstallScript = true;
    },
    /^zod@[\d.]+ runs a script when it is installed: read it/,
  ],
  [
    'another version of one that was looked at',
    lock => {
      lock.packages['node_modules/esbuild'].version = '99.0.0';
    },
    /^esbuild@99\.0\.0 runs a script/,
  ],
  [
    'one on the list that has gone',
    lock => {
      delete lock.packages['node_modules/esbuild'];
    },
    /^esbuild@[\d.]+ is on the list .*take it off/,
  ],
  [
    'a range',
    (lock, manifest) => {
      manifest.dependencies.zod = '^4.0.0';
      (lock.packages[''].dependencies ?? {}).zod = '^4.0.0';
    },
    /^dependencies\.zod is \^4\.0\.0: give an exact version/,
  ],
  [
    'a lockfile of another package.json',
    (_lock, manifest) => {
      manifest.dependencies.zod = '4.0.0';
    },
    /^dependencies\.zod is 4\.0\.0 in package\.json, [\d.]+ in package-lock\.json/,
  ],
  [
    'another version installed than named',
    lock => {
      lock.packages['node_modules/zod'].version = '4.0.0';
    },
    /^zod is locked at 4\.0\.0/,
  ],
  [
    'a package without a hash',
    lock => {
      delete lock.packages['node_modules/zod'].integrity;
    },
    /^node_modules\/zod has no integrity hash/,
  ],
])('%s is found', (_what, mistake, message) => {
  change(mistake);
  const problems = dependencyProblems(directory);
  expect(problems).toContainEqual(expect.stringMatching(message));
});

describe('the audit', () => {
  const report = (total: number) =>
    JSON.stringify({
      vulnerabilities: total === 0 ? {} : { left: { name: 'left', severity: 'high' } },
      metadata: { vulnerabilities: { total } },
    });

  test('fails on a vulnerability, and passes on none', () => {
    expect(verdictOf(report(1))).toMatchObject({ code: 1, message: expect.stringContaining('left (high)') });
    expect(verdictOf(report(0))).toMatchObject({ code: 0, message: expect.stringContaining('no known') });
  });

  test.each(['', 'npm error', '{"message":"405 Method Not Allowed"}', '{"error":{"summary":"no network"}}'])(
    'says that nothing is known where the registry answers %j',
    text => {
      expect(verdictOf(text)).toMatchObject({ code: 0, message: expect.stringContaining('could not be asked') });
    },
  );
});
