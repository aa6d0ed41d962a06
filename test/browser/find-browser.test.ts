import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findBrowser } from './support/find-browser.js';

let directory: string;
const at = (...names: string[]) => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-browsers-'));
  await mkdir(at('a', 'chromium'), { recursive: true });
  await mkdir(at('b'));
  for (const [name, mode] of [
    ['google-chrome', 0o755],
    ['chromium-browser', 0o644],
  ] as const) {
    await writeFile(at('b', name), '');
    await chmod(at('b', name), mode);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('a browser is what can be run under one of its names in PATH', () => {
  expect(findBrowser({ PATH: [at('a'), at('b')].join(delimiter) })).toBe(at('b', 'google-chrome'));
});

test('CHROMIUM goes before PATH, and must be a program', () => {
  expect(findBrowser({ CHROMIUM: at('b', 'google-chrome'), PATH: '' })).toBe(at('b', 'google-chrome'));
  expect(() => findBrowser({ CHROMIUM: at('a'), PATH: at('b') })).toThrow(/^CHROMIUM=.*: no program is there/);
});

test('without one the error says what helps', () => {
  expect(() => findBrowser({ PATH: at('a') })).toThrow(/no browser in PATH \(chromium, .*\): install one .*CHROMIUM$/);
});
