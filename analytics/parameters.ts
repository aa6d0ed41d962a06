/** Checks parameters against a route's schema; what is wrong is told by name, value and what would be valid. */
import type { z } from 'zod';
import { ApiError } from './errors.js';

/** `given` is text by name; a name given twice has an array. Throws an ApiError with every mistake. */
export function parseParameters<Value>(schema: z.ZodType<Value>, given: unknown): Value {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const values = (given ?? {}) as Readonly<Record<string, unknown>>;
  const valid = Object.keys((schema as unknown as { shape?: object }).shape ?? {});
  const mistakes = result.error.issues.map(issue => describe(issue, values, valid));
  throw new ApiError('API_PARAMETER_INVALID', mistakes.join('; '));
}

function describe(
  issue: z.core.$ZodIssue,
  values: Readonly<Record<string, unknown>>,
  valid: readonly string[],
): string {
  if (issue.code === 'unrecognized_keys') {
    const there = valid.length === 0 ? 'this path takes none' : `there are: ${valid.join(', ')}`;
    return issue.keys.map(key => `${key}=${shown(values[key])}: no such parameter; ${there}`).join('; ');
  }
  const name = String(issue.path[0] ?? '');
  return `${name}=${shown(values[name])}: ${issue.message}`;
}

const MAX_SHOWN = 100;

function shown(value: unknown): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value);
  return `'${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text}'`;
}
