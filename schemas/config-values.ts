/**
 * Values of settings as people write them, in a file or in an environment variable (where everything is text). Each
 * says in its error what would be valid; whoever reports it adds the key and the value.
 */
import { z } from 'zod';
import { NS_PER_MS, parseDuration } from './api-time.js';

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Text or number → what `parse` makes of it; undefined from it means invalid. */
function scalar<Value>(valid: string, parse: (text: string) => Value | undefined) {
  return z.union([z.string(), z.number(), z.boolean()], { error: `give ${valid}` }).transform((value, context) => {
    const parsed = parse(String(value).trim());
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `give ${valid}` });
    return z.NEVER;
  });
}

/** A part of the file with settings of its own, each with a default or optional. */
export const section = <Shape extends z.ZodRawShape>(shape: Shape) => {
  const object = z.strictObject(shape, {
    error: issue => (issue.code === 'invalid_type' ? 'give a section' : undefined),
  });
  return object.prefault({} as z.input<typeof object>);
};

export const DAY_MS = 86_400_000;

/** Milliseconds. */
export const duration = (least = 1) =>
  scalar(`a duration such as 250ms, 10s, 5m or 24h${leastText(least)}`, text => {
    const ns = parseDuration(text);
    if (ns === undefined) return undefined;
    const ms = Number(ns / NS_PER_MS);
    return ms >= least ? ms : undefined;
  });

function leastText(leastMs: number): string {
  if (leastMs === 0) return ' (0s for none)';
  return leastMs > 1 ? `, at least ${leastMs}ms` : '';
}

/** Milliseconds, of whole days: retention drops whole days. */
export const days = () =>
  scalar('whole days such as 14d', text => {
    const ms = Number((parseDuration(text) ?? 0n) / NS_PER_MS);
    return ms > 0 && ms % DAY_MS === 0 ? ms : undefined;
  });

/** Bytes. */
export const size = (leastBytes = 1) =>
  scalar(`a size such as 512KiB, 64MiB or 8GiB${leastBytes > 1 ? `, at least ${leastBytes} bytes` : ''}`, text => {
    const match = /^(\d{1,15}(?:\.\d{1,3})?)\s*([A-Za-z]{1,3})$/.exec(text);
    const unit = SIZE_UNITS[match?.[2] ?? ''];
    if (match === null || unit === undefined) return undefined;
    const bytes = Math.round(Number(match[1]) * unit);
    return bytes >= leastBytes && Number.isSafeInteger(bytes) ? bytes : undefined;
  });

export const integer = (least: number, most: number) =>
  scalar(`a whole number from ${least} to ${most}`, text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  });

/** A number of replicas, or `auto`. */
export const quorum = () =>
  scalar('auto or a whole number from 1 to 100', text => {
    const value = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
    if (text === 'auto') return text;
    return value >= 1 && value <= 100 ? value : undefined;
  });

/** 0 takes any free port. */
export const port = () => integer(0, 65_535);

export const text = (valid: string, pattern: RegExp) =>
  scalar(valid, value => (pattern.test(value) ? value : undefined));

/** Text taken as it is. YAML reads 0123 as a number, so a number here is not what was meant. */
export const words = () => z.string({ error: 'give text, in quotes if it looks like a number' }).min(1, 'give text');

export const choice = <const Name extends string>(...names: readonly Name[]) =>
  scalar(`one of ${names.join(', ')}`, value => names.find(name => name === value));

/** A list, or in an environment variable JSON or names separated by commas. */
export const listOf = <Item extends z.ZodType>(item: Item, valid: string) =>
  z.preprocess(
    value => (typeof value === 'string' ? listFromText(value) : value),
    z.array(item, { error: `give a list of ${valid}` }),
  );

/** What is neither JSON nor a list of names stays as it is, for the schema to refuse. */
export function listFromText(value: string): unknown {
  const trimmed = value.trim();
  if (trimmed === '') return [];
  if (!/^[[{]/.test(trimmed)) return trimmed.split(',').map(part => part.trim());
  try {
    return JSON.parse(trimmed);
  } catch {
    return value;
  }
}
