import { expect, test } from 'vitest';
import { Interner } from '../../stitcher/interner.js';
import { SectionColumn } from '../../stitcher/section-column.js';
import { decodeColumn } from './memory-store.js';

/** As the store would read them. */
function take(column: SectionColumn, rows: number): unknown[] {
  return decodeColumn(column.take(), 'LowCardinality(String)', rows);
}

test('equal sections are one text, and those that differ in any of the five words are not', () => {
  const interner = new Interner();
  const word = (text: string) => interner.index(text);
  const column = new SectionColumn(interner);
  const sections: [number, number, number, number, number][] = [
    [0, 0, word('shop'), word('GET /"\n'), word('app')],
    [1, 0, word('shop'), word('GET /"\n'), word('app')],
    [1, word('web'), word('shop'), word('GET /"\n'), word('app')],
    [0, 0, word('web'), word('GET /"\n'), word('app')],
    [0, 0, word('shop'), word('GET'), word('app')],
    [0, 0, word('shop'), word('GET /"\n'), 0],
  ];
  for (const section of [...sections, ...sections]) column.push(...section);
  const texts = take(column, 12);
  expect(texts.slice(0, 6)).toEqual(texts.slice(6));
  expect(new Set(texts).size).toBe(6);
  expect(texts.slice(1, 3)).toEqual([
    '["link","","shop","GET /\\"\\n","app"]',
    '["link","web","shop","GET /\\"\\n","app"]',
  ]);
});

test('more sections than any table of a block began with keep their texts, block after block', () => {
  const interner = new Interner();
  const names = Array.from({ length: 3_000 }, (_, number) => interner.index(`operation ${number}`));
  const column = new SectionColumn(interner);
  for (const first of [0, 1_500]) {
    const pushed = [...names.slice(first, first + 1_500), ...names.slice(first, first + 1_500)];
    for (const name of pushed) column.push(0, 0, 1, name, 2);
    const texts = take(column, pushed.length).map(text => (JSON.parse(String(text)) as string[])[3]);
    expect(texts).toEqual(pushed.map(name => interner.text(name)));
  }
});
