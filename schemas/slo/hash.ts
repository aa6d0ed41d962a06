/** Canonical JSON of definitions, and what is keyed by it. */
import { createHash } from 'node:crypto';
import type { SloDefinition } from './definition.js';

/** Part of every hash: a new number where the same definition is to be counted in another way, and so anew. */
const COUNTING_VERSION = 1;
const HASH_DIGITS = 16;

/** Members sorted by code units, no white space: equal values give equal text. Order within lists says something. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}

/**
 * What `slo_rollup` holds counts for. They are counts of good, bad and unknown per minute, group and objective, so it
 * covers which traces count, how they are grouped and what makes one good for each objective, in order; it covers neither
 * targets, window, slices and policy for unknown ones, which are reckoned from the counts, nor names and alerts. A change
 * of those is answered from the counts there are, without counting anew.
 */
export function countingHash({ selection, groupBy, objectives }: SloDefinition): string {
  return hash({ version: COUNTING_VERSION, selection, groupBy, good: objectives.map(objective => objective.good) });
}

/** Of all of it: tells whether anything changed. */
export function definitionHash(definition: SloDefinition): string {
  return hash({ version: COUNTING_VERSION, definition });
}

function hash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, HASH_DIGITS);
}
