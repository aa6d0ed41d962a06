/**
 * The store: one ClickHouse behind one client code path, whether a server or the embedded engine.
 *
 * In come Native columns (inserts) and SQL; out go rows. `startEmbeddedEngine` runs the engine as a child process that
 * speaks ClickHouse's HTTP interface, `openStore` talks to that or to a server, `migrate` makes the tables of
 * schemas/clickhouse.ts, `queries/` names what other rooms ask. It never decides what an SLO is, nor when a trace closes.
 */
export * from './client.js';
export { LOCAL_SUFFIX } from './cluster.js';
export { type Connection, displayUrl } from './connection.js';
export * from './engine/index.js';
export * from './errors.js';
export * from './migrate.js';
export * from './native/index.js';
export * from './queries/latency.js';
export * from './queries/ledger.js';
export type { Minute } from './queries/minutes.js';
export * from './queries/new-parts.js';
export * from './queries/progress.js';
export * from './queries/rollups.js';
export * from './queries/slo/baselines.js';
export * from './queries/slo/blame.js';
export type { BlameQuestion } from './queries/slo/blame-traces.js';
export { healthyMinutes, healthySums, type MinuteChoice } from './queries/slo/healthy.js';
export * from './queries/slo/index.js';
export * from './queries/stitching.js';
export * from './queries/trace-by-id.js';
export type { TraceRow } from './queries/trace-row.js';
export * from './queries/traces.js';
export * from './sql-store.js';
export type * from './types.js';
export * from './wait.js';
