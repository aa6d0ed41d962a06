import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ReportAnswer, ReportsAnswer, SloStatusAnswer } from '../../../schemas/index.js';
import type { Store } from '../../../store/index.js';
import { errorOf, startApi, type TestApi } from '../support/api.js';
import { insertRevisions, traceId } from '../support/rows.js';
import { putSlo, sloDefinition } from '../support/slos.js';
import { startStore } from '../support/store.js';

const NOW = Date.UTC(2026, 10, 24, 10, 0, 30);
const MONTH = 'from=2026-10-25T10:00:00Z&to=2026-11-24T10:00:00Z';

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  await putSlo(store, sloDefinition({ groupBy: ['location'] }));
  await insertRevisions(
    store,
    Array.from({ length: 20 }, (_, number) => ({
      traceId: traceId(number),
      endMs: NOW - 3_600_000 - number * 60_000,
      durationMs: number < 3 ? 900 : 100,
    })),
  );
  api = await startApi(store);
  api.nowMs = NOW;
  const path = '/api/v1/slos/fast/status?at=2026-11-24T10:00:00Z';
  for (let total = 0; total < 20; ) ({ total } = await api.read(SloStatusAnswer, path));
}, 60_000);
afterAll(async () => {
  await api?.close();
  await store?.close();
});
beforeEach(() => store.command('TRUNCATE TABLE slo_reports'));

const post = (query: string) => fetch(`${api.url}/api/v1/reports?${query}`, { method: 'POST' });

describe('POST /api/v1/reports', () => {
  test('makes a report with the figures of the status, and keeps it', async () => {
    const report = ReportAnswer.parse(await (await post(MONTH)).json());
    const status = await api.read(SloStatusAnswer, '/api/v1/slos/fast/status?at=2026-11-24T10:00:00Z');
    const [{ groups }] = report.slos;
    for (const [index, each] of [status, ...status.groups].entries()) {
      const { total, good, bad, unknown, sli, budget } = each;
      expect(groups[index]).toMatchObject({ total, good, bad, unknown, sli, budget });
    }
    expect(status.bad).toBe(3);
    expect(await api.read(ReportAnswer, `/api/v1/reports/${report.id}`)).toEqual(report);
    const { reports } = await api.read(ReportsAnswer, '/api/v1/reports');
    expect(reports.map(({ id }) => id)).toEqual([report.id]);
  });

  test.each([
    ['html', 'text/html; charset=utf-8', /^<!DOCTYPE html>/],
    ['md', 'text/markdown; charset=utf-8', /^# SLO report 2026-10-25/],
    ['csv', 'text/csv; charset=utf-8', /^slo,group,from,to/],
  ])('answers in %s', async (format, type, beginning) => {
    const response = await post(`${MONTH}&format=${format}`);
    expect(response.headers.get('content-type')).toBe(type);
    const text = await response.text();
    expect(text).toMatch(beginning);
    const { reports } = await api.read(ReportsAnswer, '/api/v1/reports');
    expect(await (await api.get(`/api/v1/reports/${reports[0].id}?format=${format}`)).text()).toBe(text);
  });

  test('takes the last whole month where no time is given', async () => {
    const { window } = ReportAnswer.parse(await (await post('slo=fast')).json());
    expect(window).toEqual({ from: '2026-10-01T00:00:00.000Z', to: '2026-11-01T00:00:00.000Z' });
  });

  test.each([
    ['slo=slow', 404, 'API_NOT_FOUND', /there is no SLO "slow"; there are: fast/],
    ['from=2026-11-01T00:00:00Z', 400, 'API_PARAMETER_INVALID', /give both from and to/],
    ['from=yesterday&to=1', 400, 'API_PARAMETER_INVALID', /from='yesterday': give an RFC 3339 time/],
    ['from=1764000030&to=1764000031', 400, 'API_PARAMETER_INVALID', /a minute or more before to/],
    ['from=1&to=1764000031', 400, 'API_PARAMETER_INVALID', /more than 400 days apart/],
    ['format=pdf', 400, 'API_PARAMETER_INVALID', /format='pdf': give one of json, html, md, csv/],
    [`slo=${'x,'.repeat(3)}`, 400, 'API_PARAMETER_INVALID', /names of SLOs, comma separated/],
  ])('refuses %s', async (query, status, code, message) => {
    const error = await errorOf(await post(query));
    expect(error).toMatchObject({ status, code });
    expect(error.message).toMatch(message);
    expect((await api.read(ReportsAnswer, '/api/v1/reports')).reports).toEqual([]);
  });
});

test('a report that was never made is not found', async () => {
  expect(await errorOf(await api.get('/api/v1/reports/nope'))).toMatchObject({ status: 404, code: 'API_NOT_FOUND' });
});
