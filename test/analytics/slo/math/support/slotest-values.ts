/** The small words of .slotest files: instants, durations, percentages, series. What they cannot read they throw as text. */
import { readFileSync } from 'node:fs';

export class SlotestError extends Error {
  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
  }
}

const MINUTE_MS = 60_000;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/;
const UNIT_MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440, w: 10_080 };

export function readLines(path: URL): string[] {
  return readFileSync(path, 'utf8').split('\n');
}

/** Minutes since the epoch. */
export function instantOf(text: string): number {
  const ms = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error(`"${text}" is no instant such as 2026-03-08T12:00-05:00`);
  if (ms % MINUTE_MS !== 0) throw new Error(`"${text}" is not on a whole minute`);
  return ms / MINUTE_MS;
}

/** `90m`, `6h`, `30d`, `2w` in minutes. */
export function durationOf(text: string): number {
  const match = /^(\d+)([mhdw])$/.exec(text);
  if (match === null || Number(match[1]) === 0) throw new Error(`"${text}" is no duration such as 5m, 6h, 30d or 2w`);
  return Number(match[1]) * UNIT_MINUTES[match[2]];
}

/** `99.95` (percent) in parts per million. */
export function percentOf(text: string): number {
  const match = /^(\d{1,3})(?:\.(\d{1,4}))?$/.exec(text);
  const ppm = match === null ? Number.NaN : Number(match[1]) * 10_000 + Number((match[2] ?? '').padEnd(4, '0'));
  if (!(ppm <= 1_000_000)) throw new Error(`"${text}" is no percentage such as 99.95, with at most four digits`);
  return ppm;
}

/** `14.4` in thousandths. */
export function factorOf(text: string): number {
  const match = /^(\d+)(?:\.(\d{1,3}))?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is no factor such as 14.4, with at most three digits`);
  return Number(match[1]) * 1000 + Number((match[2] ?? '').padEnd(3, '0'));
}

export function countOf(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`"${text}" is no count`);
  return Number(text);
}

/** A decimal or a fraction; the double nearest to it. */
export function numberOf(text: string): number {
  const match = /^(-?\d+(?:\.\d+)?)(?:\/(\d+))?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is no number such as 12, -0.5 or 2/3`);
  return match[2] === undefined ? Number(match[1]) : Number(match[1]) / Number(match[2]);
}

/** `5`, `5x10` (ten times 5), `_` and `_x10` (gaps: null). */
export function valuesOf(token: string): (number | null)[] {
  const match = /^(\d+|_)(?:x(\d+))?$/.exec(token);
  if (match === null) throw new Error(`"${token}" is no value such as 5, 5x10, _ or _x10`);
  const value = match[1] === '_' ? null : Number(match[1]);
  return new Array<number | null>(Number(match[2] ?? 1)).fill(value);
}

/** Splits `{New York} good 5` into the group and the rest; without braces the group is ''. */
export function splitGroup(text: string): { group: string; rest: string } {
  const match = /^\{([^}]*)\}\s*(.*)$/.exec(text);
  return match === null ? { group: '', rest: text } : { group: match[1], rest: match[2] };
}

/** As files write it, in UTC. */
export function formatMinute(minute: number): string {
  return `${new Date(minute * MINUTE_MS).toISOString().slice(0, 16)}Z`;
}
