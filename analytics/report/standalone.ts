import type { ReportAnswer } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { DEFAULT_LIMITS } from '../settings.js';
import type { ReportRequest } from './build.js';
import { makeReport } from './freeze.js';

/** For a program that has a store and nothing else: whether all of the log is stored is not asked. */
export function makeStandaloneReport(store: Store, request: ReportRequest, tenant = 'default'): Promise<ReportAnswer> {
  return makeReport({ store, tenant, clock: Date.now, limits: DEFAULT_LIMITS, offsets: undefined }, request);
}
