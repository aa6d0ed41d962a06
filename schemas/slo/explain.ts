/** What zod says of a value → findings: each with its path, the value there and what would be valid. */
import { z } from 'zod';
import { nearestName } from '../suggestion.js';
import type { Finding, Path } from './problems.js';

/** Findings of `value` by `schema`; `path` is where the value stands. */
export function findingsOf(schema: z.ZodType, value: unknown, path: Path): Finding[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues.flatMap(issue => explain(issue, schema, value, path));
}

function explain(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown, before: Path): Finding[] {
  const inner = issue.path as Path;
  const path = [...before, ...inner];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeysAt(schema, inner);
    return issue.keys.map(key => ({ path: [...path, key], message: unknownKey(key, known) }));
  }
  const there = valueAt(value, inner);
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  if (there === undefined) return [{ path, message: `is missing: ${message}` }];
  return [{ path, value: issue.code === 'invalid_key' ? inner.at(-1) : there, message }];
}

export function unknownKey(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  const valid = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`;
  return `is not known here; ${valid}`;
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => {
    const isThere = typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key);
    return isThere ? (inner as Record<string | number, unknown>)[key] : undefined;
  }, value);
}

function knownKeysAt(schema: z.ZodType, path: Path): string[] {
  const [key, ...rest] = path;
  if (schema instanceof z.ZodOptional) return knownKeysAt(schema.unwrap() as z.ZodType, path);
  if (schema instanceof z.ZodArray) return knownKeysAt(schema.element as z.ZodType, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  return key === undefined ? Object.keys(schema.shape) : knownKeysAt(schema.shape[key] as z.ZodType, rest);
}
