/** The routes of reports. Making one is a POST, since it is kept; reading is always safe. */
import { z } from 'zod';
import {
  NewReportParameters,
  NoParameters,
  ReportAnswer,
  ReportParameters,
  ReportPath,
  ReportsAnswer,
} from '../../schemas/index.js';
import { type Route, type RouteAnswer, route } from '../routes.js';
import type { Parts } from '../settings.js';
import { keptReport, listReports, makeReport } from './freeze.js';
import { REPORT_CONTENT_TYPES, type ReportFormat, renderReport } from './render.js';
import { reportWindow } from './window.js';

const TEXT = z.string();
const ANSWERS = {
  'application/json': ReportAnswer,
  'text/html': TEXT,
  'text/markdown': TEXT,
  'text/csv': TEXT,
};

export function reportRoutes(parts: Parts): Route[] {
  const { store, tenant, clock } = parts;
  const inTurn = oneAtATime();
  return [
    route({
      method: 'GET',
      path: '/api/v1/reports',
      operationId: 'reports',
      summary: 'Reports that were made, the latest first.',
      query: NoParameters,
      answers: { 'application/json': ReportsAnswer },
      errors: [],
      handle: async () => ({ body: await listReports(store, tenant) }),
    }),
    route({
      method: 'POST',
      path: '/api/v1/reports',
      operationId: 'makeReport',
      summary: 'Makes a report on SLOs over a window, and keeps it.',
      query: NewReportParameters,
      answers: ANSWERS,
      errors: ['API_NOT_FOUND', 'API_TOO_MANY_GROUPS', 'API_LOG_UNAVAILABLE'],
      handle: async ({ query }) => {
        const window = reportWindow(query, clock());
        const report = await inTurn(() => makeReport(parts, { window, slos: query.slo ?? [] }));
        return rendered(report, query.format);
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/reports/{id}',
      operationId: 'report',
      summary: 'A report as it was when it was made.',
      query: ReportParameters,
      pathParameters: ReportPath,
      answers: ANSWERS,
      errors: ['API_NOT_FOUND'],
      handle: async ({ path, query }) => rendered(await keptReport(store, tenant, path.id), query.format),
    }),
  ];
}

function rendered(report: ReportAnswer, format: ReportFormat = 'json'): RouteAnswer {
  return { body: renderReport(report, format), contentType: REPORT_CONTENT_TYPES[format] };
}

/** A report may keep the store busy for a while: two at once would be no faster. */
function oneAtATime(): <Answer>(make: () => Promise<Answer>) => Promise<Answer> {
  let last: Promise<unknown> = Promise.resolve();
  return make => {
    const next = last.then(make, make);
    last = next.catch(() => undefined);
    return next;
  };
}
