/**
 * How many items, and what else was tallied, below an offset of a partition. Committed as metadata of the offset, so that
 * a count and what it counts are one write. It is a function of the log's prefix: whoever commits an offset, and however
 * often, commits the same counts with it; so a stale owner's commit cannot make them wrong.
 */
import type { Tallies } from '../types.js';

export interface PrefixCounts {
  readonly items: number;
  readonly tallies: Tallies;
  /** Largest append time below the offset: append times never fall, also where the broker's clock did. */
  readonly lastAppendTimeMs: number;
}

export const NO_COUNTS: PrefixCounts = { items: 0, tallies: {}, lastAppendTimeMs: 0 };

/** The broker keeps 4,096 bytes by default: names of tallies are ours and few. */
export function encodeCounts({ items, tallies, lastAppendTimeMs }: PrefixCounts): string {
  return JSON.stringify({ v: 1, items, appended: lastAppendTimeMs, tallies });
}

/** undefined: the metadata are not ours (another consumer's, or of a position that was reset by hand). */
export function decodeCounts(metadata: string | null): PrefixCounts | undefined {
  if (metadata === null || metadata === '') return undefined;
  try {
    const { v, items, appended, tallies } = JSON.parse(metadata);
    if (v !== 1 || !isCount(items) || !isCount(appended) || typeof tallies !== 'object' || tallies === null) {
      return undefined;
    }
    if (!Object.values(tallies).every(isCount)) return undefined;
    return { items, tallies, lastAppendTimeMs: appended };
  } catch {
    return undefined;
  }
}

export function plus(counts: PrefixCounts, items: number, tallies: Tallies, appendTimeMs: number): PrefixCounts {
  return {
    items: counts.items + items,
    tallies: addedTallies(counts.tallies, tallies),
    lastAppendTimeMs: Math.max(counts.lastAppendTimeMs, appendTimeMs),
  };
}

export function addedTallies(a: Tallies, b: Tallies): Tallies {
  const sum: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + amount;
  return sum;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
