/** docs/security.md and docs/limits.md name a test for each defence and each limit: those must be there. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeSettings } from '../../schemas/index.js';

const NAMED = /`(test\/[\w/.-]+\.test\.ts)`(?: › ([^;|]+?))?(?=;| \||\.|$)/gm;
const SETTING = /`((?:ingest|bus|stitcher|store|analytics)\.[\w.]+)`/g;

describe.each(['docs/security.md', 'docs/limits.md'])('%s', path => {
  const text = readFileSync(path, 'utf8');
  const named = [...text.matchAll(NAMED)].map(([, file, title = '']) => [file, title] as const);

  test('names tests', () => {
    expect(named.length).toBeGreaterThan(15);
    expect(named.length).toBeGreaterThanOrEqual([...text.matchAll(/\.test\.ts`/g)].length - 1);
  });

  test.each(named)('%s has "%s"', (file, title) => {
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8').replaceAll("\\'", "'")).toContain(title);
  });

  test('names settings that there are', () => {
    const keys = describeSettings().map(({ key }) => key);
    const known = (setting: string) => keys.some(key => key === setting || key.startsWith(`${setting}.`));
    expect([...text.matchAll(SETTING)].map(([, setting]) => setting).filter(setting => !known(setting))).toEqual([]);
  });

  test('has no row without a test', () => {
    const rows = text.split('\n').filter(line => /^\| /.test(line) && !/^\| (limit|defence|who) /.test(line));
    const ofTests = path === 'docs/limits.md' ? rows : rows.filter(row => row.split('|').length === 4);
    expect(ofTests.length).toBeGreaterThan(15);
    expect(ofTests.filter(row => !row.includes('.test.ts`'))).toEqual([]);
  });
});
