/** Reports that are kept: made once, and given again as they were. */
import type { ReportAnswer, ReportsAnswer } from '../../schemas/index.js';
import { reportDocument, reportHeads, type Store, saveReport } from '../../store/index.js';
import { ApiError } from '../errors.js';
import { instantOf, minuteText } from '../slo/times.js';
import { buildReport, type ReportParts, type ReportRequest } from './build.js';

const REPORTS_LISTED = 1_000;

/** Builds a report and keeps it; one with the same figures at the same watermark that is kept already is given instead. */
export async function makeReport(parts: ReportParts, request: ReportRequest): Promise<ReportAnswer> {
  const { store, tenant } = parts;
  const report = await buildReport(parts, request);
  const kept = await reportDocument(store, tenant, report.id);
  if (kept !== undefined) return JSON.parse(kept) as ReportAnswer;
  await saveReport(store, {
    tenant,
    id: report.id,
    createdAtMs: Date.parse(report.created_at),
    ...request.window,
    slos: [...new Set(report.slos.map(({ name }) => name))],
    document: JSON.stringify(report),
  });
  return report;
}

export async function keptReport(store: Store, tenant: string, id: string): Promise<ReportAnswer> {
  const document = await reportDocument(store, tenant, id);
  if (document === undefined) throw new ApiError('API_NOT_FOUND', `there is no report ${id}`);
  return JSON.parse(document) as ReportAnswer;
}

/** The latest first. */
export async function listReports(store: Store, tenant: string): Promise<ReportsAnswer> {
  const heads = await reportHeads(store, tenant, REPORTS_LISTED);
  return {
    reports: heads.map(({ id, createdAtMs, fromMinute, toMinute, slos }) => ({
      id,
      window: { from: minuteText(fromMinute), to: minuteText(toMinute) },
      created_at: instantOf(createdAtMs),
      slos: [...slos],
    })),
  };
}
