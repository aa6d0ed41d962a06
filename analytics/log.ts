/** The log's counters, or a 503 that says they cannot be had. */
import { ApiError } from './errors.js';
import type { Parts } from './settings.js';
import type { LogPartition, LogView } from './types.js';

export function readLog(parts: Pick<Parts, 'log'>): Promise<LogView> {
  return ask(parts.log);
}

/** Where its partitions are, or a 503. */
export function readOffsets(parts: Pick<Parts, 'offsets'>): Promise<readonly LogPartition[]> {
  return ask(parts.offsets);
}

async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await question();
  } catch (error) {
    throw new ApiError('API_LOG_UNAVAILABLE', 'the log cannot be asked now; try again', error);
  }
}
