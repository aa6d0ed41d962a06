/** What people write (config, rules, API parameters) and the ClickHouse tables: schemas and constants, no I/O. */
export * from './api.js';
export * from './clickhouse.js';
export * from './clickhouse-cluster.js';
export { SLO_MARKER_OBJECTIVE } from './clickhouse-slo.js';
export * from './config.js';
export * from './config-conflicts.js';
export { listFromText } from './config-values.js';
export { type CrashPoint, crashPoint } from './crash-point.js';
export { isLoopback } from './loopback.js';
export * from './report-parameters.js';
export * from './rules.js';
export * from './slo/index.js';
export * from './slo-answers.js';
export * from './slo-parameters.js';
export { HIDDEN_TABLES, PUBLIC_TABLES, PUBLIC_VIEWS_WITH_PARAMETERS } from './sql-tables.js';
export { nearestName } from './suggestion.js';
export { type TokenEntry, TokenList } from './tokens.js';
