import type { QueryOptions } from '../types.js';

/**
 * Of questions that read a few thousand rows: planning them for several threads, and starting these, takes longer than the
 * second one saves. Over 90 parts, 2 cores: 6.7 ms where two threads took 11.9.
 */
export const LOOKUP: QueryOptions = { settings: { max_threads: 1 } };

/** Of those among them whose rows the table's key finds: without a look at indices that would not help. */
export const BY_KEY: QueryOptions = { settings: { ...LOOKUP.settings, use_skip_indexes: 0 } };
