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

test.each(['caller', 'service', 'operation', 'tier'])('thousands that differ in the %s only keep their texts', word => {
  // So many that they lie side by side in the table, block after block.
  const interner = new Interner();
  const names = Array.from({ length: 3_000 }, (_, number) => interner.index(`name ${number}`));
  const column = new SectionColumn(interner);
  const place = ['kind', 'caller', 'service', 'operation', 'tier'].indexOf(word);
  for (const first of [0, 1_500]) {
    const some = names.slice(first, first + 1_500);
    const pushed = [...some, ...some].flatMap(name => [
      [0, name],
      [1, name],
    ]);
    for (const [kind, name] of pushed) {
      const section: [number, number, number, number, number] = [kind, 1, 1, 1, 1];
      section[place] = name;
      column.push(...section);
    }
    const texts = take(column, pushed.length).map(text => JSON.parse(String(text)) as string[]);
    expect(texts.map(text => [text[0], text[place]])).toEqual(
      pushed.map(([kind, name]) => [['service', 'link'][kind], interner.text(name)]),
    );
  }
});
