/**
 * The ClickHouse tables and views, as numbered migrations (names and public columns: docs/schema.md).
 *
 * Every table carries `tenant` first. Ids are lower-case hex. `received` is the append time of the log, the same for
 * every redelivery of a record, so partitions and retention follow receipt, never span time: a hostile span date can
 * neither poison an insert nor make thousands of parts.
 *
 * Hexadecimal digits of ids are ZSTD, which makes half of them; LZ4, the default, makes nothing. Ids of traces, which
 * questions look through, stay as they are read fastest.
 *
 * Written for one server; clickhouse-cluster.ts makes replicated and distributed tables of them when a cluster is named.
 */
import { SLO_REPORTS } from './clickhouse-reports.js';
import { sloHoursStatements, sloStatements } from './clickhouse-slo.js';
import { sloAlertStatements } from './clickhouse-slo-alerts.js';

/** Days each kind of data is kept, counted from receipt. */
export interface Retention {
  readonly spansDays: number;
  readonly tracesDays: number;
  readonly rollupsDays: number;
}

export interface Migration {
  /** Applied in ascending order, once each; never edited after release. */
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

const SPANS = (days: number) => `
CREATE TABLE IF NOT EXISTS spans (
  tenant LowCardinality(String),
  trace_id FixedString(32),
  span_id FixedString(16) CODEC(ZSTD(1)),
  parent_span_id String CODEC(ZSTD(1)),
  name LowCardinality(String),
  kind Enum8('UNSPECIFIED' = 0, 'INTERNAL' = 1, 'SERVER' = 2, 'CLIENT' = 3, 'PRODUCER' = 4, 'CONSUMER' = 5),
  service LowCardinality(String),
  tier LowCardinality(String),
  start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  end DateTime64(9, 'UTC') ALIAS fromUnixTimestamp64Nano(toInt64(bitShiftRight(version, 64)), 'UTC'),
  duration_ns UInt64 ALIAS if(end > start, toUInt64(toUnixTimestamp64Nano(end) - toUnixTimestamp64Nano(start)), 0),
  duration_ms Float64 ALIAS duration_ns / 1e6,
  status Enum8('UNSET' = 0, 'OK' = 1, 'ERROR' = 2),
  status_message String,
  attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  resource_json LowCardinality(String),
  resource Map(LowCardinality(String), String) ALIAS JSONExtract(resource_json, 'Map(LowCardinality(String), String)'),
  scope_name LowCardinality(String),
  scope_version LowCardinality(String),
  environment LowCardinality(String),
  host LowCardinality(String),
  peer_service LowCardinality(String),
  locality LowCardinality(String),
  region LowCardinality(String),
  country LowCardinality(String),
  location_rank UInt8,
  trace_state String,
  events String CODEC(ZSTD(1)),
  links String CODEC(ZSTD(1)),
  span_flags UInt32,
  flags UInt16,
  is_database_call Bool,
  dropped_attributes_count UInt32,
  checksum UInt32 ALIAS toUInt32(bitAnd(bitShiftRight(version, 40), 0xffffff)),
  received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  version UInt128 CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(received)
ORDER BY (tenant, trace_id, span_id, kind)
TTL toDateTime(received) + INTERVAL ${days} DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1`;

/**
 * How many spans of a trace each record of the log brought: a pure function of the record, so redelivery changes
 * nothing. Its sum over a trace is the number of arrivals, duplicates included; the auditor and the ledger rest on it. And
 * it tells on which days a trace's spans came, so that they are looked for in those only (docs/adr/072).
 */
const TRACE_ARRIVALS = (days: number) => `
CREATE TABLE IF NOT EXISTS trace_arrivals (
  tenant LowCardinality(String),
  trace_id FixedString(32),
  partition UInt16,
  offset UInt64,
  spans UInt32,
  received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
  INDEX inserted inserted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toMonday(received)
ORDER BY (tenant, trace_id, partition, offset)
TTL toDateTime(received) + INTERVAL ${days} DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1`;

/**
 * Every revision of every trace. The key holds what a later revision may change (end, location), so a revision that
 * moves is accompanied by a tombstone (`is_deleted`) with its version under the old key. `version` has the
 * number of arrivals on top, then the revision: it grows with every arrival, duplicates included.
 *
 * What a section of the critical path is stands as one text, `["service","","shop","GET /","app"]` (kind, caller, service,
 * operation, tier), and whatever follows from the sections is computed by the view `traces`: an array of LowCardinality
 * costs a merge as much as all numbers of a row (docs/adr/070), and every question to a table pays for its ALIAS columns.
 */
const TRACE_REVISIONS = (days: number) => `
CREATE TABLE IF NOT EXISTS trace_revisions (
  tenant LowCardinality(String),
  end_minute DateTime('UTC'),
  country LowCardinality(String),
  region LowCardinality(String),
  locality LowCardinality(String),
  trace_id FixedString(32),
  version UInt128,
  is_deleted UInt8,
  revision UInt64,
  received DateTime64(3, 'UTC'),
  written_at DateTime64(3, 'UTC') DEFAULT now64(3),
  complete Bool,
  has_root Bool,
  service LowCardinality(String),
  operation LowCardinality(String),
  environment LowCardinality(String),
  root_span_id String CODEC(ZSTD(1)),
  start DateTime64(9, 'UTC'),
  end DateTime64(9, 'UTC'),
  duration_ns UInt64,
  error Bool,
  error_span_id String,
  error_service LowCardinality(String),
  error_operation LowCardinality(String),
  error_tier LowCardinality(String),
  span_count UInt32,
  service_count UInt32,
  orphan_count UInt32,
  duplicate_count UInt32,
  late_span_count UInt32,
  too_late_count UInt32,
  arrivals UInt32,
  flags Array(LowCardinality(String)),
  tier_names Array(LowCardinality(String)),
  tier_ns Array(UInt64),
  path_services LowCardinality(String),
  path_sections Array(LowCardinality(String)),
  path_span_id Array(FixedString(16)) CODEC(ZSTD(1)),
  path_self_ns Array(UInt64),
  corrections String CODEC(ZSTD(1)),
  INDEX by_trace_id trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX written written_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toDate(received)
ORDER BY (tenant, end_minute, country, region, locality, trace_id)
TTL toDateTime(received) + INTERVAL ${days} DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1`;

/** Current revisions only, one row per trace. A key's rows share a partition: `received` is part of what a tombstone repeats. */
const TRACES = `
CREATE OR REPLACE VIEW traces AS
SELECT tenant, trace_id, revision, complete, has_root, service, operation, environment, locality, region, country,
       start, end, duration_ns / 1e6 AS duration_ms, duration_ns, error, error_span_id, error_service, error_operation, error_tier,
       span_count, service_count, orphan_count, duplicate_count, late_span_count, too_late_count, flags,
       tier_names, tier_ns,
       JSONExtract(path_services, 'Array(String)') AS service_names,
       arrayMap(name -> arraySum((kind, party, ns) -> if(kind = 'service' AND party = name, ns, 0), path_kind, path_service, path_self_ns), service_names) AS service_ns,
       arrayFilter(link -> link.1 = 'link', arrayDistinct(arrayZip(path_kind, path_caller, path_service))) AS path_links,
       arrayMap(link -> link.2, path_links) AS link_callers,
       arrayMap(link -> link.3, path_links) AS link_callees,
       arrayMap(link -> arraySum((party, ns) -> if(party = link, ns, 0), arrayZip(path_kind, path_caller, path_service), path_self_ns), path_links) AS link_ns,
       root_span_id, end_minute, received,
       arrayMap(section -> JSONExtractString(section, 1), path_sections) AS path_kind,
       path_span_id,
       arrayMap(section -> JSONExtractString(section, 2), path_sections) AS path_caller,
       arrayMap(section -> JSONExtractString(section, 3), path_sections) AS path_service,
       arrayMap(section -> JSONExtractString(section, 4), path_sections) AS path_operation,
       arrayMap(section -> JSONExtractString(section, 5), path_sections) AS path_tier,
       arrayMap((end_ns, self_ns) -> end_ns - self_ns, arrayCumSum(path_self_ns), path_self_ns) AS path_offset_ns,
       path_self_ns
FROM trace_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1`;

/**
 * One cell per minute (of trace end) and key; a pure function of \`traces\`, recomputed whole when its minute is dirty.
 * \`seen\` says how much of its minute the cell was computed from (store/queries/rollups.ts), so of two writers the one that saw more wins; a cell that
 * lost its last trace is rewritten with \`is_deleted = 1\`. The sketch's relative error is 1 % (quantileDD). Rows are wide, a
 * kilobyte each, and reading sketches is all that a question about a day costs: hence the small granules.
 */
const LATENCY_ROLLUP = (days: number) => `
CREATE TABLE IF NOT EXISTS latency_rollup (
  tenant LowCardinality(String),
  minute DateTime('UTC'),
  country LowCardinality(String),
  region LowCardinality(String),
  locality LowCardinality(String),
  service LowCardinality(String),
  operation LowCardinality(String),
  seen UInt64,
  is_deleted UInt8,
  traces UInt64,
  errors UInt64,
  unknown UInt64,
  incomplete UInt64,
  duration_ns_sum UInt128,
  duration_ns_max UInt64,
  latency AggregateFunction(quantilesDD(0.01, 0.5), Float64),
  received DateTime('UTC'),
  computed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(seen, is_deleted)
PARTITION BY tuple()
ORDER BY (tenant, minute, country, region, locality, service, operation)
TTL received + INTERVAL ${days} DAY
SETTINGS index_granularity = 512`;

/** Where each stitcher, and the rollups, have got to: what \`freshness.settled\` is computed from. */
const PROGRESS = `
CREATE TABLE IF NOT EXISTS progress (
  name LowCardinality(String),
  instance String,
  at DateTime64(3, 'UTC') DEFAULT now64(3),
  state String
) ENGINE = ReplacingMergeTree(at)
ORDER BY (name, instance)`;

/** "What do users in New York experience right now": exact, from current revisions; \`location\` as in /api/v1/latency, '' for all. */
const LATENCY_NOW = `
CREATE OR REPLACE VIEW latency_now AS
SELECT {location:String} AS location,
       count() AS traces,
       countIf(NOT has_root) AS unknown,
       quantileExactOrNullIf(0.5)(duration_ns, has_root) / 1e6 AS p50_ms,
       quantileExactOrNullIf(0.9)(duration_ns, has_root) / 1e6 AS p90_ms,
       quantileExactOrNullIf(0.95)(duration_ns, has_root) / 1e6 AS p95_ms,
       quantileExactOrNullIf(0.99)(duration_ns, has_root) / 1e6 AS p99_ms
FROM trace_revisions FINAL
WHERE end_minute >= toStartOfMinute(now() - {window_s:UInt32})
  AND end >= now64(9) - toIntervalSecond({window_s:UInt32})
  AND ({location:String} = ''
       OR lowerUTF8(locality) = lowerUTF8({location:String})
       OR lowerUTF8(region) = lowerUTF8({location:String})
       OR lowerUTF8(country) = lowerUTF8({location:String}))
SETTINGS do_not_merge_across_partitions_select_final = 1`;

/** Tables below this version were of development only: they have other columns (docs/adr/070). */
export const OLDEST_READABLE_VERSION = 6;

/** All migrations for a single server, retention filled in. */
export function migrations(retention: Retention): readonly Migration[] {
  return [
    {
      version: OLDEST_READABLE_VERSION,
      name: 'spans, traces, rollups',
      statements: [
        SPANS(retention.spansDays),
        TRACE_ARRIVALS(retention.tracesDays),
        TRACE_REVISIONS(retention.tracesDays),
        TRACES,
        LATENCY_ROLLUP(retention.rollupsDays),
        PROGRESS,
        LATENCY_NOW,
      ],
    },
    { version: 7, name: 'SLOs', statements: sloStatements(retention.rollupsDays) },
    { version: 8, name: 'alerts', statements: sloAlertStatements(retention.rollupsDays) },
    { version: 9, name: 'reports', statements: [SLO_REPORTS] },
    { version: 10, name: 'hours of SLOs', statements: sloHoursStatements(retention.rollupsDays) },
  ];
}
