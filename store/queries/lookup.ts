import type { QueryOptions } from '../types.js';

/**
 * Of questions that read a few thousand rows: planning them for several threads, and starting these, takes longer than the
 * second one saves. Over 90 parts, 2 cores: 6.7 ms where two threads took 11.9.
 */
export const LOOKUP: QueryOptions = { settings: { max_threads: 1 } };
