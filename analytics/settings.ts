/** Everything the parts of this room share, with defaults filled in. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { SqlStore, Store } from '../store/index.js';
import type { ApiToken } from './access.js';
import { type ApiLimits, type ApiTls, DEFAULT_API_LIMITS } from './listener.js';
import { RecentRevisions } from './recent-revisions.js';
import { SharedProgress } from './shared-progress.js';
import type {
  AnalyticsLimits,
  AnalyticsOptions,
  LogPartition,
  LogView,
  Readiness,
  RollupSettings,
  SloSettings,
  SqlSettings,
} from './types.js';

export const DEFAULT_LIMITS: AnalyticsLimits = {
  exactTraces: 200_000,
  spansPerAnswer: 20_000,
  // Stitchers report every 2 s at the latest.
  instanceAliveMs: 15_000,
  // They report where they are once a second.
  progressMaxAgeMs: 100,
};

export const DEFAULT_ROLLUP: RollupSettings = { everyMs: 1_000, maxShare: 0.2, overlapMs: 10_000 };

export interface Parts {
  readonly store: Store;
  readonly sqlStore: SqlStore;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly offsets: () => Promise<readonly LogPartition[]>;
  readonly log: () => Promise<LogView>;
  readonly readiness: () => Promise<Readiness>;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly sql: Required<SqlSettings>;
  readonly rollup: RollupSettings;
  readonly limits: AnalyticsLimits;
  readonly progress: SharedProgress;
  readonly recent: RecentRevisions;
  readonly slo: SloSettings;
  readonly tls?: ApiTls | undefined;
  readonly tokens: readonly ApiToken[];
  readonly apiLimits: ApiLimits;
  readonly tenant: string;
  readonly instance: string;
}

export function partsOf(options: AnalyticsOptions): Parts {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return {
    ...options,
    sqlStore: options.sqlStore ?? { store: options.store, isReadonly: false },
    sql: { maxConcurrent: 4, ...options.sql },
    rollup: { ...DEFAULT_ROLLUP, ...options.rollup },
    limits,
    progress: new SharedProgress(options.store, limits.progressMaxAgeMs),
    recent: new RecentRevisions(options.store, limits.exactTraces),
    slo: options.slo ?? {},
    tokens: options.tokens ?? [],
    apiLimits: { ...DEFAULT_API_LIMITS, ...options.apiLimits },
    tenant: options.tenant ?? 'default',
    instance: options.instance ?? 'analytics',
  };
}
