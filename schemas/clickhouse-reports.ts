/** The table of frozen reports (docs/schema.md, docs/slo.md). */

/** Migration 4: reports as they were when they were made. Only ever added to, and kept for good: they outlive the counts. */
export const SLO_REPORTS = `
CREATE TABLE IF NOT EXISTS slo_reports (
  tenant LowCardinality(String),
  id String,
  created_at DateTime64(3, 'UTC'),
  window_from DateTime('UTC'),
  window_to DateTime('UTC'),
  slos Array(String),
  document String CODEC(ZSTD(6))
) ENGINE = ReplacingMergeTree(created_at)
ORDER BY (tenant, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;
