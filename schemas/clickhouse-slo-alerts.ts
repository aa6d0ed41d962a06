/** Tables of alerts: where each stands, and what is told of it to whom (docs/schema.md, docs/slo.md). */

/**
 * The state of each condition, objective and group, with what has yet to be told of it: one row, so that neither is
 * there without the other. It is only ever replaced by what follows from it (store/queries/slo/alerts.ts).
 */
const SLO_ALERTS = `
CREATE TABLE IF NOT EXISTS slo_alerts (
  tenant LowCardinality(String),
  slo LowCardinality(String),
  objective UInt8,
  rule LowCardinality(String),
  condition LowCardinality(String),
  group_key String,
  version UInt64,
  status LowCardinality(String),
  severity LowCardinality(String),
  alert_id String,
  since Nullable(DateTime('UTC')),
  fired_at Nullable(DateTime('UTC')),
  resolved_at Nullable(DateTime('UTC')),
  held LowCardinality(String),
  evaluated_to Nullable(DateTime('UTC')),
  state String CODEC(ZSTD(1)),
  figures String CODEC(ZSTD(1)),
  outbox String CODEC(ZSTD(1)),
  at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, slo, objective, rule, condition, group_key)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

/** One row per alert, kind and webhook. Rows made twice are the same; a later version of it is further on its way. */
const SLO_NOTIFICATIONS = (days: number) => `
CREATE TABLE IF NOT EXISTS slo_notifications (
  tenant LowCardinality(String),
  alert_id String,
  kind LowCardinality(String),
  url String,
  version UInt64,
  slo LowCardinality(String),
  target LowCardinality(String),
  minute UInt32,
  payload String CODEC(ZSTD(1)),
  state LowCardinality(String),
  attempts UInt32,
  next_at DateTime64(3, 'UTC'),
  owner String,
  created DateTime64(3, 'UTC'),
  at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, alert_id, kind, url)
TTL toDateTime(created) + INTERVAL ${days} DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

/** Migration 3. */
export function sloAlertStatements(rollupsDays: number): readonly string[] {
  return [SLO_ALERTS, SLO_NOTIFICATIONS(rollupsDays)];
}
