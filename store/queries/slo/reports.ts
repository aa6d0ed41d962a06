/** Frozen reports: whole documents that are never changed. */
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import { type MinuteSpan, secondsOf } from './counts.js';

export interface StoredReport extends MinuteSpan {
  readonly tenant: string;
  readonly id: string;
  readonly createdAtMs: number;
  /** Names. */
  readonly slos: readonly string[];
  /** JSON. */
  readonly document: string;
}

export type ReportHead = Omit<StoredReport, 'tenant' | 'document'>;

/** Writing a report again, as it is, changes nothing. */
export async function saveReport(store: Store, report: StoredReport): Promise<void> {
  const { tenant, id, createdAtMs, fromMinute, toMinute, slos, document } = report;
  const { from, to } = secondsOf(fromMinute, toMinute);
  const values = [
    literal(tenant),
    literal(id),
    `fromUnixTimestamp64Milli(${Math.trunc(createdAtMs)})`,
    from,
    to,
    `[${slos.map(literal).join(',')}]`,
    literal(document),
  ];
  // As a value in the text: documents are longer than a parameter may be.
  await store.command(
    `INSERT INTO slo_reports (tenant, id, created_at, window_from, window_to, slos, document) VALUES (${values.join(', ')})`,
  );
}

/** Its JSON; undefined if there is none. */
export async function reportDocument(store: Store, tenant: string, id: string): Promise<string | undefined> {
  const rows = await store.queryRows(
    'SELECT document FROM slo_reports FINAL WHERE tenant = {tenant:String} AND id = {id:String}',
    { tenant, id },
  );
  return rows.length === 0 ? undefined : String(rows[0][0]);
}

/** The latest report of exactly that window that has all of these SLOs. */
export async function lastReportOf(
  store: Store,
  tenant: string,
  { fromMinute, toMinute }: MinuteSpan,
  slos: readonly string[],
): Promise<string | undefined> {
  const rows = await store.queryRows(
    `SELECT document FROM slo_reports FINAL
     WHERE tenant = {tenant:String} AND window_from = toDateTime({from:UInt32}) AND window_to = toDateTime({to:UInt32})
       AND hasAll(slos, [${slos.map(literal).join(',')}])
     ORDER BY created_at DESC, id LIMIT 1`,
    { tenant, ...secondsOf(fromMinute, toMinute) },
  );
  return rows.length === 0 ? undefined : String(rows[0][0]);
}

/** The latest first. */
export async function reportHeads(store: Store, tenant: string, limit: number): Promise<ReportHead[]> {
  const rows = await store.queryRows(
    `SELECT id, toUnixTimestamp64Milli(created_at), toUnixTimestamp(window_from), toUnixTimestamp(window_to), slos
     FROM slo_reports FINAL WHERE tenant = {tenant:String} ORDER BY created_at DESC, id LIMIT {limit:UInt32}`,
    { tenant, limit },
  );
  return rows.map(row => ({
    id: String(row[0]),
    createdAtMs: Number(row[1]),
    fromMinute: Number(row[2]) / 60,
    toMinute: Number(row[3]) / 60,
    slos: row[4] as string[],
  }));
}

/** When the newest row of traces that ended in these minutes was written, the store's clock, epoch milliseconds; or 0. */
export async function newestRowOf(store: Store, tenant: string, { fromMinute, toMinute }: MinuteSpan): Promise<number> {
  const rows = await store.queryRows(
    `SELECT toUnixTimestamp64Milli(max(written_at)) FROM trace_revisions
     WHERE tenant = {tenant:String} AND end_minute >= toDateTime({from:UInt32}) AND end_minute < toDateTime({to:UInt32})`,
    { tenant, ...secondsOf(fromMinute, toMinute) },
  );
  return Number(rows[0]?.[0] ?? 0);
}
