/** A running API over a store, with a log that tests write themselves. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import {
  type Analytics,
  type AnalyticsOptions,
  type LogPartition,
  type LogView,
  startAnalytics,
} from '../../../analytics/index.js';
import { ErrorAnswer } from '../../../schemas/index.js';
import type { Store } from '../../../store/index.js';
import { sqlStoreOf } from './store.js';

export const EMPTY_LOG: LogView = {
  appendedItems: 0,
  committedItems: 0,
  rejected: {},
  deadLetterItems: 0,
};

export interface TestApi {
  readonly url: string;
  log: LogView;
  offsets: readonly LogPartition[];
  /** What `clock` says, epoch milliseconds; undefined for the real time. */
  nowMs: number | undefined;
  get(path: string): Promise<Response>;
  /** The answer, which must have status 200 and the shape of the schema. */
  read<Schema extends z.ZodType>(schema: Schema, path: string): Promise<z.output<Schema>>;
  sql(query: string, parameters?: string, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export async function startApi(store: Store, overrides: Partial<AnalyticsOptions> = {}): Promise<TestApi> {
  const state = { log: EMPTY_LOG, offsets: [] as readonly LogPartition[], nowMs: undefined as number | undefined };
  const analytics: Analytics = await startAnalytics({
    store,
    sqlStore: sqlStoreOf(store),
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    host: '127.0.0.1',
    port: 0,
    offsets: async () => state.offsets,
    log: async () => state.log,
    readiness: async () => ({ ready: true, reasons: [] }),
    clock: () => state.nowMs ?? Date.now(),
    sql: { maxSeconds: 5, maxMemoryBytes: 400e6, maxRows: 10_000 },
    rollup: { everyMs: 50, maxShare: 1, overlapMs: 1_000 },
    ...overrides,
    // A test reads what it has just written.
    limits: { progressMaxAgeMs: 0, ...overrides.limits },
  });
  const url = `http://127.0.0.1:${analytics.port}`;
  return Object.assign(state, {
    url,
    get: (path: string) => fetch(`${url}${path}`),
    read: async <Schema extends z.ZodType>(schema: Schema, path: string) => {
      const response = await fetch(`${url}${path}`);
      const body: unknown = await response.json();
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
      return schema.parse(body);
    },
    sql: (query: string, parameters = '', headers: Record<string, string> = { 'content-type': 'text/plain' }) =>
      fetch(`${url}/api/v1/sql${parameters}`, { method: 'POST', body: query, headers }),
    close: () => analytics.close(),
  });
}

/** The error a response carries, with its status. */
export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = ErrorAnswer.parse(await response.json());
  return { status: response.status, ...error };
}
