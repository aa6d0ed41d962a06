/** A report as someone reads it off the screen: headings, and the cells of tables as text. */
import type { Locator, Page } from 'playwright-core';

interface Part {
  readonly tag: string;
  readonly text: string;
  /** Of a table; the first row is its head. */
  readonly rows: readonly (readonly string[])[];
}

export type Row = Readonly<Record<string, string>>;

export interface Section {
  readonly title: string;
  /** By heading; the first table of a section, its groups, has none. */
  readonly tables: ReadonlyMap<string, readonly Row[]>;
}

// Text, since it runs in the page; innerText is only what is rendered.
const PARTS = `[...document.body.children].map(({ tagName, innerText, rows = [] }) => ({
  tag: tagName,
  text: innerText,
  rows: [...rows].map(({ cells }) => [...cells].map(cell => cell.innerText.trim())),
}))`;

export async function readReport(page: Page): Promise<{ title: string; sections: readonly Section[] }> {
  const parts: Part[] = await page.evaluate(PARTS);
  const starts = parts.flatMap(({ tag }, index) => (tag === 'H2' ? [index] : []));
  return {
    title: parts[0].text,
    sections: starts.map((start, at) => sectionOf(parts.slice(start, starts[at + 1]))),
  };
}

function sectionOf([{ text }, ...parts]: readonly Part[]): Section {
  const tables = new Map<string, Row[]>();
  let heading = '';
  for (const { tag, text: said, rows } of parts) {
    if (tag === 'H3') heading = said;
    if (tag === 'TABLE') tables.set(heading, rowsOf(rows));
  }
  return { title: text, tables };
}

function rowsOf([head, ...rows]: Part['rows']): Row[] {
  return rows.map(cells => Object.fromEntries(head.map((name, index) => [name, cells[index]])));
}

/** `1,234` → 1234. Anything else is no number. */
export function countIn(text: string): number {
  return /^\d{1,3}(,\d{3})*$/.test(text) ? Number(text.replaceAll(',', '')) : Number.NaN;
}

/** `99.5 %` → 0.995, at most 0.0001 % less than what it stands for. */
export function ratioIn(text: string): number {
  return /^-?\d+(\.\d{1,4})? %$/.test(text) ? Number.parseFloat(text) / 100 : Number.NaN;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000 };

/** `1.25 s` → 1245 to 1255: all that would be rounded to it. */
export function durationIn(text: string): { leastMs: number; mostMs: number } {
  const [, number, digits = '', unit] = /^(-?\d+(?:\.(\d+))?) (ms|s|min)$/.exec(text) ?? [];
  const half = (0.5 * 10 ** -digits.length + 1e-9) * UNIT_MS[unit];
  const ms = Number(number) * UNIT_MS[unit];
  return { leastMs: ms - half, mostMs: ms + half };
}

export interface DrawnLine {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly widthPx: number;
  /** Where the lines for the whole budget and for none of it are. */
  readonly wholeY: number;
  readonly noneY: number;
}

/** The line of a burn-down picture, in the units of the picture. */
export async function drawnLine(picture: Locator): Promise<DrawnLine> {
  const lines = await picture.locator('line').all();
  const heights = await Promise.all(lines.map(async line => Number(await line.getAttribute('y1'))));
  const text = (await picture.locator('polyline').getAttribute('points')) ?? '';
  return {
    points: text.split(' ').map(pair => {
      const [x, y] = pair.split(',').map(Number);
      return { x, y };
    }),
    widthPx: Number(await picture.getAttribute('width')),
    wholeY: Math.min(...heights),
    noneY: Math.max(...heights),
  };
}
