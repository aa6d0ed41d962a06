/** What the parts of the analytics room share, for tests of one of them over a store. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Parts, partsOf } from '../../../analytics/settings.js';
import type { AnalyticsOptions } from '../../../analytics/types.js';
import type { Store } from '../../../store/index.js';
import { EMPTY_LOG } from './api.js';

export function testParts(store: Store, overrides: Partial<AnalyticsOptions> = {}): Parts {
  return partsOf({
    store,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    host: '127.0.0.1',
    port: 0,
    offsets: async () => [],
    log: async () => EMPTY_LOG,
    readiness: async () => ({ ready: true, reasons: [] }),
    clock: Date.now,
    sql: { maxSeconds: 5, maxMemoryBytes: 400e6, maxRows: 10_000 },
    rollup: { everyMs: 1, maxShare: 1, overlapMs: 60_000 },
    ...overrides,
    limits: { progressMaxAgeMs: 0, ...overrides.limits },
  });
}
