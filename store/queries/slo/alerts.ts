/** Where alerts stand, and what evaluating them reads: the counts of an SLO, and how complete traces have been. */
import { SLO_MARKER_OBJECTIVE } from '../../../schemas/index.js';
import type { QueryOptions, Store } from '../../types.js';
import { literal } from '../literal.js';
import { type MinuteSpan, type SloCells, type SloSeries, secondsOf } from './counts.js';

export interface AlertKey {
  readonly tenant: string;
  readonly slo: string;
  readonly objective: number;
  readonly rule: string;
  readonly condition: string;
  /** JSON, as the cells of `slo_rollup` have it. */
  readonly groupKey: string;
}

export interface AlertRow extends AlertKey {
  readonly status: string;
  readonly severity: string;
  /** '' if there was none yet. */
  readonly alertId: string;
  /** Minutes since the epoch. */
  readonly sinceMinute: number | null;
  readonly firedMinute: number | null;
  readonly resolvedMinute: number | null;
  readonly held: string;
  readonly lastMinute: number | null;
  /** JSON; its shape is its writer's. */
  readonly state: string;
  readonly figures: string;
  readonly outbox: string;
}

export interface StoredAlert extends AlertRow {
  readonly version: number;
  /** When it was written, epoch milliseconds of the store's clock. */
  readonly atMs: number;
}

export interface AlertChange extends AlertRow {
  readonly version: number;
  /** The version it follows from; 0 for the first one. */
  readonly follows: number;
}

export interface ObjectiveSeries extends SloSeries {
  readonly objective: number;
}

/** Of traces that ended in a minute, by what their roots say. */
export interface Completeness {
  readonly minute: number;
  readonly service: string;
  readonly operation: string;
  readonly traces: number;
  readonly incomplete: number;
}

const OPTIONS: QueryOptions = { timeoutMs: 20_000 };
/** Rows of one statement, and what it may be long. */
const ROWS_AT_ONCE = 300;
const LARGE_STATEMENT: QueryOptions = { settings: { max_query_size: 64 * 1024 * 1024, max_ast_elements: 1_000_000 } };

const KEY = 'tenant, slo, objective, rule, condition, group_key';
const COLUMNS = `${KEY}, version, status, severity, alert_id, since, fired_at, resolved_at, held, evaluated_to, state, figures, outbox`;
const TYPES = `tenant String, slo String, objective UInt8, rule String, condition String, group_key String, version UInt64,
  status String, severity String, alert_id String, since Nullable(UInt32), fired_at Nullable(UInt32),
  resolved_at Nullable(UInt32), held String, evaluated_to Nullable(UInt32), state String, figures String, outbox String,
  follows UInt64`;

/** Of all tenants, or of one; and the store's clock. */
export async function storedAlerts(
  store: Store,
  tenant?: string,
): Promise<{ alerts: StoredAlert[]; serverNowMs: number }> {
  const minute = (column: string) => `intDiv(toUnixTimestamp(${column}), 60)`;
  const [[now]] = await store.queryRows('SELECT toUnixTimestamp64Milli(now64(3))');
  const rows = await store.queryRows(
    `SELECT ${KEY}, version, status, severity, alert_id, ${minute('since')}, ${minute('fired_at')}, ${minute('resolved_at')},
            held, ${minute('evaluated_to')}, state, figures, outbox, toUnixTimestamp64Milli(at)
     FROM slo_alerts FINAL WHERE ${tenant === undefined ? 'true' : 'tenant = {tenant:String}'} ORDER BY ${KEY}`,
    tenant === undefined ? {} : { tenant },
    OPTIONS,
  );
  return { alerts: rows.map(toStoredAlert), serverNowMs: Number(now) };
}

function toStoredAlert(row: readonly unknown[]): StoredAlert {
  const [tenant, slo, objective, rule, condition, groupKey, version, status, severity, alertId, ...rest] = row;
  const [since, fired, resolved, held, last, state, figures, outbox, at] = rest;
  const minute = (value: unknown) => (value === null ? null : Number(value));
  return {
    tenant: String(tenant),
    slo: String(slo),
    objective: Number(objective),
    rule: String(rule),
    condition: String(condition),
    groupKey: String(groupKey),
    version: Number(version),
    status: String(status),
    severity: String(severity),
    alertId: String(alertId),
    sinceMinute: minute(since),
    firedMinute: minute(fired),
    resolvedMinute: minute(resolved),
    held: String(held),
    lastMinute: minute(last),
    state: String(state),
    figures: String(figures),
    outbox: String(outbox),
    atMs: Number(at),
  };
}

