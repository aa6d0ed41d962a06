/** Tables and views of SLOs: what they promise, what was counted, and what was taken back (docs/schema.md, docs/slo.md). */

/** Its row in \`slo_rollup\` holds no events: it says up to where a minute was counted for an SLO. */
export const SLO_MARKER_OBJECTIVE = 255;

/** Every version of every document, a deletion being a version too. Only ever added to, and kept for good. */
const SLO_DOCUMENTS = `
CREATE TABLE IF NOT EXISTS slo_documents (
  tenant LowCardinality(String),
  kind LowCardinality(String),
  name String,
  version UInt64,
  document String CODEC(ZSTD(1)),
  definition String CODEC(ZSTD(1)),
  definition_hash String,
  counting_hash String,
  source LowCardinality(String),
  is_deleted UInt8,
  at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(at)
ORDER BY (tenant, kind, name, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

/**
 * One cell per minute (of trace end), objective and group; a pure function of \`traces\`, recomputed whole when its minute
 * is dirty. \`seen\` is that of latency_rollup (docs/adr/006). A marker (objective 255) says how much of its minute was
 * seen for the SLO, events or none; its \`late_spans\` are those of the whole minute.
 */
const SLO_ROLLUP = (days: number) => `
CREATE TABLE IF NOT EXISTS slo_rollup (
  tenant LowCardinality(String),
  slo LowCardinality(String),
  definition LowCardinality(String),
  objective UInt8,
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  group_key LowCardinality(String),
  seen UInt64 CODEC(ZSTD(1)),
  is_deleted UInt8,
  total UInt64 CODEC(T64, ZSTD(1)),
  good UInt64 CODEC(T64, ZSTD(1)),
  bad UInt64 CODEC(T64, ZSTD(1)),
  unknown UInt64 CODEC(T64, ZSTD(1)),
  late_spans UInt64 CODEC(T64, ZSTD(1)),
  received DateTime('UTC') CODEC(ZSTD(1)),
  computed_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1)),
  INDEX computed computed_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(seen, is_deleted)
