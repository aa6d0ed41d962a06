/**
 * Answers: what latency users experience, where each trace spent it, and whether every span is accounted for.
 *
 * In come the store (spans, trace revisions, progress rows of the stitchers) and a view of the log's counters. Out go
 * the HTTP API (docs: GET /api/v1/openapi.json) and the `latency_rollup` table, which a background job keeps equal to
 * a recomputation from `trace_revisions`.
 *
 * It never writes spans or traces, never talks to the log, and knows nothing of how spans arrive. An answer never
 * pretends: each carries its watermark, its share of incomplete traces and whether it is exact.
 */

export { type ApiToken, ROLES } from './access.js';
export { renderReport } from './report/render.js';
export { makeStandaloneReport } from './report/standalone.js';
export { reportWindow } from './report/window.js';
export { startAnalytics } from './start.js';
export type {
  Analytics,
  AnalyticsLimits,
  AnalyticsOptions,
  LogPartition,
  LogView,
  Readiness,
  RollupSettings,
  SqlSettings,
} from './types.js';