/**
 * Writes those whose key still has the version they follow from: who evaluated on what is outdated by now writes nothing,
 * and reads again. Two that write at the same instant may both pass; then one row is left, and what is to be told is read
 * from that (outbox), some seconds later.
 */
export async function saveAlerts(store: Store, changes: readonly AlertChange[]): Promise<void> {
  for (let from = 0; from < changes.length; from += ROWS_AT_ONCE) {
    const part = changes.slice(from, from + ROWS_AT_ONCE);
    const slos = [...new Set(part.map(({ slo }) => literal(slo)))].join(', ');
    await store.command(
      `INSERT INTO slo_alerts (${COLUMNS})
       SELECT ${COLUMNS} FROM values('${TYPES}', ${part.map(valuesOf).join(', ')}) AS given
       LEFT JOIN (
         SELECT ${KEY}, max(slo_alerts.version) AS stored_version FROM slo_alerts WHERE slo IN (${slos}) GROUP BY ${KEY}
       ) AS stored USING (${KEY})
       WHERE stored_version = follows`,
      {},
      LARGE_STATEMENT,
    );
  }
}

function valuesOf(change: AlertChange): string {
  const seconds = (minute: number | null) => (minute === null ? 'NULL' : String(Math.trunc(minute) * 60));
  const { tenant, slo, objective, rule, condition, groupKey, version, status, severity, alertId } = change;
  const values = [
    literal(tenant),
    literal(slo),
    Math.trunc(objective),
    ...[rule, condition, groupKey].map(literal),
    Math.trunc(version),
    ...[status, severity, alertId].map(literal),
    ...[change.sinceMinute, change.firedMinute, change.resolvedMinute].map(seconds),
    literal(change.held),
    seconds(change.lastMinute),
    ...[change.state, change.figures, change.outbox].map(literal),
    Math.trunc(change.follows),
  ];
  return `(${values.join(', ')})`;
}

/** Of each objective and group with events, minute by minute: one read for all conditions of an SLO. */
export async function alertSeries(store: Store, cells: SloCells, span: MinuteSpan): Promise<ObjectiveSeries[]> {
  const lists = ['good', 'bad', 'unknown'].map(count => `groupArray(toFloat64(${count}))`).join(', ');
  const rows = await store.queryRows(
    `SELECT objective, group_key, groupArray(intDiv(toUnixTimestamp(minute), 60)), ${lists} FROM (
       SELECT objective, group_key, minute, good, bad, unknown FROM slo_rollup FINAL
       WHERE tenant = {tenant:String} AND slo = {slo:String} AND definition = {definition:String}
         AND objective < ${SLO_MARKER_OBJECTIVE} AND minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})
       ORDER BY objective, group_key, minute)
     GROUP BY objective, group_key ORDER BY objective, group_key`,
    { ...cells, ...secondsOf(span.fromMinute, span.toMinute) },
    OPTIONS,
  );
  return rows.map(([objective, groupKey, ...columns]) => {
    const [at, good, bad, unknown] = columns as number[][];
    const minutes = at.map((minute, index) => ({
      minute,
      total: good[index] + bad[index] + unknown[index],
      good: good[index],
      bad: bad[index],
      unknown: unknown[index],
    }));
    minutes.sort((a, b) => a.minute - b.minute);
    return { objective: Number(objective), groupKey: String(groupKey), minutes };
  });
}

export async function completenessOf(store: Store, tenant: string, span: MinuteSpan): Promise<Completeness[]> {
  const rows = await store.queryRows(
    `SELECT intDiv(toUnixTimestamp(minute), 60) AS at, service, operation, sum(traces), sum(incomplete)
     FROM latency_rollup FINAL
     WHERE tenant = {tenant:String} AND minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})
     GROUP BY at, service, operation`,
    { tenant, ...secondsOf(span.fromMinute, span.toMinute) },
    OPTIONS,
  );
  return rows.map(([minute, service, operation, traces, incomplete]) => ({
    minute: Number(minute),
    service: String(service),
    operation: String(operation),
    traces: Number(traces),
    incomplete: Number(incomplete),
  }));
}
