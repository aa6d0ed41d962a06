/** The report of replayed data, opened as one file in a real browser without network: what it shows is what the API says. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ReportAnswer,
  SloBlameAnswer,
  type SloGroupStatus,
  SloRestatementsAnswer,
  SloStatusAnswer,
} from '../../schemas/index.js';
import { Throughline } from '../support/throughline.js';
import { launchBrowser, type OpenPage, openOffline } from './support/offline-page.js';
import {
  countIn,
  type DrawnLine,
  drawnLine,
  durationIn,
  type Row,
  ratioIn,
  readReport,
  type Section,
} from './support/report-page.js';
import { shiftedFile } from './support/shifted-file.js';

const RECORDINGS = ['onlineboutique-delays', 'opentelemetry-demo'];
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Names come from documents, which anyone may write. */
const HOSTILE = `<img src="http://127.0.0.1:9/x" onerror="alert(1)"> & 'Shop'`;

const sloText = (name: string, displayName: string, spec: string) => `
apiVersion: openslo/v1
kind: SLO
metadata: { name: ${name}, displayName: ${JSON.stringify(displayName)} }
spec:
  service: shop
  description: ${JSON.stringify(displayName)}
  timeWindow: [{ duration: 1d, isRolling: true }]
  budgetingMethod: Occurrences
  ${spec}`;

const SHOP = sloText(
  'shop',
  HOSTILE,
  `groupBy: [location]
  indicator:
    metadata: { name: shop-duration }
    spec:
      thresholdMetric:
        metricSource: { type: throughline, spec: { service: frontend, operation: hipstershop.Frontend/Recv. } }
  objectives: [{ op: lt, value: 1000, target: 0.9 }]`,
);
const DEMO = sloText(
  'demo',
  'Demo',
  `indicator:
    metadata: { name: demo-errors }
    spec:
      ratioMetric:
        counter: true
        good: { metricSource: { type: throughline, spec: { error: false } } }
        total: { metricSource: { type: throughline, spec: { service: [loadgenerator, frontend-proxy] } } }
  objectives: [{ target: 0.5 }]`,
);

