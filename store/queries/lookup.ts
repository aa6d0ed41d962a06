import { StoreError } from '../errors.js';
import type { QueryOptions } from '../types.js';

/**
 * Of questions that read a few thousand rows: planning them for several threads, and starting these, takes longer than the
 * second one saves. Over 90 parts, 2 cores: 6.7 ms where two threads took 11.9.
 */
export const LOOKUP: QueryOptions = { settings: { max_threads: 1 } };

/**
 * Of those among them whose rows the table's key finds: without a look at indices that would not help. The times of
 * receipt between which a part's rows are count as one.
 */
export const BY_KEY: QueryOptions = { settings: { ...LOOKUP.settings, use_skip_indexes: 0 } };

/** So many rows one thread reads in the time that it takes to start a second one. */
const FEW_ROWS = 50_000;
const TOO_MANY_ROWS = 158;

/**
 * Of a question by key that has few rows, mostly: undefined where more than `limit` of them would have to be read, which
 * the engine sees from its index.
 */
export async function ofFewRows<Answer>(
  ask: (settings: NonNullable<QueryOptions['settings']>) => Promise<Answer>,
  limit = FEW_ROWS,
): Promise<Answer | undefined> {
  try {
    return await ask({ ...BY_KEY.settings, max_rows_to_read: Math.max(1, Math.min(limit, FEW_ROWS)) });
  } catch (error) {
    if (error instanceof StoreError && error.clickhouseCode === TOO_MANY_ROWS) return undefined;
    throw error;
  }
}
