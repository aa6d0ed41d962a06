/** The log's counters, or a 503 that says they cannot be had. */
import { ApiError } from './errors.js';
import type { Parts } from './settings.js';
import type { LogView } from './types.js';

export async function readLog(parts: Pick<Parts, 'log'>): Promise<LogView> {
  try {
    return await parts.log();
  } catch (error) {
    throw new ApiError('API_LOG_UNAVAILABLE', 'the log cannot be asked now; try again', error);
  }
}