let directory: string;
let browser: Browser;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-browser-'));
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the report of replayed data', () => {
  let throughline: Throughline;
  let opened: OpenPage;
  let sections: readonly Section[];
  let report: ReportAnswer;
  let fileUrl: string;
  /** A whole minute that is over; all that is sent ends before it. */
  const toMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const [from, to] = [toMs - DAY_MS, toMs].map(ms => new Date(ms).toISOString());

  const status = async (name: string) =>
    SloStatusAnswer.parse(await throughline.get(`/api/v1/slos/${name}/status`, { at: to }));

  async function put(name: string, body: string): Promise<void> {
    const headers = { 'content-type': 'application/yaml' };
    const response = await fetch(`${throughline.api}/api/v1/slos/${name}`, { method: 'PUT', headers, body });
    expect(response.status, await response.text()).toBe(200);
  }

  async function counted(): Promise<void> {
    await throughline.settled(120_000);
    for (const name of ['shop', 'demo']) {
      await throughline.until('counted', async () => (await status(name)).freshness.settled, 60_000);
    }
  }

  const lateEndMs = toMs - 2 * MINUTE_MS;

  /** Of a trace whose child came first: its verdict is restated. */
  async function send(spanId: string, parentSpanId: string): Promise<void> {
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'frontend' } }] };
    const times = { startTimeUnixNano: `${lateEndMs - 1_500}000000`, endTimeUnixNano: `${lateEndMs}000000` };
    const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId, parentSpanId };
    const span = { ...ids, kind: 2, name: 'hipstershop.Frontend/Recv.', ...times };
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${throughline.otlpHttp}/v1/traces`, { method: 'POST', headers, body })).status).toBe(200);
    await counted();
  }

  beforeAll(async () => {
    const settings = { THROUGHLINE_STITCHER_COMPLETE_AFTER: '200ms', THROUGHLINE_STITCHER_IDLE: '2s' };
    throughline = await Throughline.start({ settings });
    await put('shop', SHOP);
    await put('demo', DEMO);
    for (const name of RECORDINGS) {
      const file = join(directory, `${name}.otlp.jsonl`);
      await shiftedFile(`../shared/data/traces/${name}.otlp.jsonl.gz`, file, toMs - MINUTE_MS / 2);
      const { code, stdout, stderr } = await throughline.run('replay', file);
      expect(code, stderr + stdout).toBe(0);
    }
    await send('eee19b7ec3c1b174', 'eee19b7ec3c1b173');
    await send('eee19b7ec3c1b173', '');

    const file = join(directory, 'report.html');
    const written = await throughline.run('report', '--from', from, '--to', to, '--format', 'html', '--output', file);
    expect(written.code, written.stderr + written.stdout).toBe(0);
    const [, id] = /report (\w+):/.exec(written.stderr + written.stdout)!;
    report = ReportAnswer.parse(await throughline.get(`/api/v1/reports/${id}`));
    fileUrl = pathToFileURL(file).href;
    opened = await openOffline(browser, fileUrl);
    ({ sections } = await readReport(opened.page));
  }, 300_000);

  afterAll(async () => {
    await opened?.close();
    await throughline?.destroy();
  });

  const sectionOf = (name: string) => {
    const index = report.slos.findIndex(slo => slo.name === name);
    return { section: sections[index], slo: report.slos[index] };
  };

  function expectFigures(row: Row, figures: Omit<SloGroupStatus, 'key'>): void {
    expect(countIn(row.good)).toBe(figures.good);
    expect(countIn(row.bad)).toBe(figures.bad);
    expect(countIn(row.unknown)).toBe(figures.unknown);
    expectRatio(row.SLI, figures.sli!);
    expectRatio(row['budget left'], figures.budget.remaining_ratio);
  }

  /** Rounded down, to four digits of a percentage. */
  function expectRatio(text: string, ratio: number): void {
    expect(ratioIn(text)).toBeLessThanOrEqual(ratio + 1e-12);
    expect(ratioIn(text)).toBeGreaterThan(ratio - 1e-6);
  }

  function expectDuration(text: string, ms: number): void {
    const { leastMs, mostMs } = durationIn(text);
    expect(ms).toBeGreaterThanOrEqual(leastMs);
    expect(ms).toBeLessThanOrEqual(mostMs);
  }

  test('asks for nothing but itself, and says nothing on the console', () => {
    expect(opened.doings).toEqual({ requests: [], messages: [] });
  });

  test('has a section for each SLO, names as they are written', async () => {
    expect(sections).toHaveLength(report.slos.length);
    const titles = sections.map(({ title }) => title);
    expect(titles.sort()).toEqual([`${HOSTILE} objective 90 %`, 'Demo objective 50 %'].sort());
    expect(await opened.page.locator('img, script, link, iframe, object, [onerror]').count()).toBe(0);
  });

  test.each(['shop', 'demo'])('has the figures of the status of %s, all together and group by group', async name => {
    const { section } = sectionOf(name);
    const rows = section.tables.get('')!;
    const answer = await status(name);
    expect({ from: answer.window.from, to: answer.window.to }).toEqual({ from, to });
    expect(Math.min(answer.good, answer.bad)).toBeGreaterThan(0);
    expect(rows).toHaveLength(1 + answer.groups.length);
    expect(rows[0].group).toBe('all');
    expectFigures(rows[0], answer);
    for (const group of answer.groups) {
      const row = rows.find(each => each.group === (group.key.location || '(unknown)'));
      expect(row, group.key.location).toBeDefined();
      expectFigures(row!, group);
    }
  });

  test.each(['shop', 'demo'])('has the shares that blame gives of %s', async name => {
    const answer = SloBlameAnswer.parse(await throughline.get(`/api/v1/slos/${name}/blame`, { from, to }));
    const rows = sectionOf(name).section.tables.get('Who spent the budget')!;
    expect(rows).toHaveLength(Math.min(answer.shares.length, 20));
    for (const [index, row] of rows.entries()) {
      const { kind, caller, service, tier, operation, events, share, excess_ms, examples } = answer.shares[index];
      expect(row.who).toBe(kind === 'link' ? `${caller} → ${service} (network)` : service);
      expect([row.tier, row.operation, row.examples]).toEqual([tier, operation, examples.join(' ')]);
      expect(countIn(row.bad)).toBe(events);
      expectRatio(row.share, share);
      expectDuration(row.excess, excess_ms);
    }
    const shown = rows.reduce((sum, { bad }) => sum + countIn(bad), 0);
    if (answer.shares.length <= 20) expect(shown).toBe((await status(name)).bad);
  });

  test.each([
    ['shop', 'Slowest traces'],
    ['demo', 'Failed traces'],
  ])('has of %s the traces, as they are: %s', async (name, heading) => {
    const rows = sectionOf(name).section.tables.get(heading)!;
    expect(rows).toHaveLength(10);
    for (const row of rows) {
      const trace = await throughline.trace(row.trace);
      const root = trace.spans.find(({ parent_span_id }) => parent_span_id === '');
      expect([row.service, row.operation]).toEqual([root?.service, root?.name]);
      expectDuration(row.duration, trace.duration_ms);
      expect(trace.error).toBe(heading === 'Failed traces');
    }
  });

  test('lists what the late span restated', async () => {
    const answer = SloRestatementsAnswer.parse(await throughline.get('/api/v1/slos/shop/restatements'));
    const own = answer.restatements.find(({ cause }) => cause.traces.includes('5b8efff798038103d269b633813fc60c'))!;
    const rows = sectionOf('shop').section.tables.get('Restated')!;
    const row = rows.find(({ traces }) => traces.includes('5b8efff798038103d269b633813fc60c'))!;
    expect(row.group).toBe('(unknown)');
    for (const field of ['good', 'bad', 'unknown'] as const) {
      expect(row[field].split(' → ').map(countIn)).toEqual([own.old[field], own.new[field]]);
    }
    expect(row.why).toBe('late_spans (1 late spans)');
  });

  /** It only falls, from the whole budget, within its picture; what is overspent by more than all of it is cut. */
  function expectEndsAt({ points, widthPx, wholeY, noneY }: DrawnLine, remainingRatio: number): void {
    const last = points.at(-1)!;
    const shown = Math.max(remainingRatio, -1);
    expect(Math.abs(last.y - (wholeY + (1 - shown) * (noneY - wholeY)))).toBeLessThan(0.2);
    expect(last.x).toBe(widthPx);
    expect(points[0].y).toBe(wholeY);
    for (const [index, { x, y }] of points.slice(1).entries()) {
      expect(x).toBeGreaterThanOrEqual(points[index].x);
      expect(y).toBeGreaterThanOrEqual(points[index].y);
    }
  }

  test('draws the budget of each group, ending where the figures do', async () => {
    const pictures = opened.page.locator('svg');
    const groups = report.slos.flatMap(slo => slo.groups);
    expect(await pictures.count()).toBe(groups.length);
    for (const [index, group] of groups.entries()) {
      const picture = pictures.nth(index);
      const box = (await picture.boundingBox())!;
      expect(Math.min(box.width, box.height)).toBeGreaterThan(50);
      expectEndsAt(await drawnLine(picture), group.budget.remaining_ratio);
    }
  });

  test('shows every table and picture', async () => {
    for (const selector of ['table', 'svg']) {
      const all = await opened.page.locator(selector).all();
      expect(all.length).toBeGreaterThan(3);
      for (const each of all) expect(await each.isVisible()).toBe(true);
    }
  });

  test('reads the same where no script runs, as in mail', async () => {
    const mail = await openOffline(browser, fileUrl, { javaScriptEnabled: false });
    expect(await readReport(mail.page)).toEqual(await readReport(opened.page));
    expect(mail.doings).toEqual({ requests: [], messages: [] });
    await mail.close();
  });
});

test('what a page fetches, logs, throws and asks would have been noticed', async () => {
  const file = join(directory, 'noisy.html');
  await writeFile(
    file,
    `<body><img src="http://127.0.0.1:9/image.png"><link rel="stylesheet" href="beside.css">
     <script>console.warn('careful'); setTimeout(() => { alert('hello'); throw new Error('broken'); }, 0);</script>`,
  );
  const { doings, close } = await openOffline(browser, pathToFileURL(file).href);
  await close();
  expect(doings.requests).toEqual(
    expect.arrayContaining(['http://127.0.0.1:9/image.png', expect.stringMatching(/beside\.css$/)]),
  );
  for (const message of ['warning: careful', 'dialog: hello', 'error: broken']) {
    expect(doings.messages).toContain(message);
  }
});
