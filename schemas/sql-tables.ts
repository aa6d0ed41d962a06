/** What `POST /api/v1/sql` may read: the text of a query is held against it, and the rights of its session are made of it. */

/** Tables and views with their own names (docs/schema.md). */
export const PUBLIC_TABLES = [
  'spans',
  'traces',
  'trace_revisions',
  'latency_rollup',
  'slo_rollup',
  'slo_restatements',
  'slo_alerts',
  'slo_reports',
  'slo_budget',
  'slo_status',
] as const;

/** Views that take parameters, called like functions. */
export const PUBLIC_VIEWS_WITH_PARAMETERS = ['latency_now'] as const;

/** Read by the public views only: what stands there beside it (addresses of webhooks) may be secret. */
export const HIDDEN_TABLES = ['slo_documents'] as const;