PARTITION BY tuple()
ORDER BY (tenant, slo, definition, objective, minute, group_key)
TTL received + INTERVAL ${days} DAY`;

/** Sums of the cells of whole hours (docs/adr/041): a sixtieth of the rows, for questions about weeks. */
const SLO_HOURS = (days: number) => `
CREATE TABLE IF NOT EXISTS slo_hours (
  tenant LowCardinality(String),
  slo LowCardinality(String),
  definition LowCardinality(String),
  objective UInt8,
  hour DateTime('UTC'),
  group_key LowCardinality(String),
  seen UInt128,
  is_deleted UInt8,
  good UInt64,
  bad UInt64,
  unknown UInt64,
  received DateTime('UTC'),
  computed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(seen, is_deleted)
PARTITION BY tuple()
ORDER BY (tenant, slo, definition, objective, hour, group_key)
TTL received + INTERVAL ${days} DAY`;

/**
 * What late spans changed in cells that had been counted. Written before the cell: the state it leads to counts as the
 * cell's, so that a crash between the two neither loses nor repeats it (docs/adr/030).
 */
const SLO_RESTATEMENTS = (days: number) => `
CREATE TABLE IF NOT EXISTS slo_restatements (
  tenant LowCardinality(String),
  slo LowCardinality(String),
  definition LowCardinality(String),
  minute DateTime('UTC'),
  objective UInt8,
  group_key LowCardinality(String),
  seen UInt64,
  old_seen UInt64,
  at DateTime64(3, 'UTC') DEFAULT now64(3),
  old_good UInt64,
  old_bad UInt64,
  old_unknown UInt64,
  new_good UInt64,
  new_bad UInt64,
  new_unknown UInt64,
  old_total UInt64 ALIAS old_good + old_bad + old_unknown,
  new_total UInt64 ALIAS new_good + new_bad + new_unknown,
  new_late_spans UInt64,
  cause String
) ENGINE = ReplacingMergeTree(old_seen)
PARTITION BY tuple()
ORDER BY (tenant, slo, definition, minute, objective, group_key, seen)
TTL toDateTime(at) + INTERVAL ${days} DAY`;

/** Names and counting hashes of the SLOs there are now. */
const CURRENT = `
  SELECT tenant, name, argMax(counting_hash, version) FROM slo_documents
  WHERE kind = 'SLO' GROUP BY tenant, name HAVING argMax(is_deleted, version) = 0`;

const SLO_BUDGET = `
CREATE OR REPLACE VIEW slo_budget AS
SELECT tenant, slo, objective, group_key, minute, total, good, bad, unknown
FROM slo_rollup FINAL
WHERE objective < ${SLO_MARKER_OBJECTIVE} AND (tenant, slo, definition) GLOBAL IN (${CURRENT})`;

/**
 * Where SLOs with rolling windows stand at the beginning of this minute, by the rules of docs/slo.md. The starts of
 * calendar windows cannot be reckoned in SQL: time zones of functions are constants.
 *
 * Slices are whole: one belongs to the window that it ends in, also with what of it lies before. Occurrences have one
 * slice, of no length, that holds all.
 */
const SLO_STATUS = `
CREATE OR REPLACE VIEW slo_status AS
SELECT tenant, slo, objective, group_key, objective_ppm, window_from, window_to, total, good, bad, unknown,
       if(units = 0, NULL, 1 - spent / units) AS sli,
       units * (1000000 - objective_ppm) / 1000000 AS allowed,
       spent AS consumed,
       multiIf(spent = 0, 1, allowed = 0, 0, 1 - spent / allowed) AS remaining_ratio
FROM (
  SELECT tenant, slo, objective, group_key, objective_ppm,
         toStartOfMinute(now('UTC')) AS window_to, window_to - toIntervalMinute(window_minutes) AS window_from,
         sum(good_inside) AS good, sum(bad_inside) AS bad, sum(unknown_inside) AS unknown, good + bad + unknown AS total,
         if(method = 'Occurrences', sum(valid), countIf(valid > 0)) AS units,
         multiIf(method = 'Occurrences', toFloat64(sum(invalid)),
                 method = 'Timeslices', toFloat64(countIf(valid > 0 AND (valid - invalid) * 1000000 < slice_ppm * valid)),
                 sumIf(invalid / valid, valid > 0)) AS spent
  FROM (
    SELECT tenant, slo, objective, group_key, objective_ppm, slice_ppm, window_minutes, method,
           sumIf(good, is_inside) AS good_inside, sumIf(bad, is_inside) AS bad_inside, sumIf(unknown, is_inside) AS unknown_inside,
           sumIf(good + bad + if(policy = 'excluded', 0, unknown), is_whole) AS valid,
           sumIf(bad + if(policy = 'bad', unknown, 0), is_whole) AS invalid
    FROM (
      SELECT tenant, slo, objective, group_key, good, bad, unknown, objective_ppm, slice_ppm, window_minutes, method, policy,
             intDiv(toUnixTimestamp(minute), 60) AS at, intDiv(toUnixTimestamp(now()), 60) AS now_at,
             at >= now_at - window_minutes AND at < now_at AS is_inside,
             if(slice_minutes = 0, 0, intDiv(at, slice_minutes)) AS slice, (slice + 1) * slice_minutes AS slice_end,
             if(slice_minutes = 0, is_inside, slice_end > now_at - window_minutes AND slice_end <= now_at) AS is_whole
      FROM (
        SELECT tenant, slo, definition, objective, group_key, minute, good, bad, unknown
        FROM slo_rollup FINAL
        WHERE objective < ${SLO_MARKER_OBJECTIVE} AND (tenant, slo, definition) GLOBAL IN (${CURRENT})
          AND minute >= now() - toIntervalMinute((SELECT max(JSONExtractUInt(definition, 'window', 'minutes')) FROM slo_documents) + 1441)
      ) AS cells
      GLOBAL INNER JOIN (
        SELECT tenant, slo, definition, window_minutes, method, policy, toUInt8(number) AS objective,
               JSONExtractUInt(target, 'targetPpm') AS objective_ppm, JSONExtractUInt(target, 'slices', 'targetPpm') AS slice_ppm,
               if(method = 'Occurrences', 0, JSONExtractInt(target, 'slices', 'minutes')) AS slice_minutes
        FROM (
          SELECT tenant, name AS slo, argMax(counting_hash, version) AS definition, argMax(is_deleted, version) AS gone,
                 argMax(slo_documents.definition, version) AS json,
                 JSONExtractInt(json, 'window', 'minutes') AS window_minutes,
                 JSONExtractString(json, 'budgetingMethod') AS method, JSONExtractString(json, 'unknown') AS policy,
                 JSONExtractArrayRaw(json, 'objectives') AS targets
          FROM slo_documents WHERE kind = 'SLO' GROUP BY tenant, name HAVING gone = 0 AND window_minutes > 0)
        ARRAY JOIN targets AS target, range(length(targets)) AS number
      ) AS current USING (tenant, slo, definition, objective)
    )
    GROUP BY tenant, slo, objective, group_key, objective_ppm, slice_ppm, window_minutes, method, slice
  )
  GROUP BY tenant, slo, objective, group_key, objective_ppm, window_minutes, method
)
WHERE total > 0`;

/** Migration 2. */
export function sloStatements(rollupsDays: number): readonly string[] {
  return [SLO_DOCUMENTS, SLO_ROLLUP(rollupsDays), SLO_RESTATEMENTS(rollupsDays), SLO_BUDGET, SLO_STATUS];
}

/** Migration 5. */
export function sloHoursStatements(rollupsDays: number): readonly string[] {
  return [SLO_HOURS(rollupsDays)];
}
