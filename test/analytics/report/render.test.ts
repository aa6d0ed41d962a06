import { describe, expect, test } from 'vitest';
import { burnDownSvg } from '../../../analytics/report/burn-down.js';
import { percent, percentOfPpm } from '../../../analytics/report/figures.js';
import { renderReport } from '../../../analytics/report/render.js';
import { ReportAnswer } from '../../../schemas/index.js';

const BUDGET = {
  allowed: 5,
  consumed: 2,
  remaining_ratio: 0.6,
  remaining_interval: [0.4, 0.6] as [number, number],
  exhausted_at: null,
  projected_exhaustion: null,
};

const GROUP = {
  key: { location: 'São Paulo, "SP" | <b>' },
  total: 1_010,
  good: 998,
  bad: 2,
  unknown: 10,
  sli: 0.998,
  budget: BUDGET,
  burn_down: [
    { at: '2026-11-01T00:00:00.000Z', remaining_ratio: 1 },
    { at: '2026-11-02T00:00:00.000Z', remaining_ratio: 0.6 },
  ],
  worst_days: [{ day: '2026-11-01', total: 10, good: 8, bad: 2, unknown: 0, sli: 0.8 }],
};

const TRACE = {
  trace_id: '5b8efff798038103d269b633813fc60c',
  end: '2026-11-01T10:00:00.000Z',
  service: 'gateway',
  operation: 'POST /transfer',
  location: 'São Paulo',
  duration_ms: 1_234,
  error: false,
};

const REPORT: ReportAnswer = {
  id: 'r1',
  window: { from: '2026-11-01T00:00:00.000Z', to: '2026-11-02T00:00:00.000Z' },
  created_at: '2026-11-02T00:05:00.000Z',
  watermark: '2026-11-02T00:04:00.000Z',
  settled: true,
  changes: [
    {
      slo: '=cmd()',
      objective: 0,
      key: {},
      old: { total: 9, good: 9, bad: 0, unknown: 0 },
      new: { total: 9, good: 8, bad: 1, unknown: 0 },
    },
  ],
  previous_id: 'r0',
  slos: [
    {
      name: '=cmd()',
      objective: 0,
      display_name: '',
      definition: 'd1',
      description: 'A <script>alert(1)</script> & more',
      objective_ppm: 995_000,
      groups: [{ ...GROUP, key: {} }, GROUP],
      blame: [
        {
          kind: 'link',
          caller: 'gateway',
          service: 'ledger',
          tier: 'data',
          operation: 'a|b',
          events: 2,
          share: 1,
          excess_ms: 900,
          examples: [TRACE.trace_id],
        },
      ],
      slowest: [TRACE],
      failed: [],
      restatements: [
        {
          at: '2026-11-02T00:01:00.000Z',
          minute: '2026-11-01T10:00:00.000Z',
          key: {},
          objective: 0,
          old: { total: 1, good: 1, bad: 0, unknown: 0 },
          new: { total: 1, good: 0, bad: 1, unknown: 0 },
          cause: { kind: 'late_spans', late_spans: 3, traces: [TRACE.trace_id] },
        },
      ],
      notes: ['blame <left out>'],
    },
  ],
};

/** Elements without an end, or ends without a beginning, as a browser would have to guess. */
function unbalanced(html: string): string[] {
  const open: string[] = [];
  const problems: string[] = [];
  for (const [tag, slash, name, rest] of html.matchAll(/<(\/?)([a-z]\w*)((?:[^<>"]|"[^"]*")*)>/gi)) {
    if (slash === '' && !rest.endsWith('/') && name !== 'meta') open.push(name);
    if (slash === '/' && open.pop() !== name) problems.push(tag);
  }
  return [...problems, ...open];
}

describe('figures', () => {
  test.each([
    [995_000, '99.5 %'],
    [999_999, '99.9999 %'],
    [1_000_000, '100 %'],
    [1, '0.0001 %'],
  ])('%i ppm is %s', (ppm, text) => expect(percentOfPpm(ppm)).toBe(text));

  test.each([
    [0.9999999, '99.9999 %'],
    [1, '100 %'],
    [0, '0 %'],
    [-0.5, '-50 %'],
    [null, '–'],
  ])('%s is %s, never rounded up', (ratio, text) => expect(percent(ratio)).toBe(text));
});

describe('a report', () => {
  test('is what the schema says', () => expect(ReportAnswer.parse(REPORT)).toEqual(REPORT));

  test('as JSON is the answer itself', () => expect(JSON.parse(renderReport(REPORT, 'json'))).toEqual(REPORT));

  test('as HTML fetches and runs nothing, whatever the names say', () => {
    const html = renderReport(REPORT, 'html');
    expect(html).not.toMatch(/<script|<link|src=|@import|url\(/i);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; more');
    expect(html).toContain('gateway → ledger (network)');
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html).toContain('late_spans (3 late spans)');
    expect(html).toContain('Note: blame &lt;left out&gt;.');
    expect(unbalanced(html)).toEqual([]);
  });

  test('as Markdown keeps cells in their columns', () => {
    const lines = renderReport(REPORT, 'md').split('\n');
    for (const line of lines.filter(text => text.startsWith('| São Paulo'))) {
      expect(line.replaceAll('\\|', '').match(/\|/g)).toHaveLength(9);
    }
    expect(lines).toContain('# SLO report 2026-11-01 00:00 UTC to 2026-11-02 00:00 UTC');
  });

  test('as CSV has one line a group, quoted where needed, and no formula', () => {
    const lines = renderReport(REPORT, 'csv').trimEnd().split('\r\n');
    expect(lines).toHaveLength(3);
    expect(lines[1].startsWith("'=cmd(),all,2026-11-01T00:00:00.000Z")).toBe(true);
    expect(lines[2]).toContain('"São Paulo, ""SP"" | <b>"');
  });
});

test('a burn-down stays inside its picture, overspent or empty', () => {
  const points = [1, 0.2, -7].map((remaining_ratio, i) => ({ at: `2026-11-01T0${i}:00:00.000Z`, remaining_ratio }));
  const svg = burnDownSvg(points, '2026-11-01T00:00:00.000Z', '2026-11-01T02:00:00.000Z');
  const [, line] = /points="([^"]+)"/.exec(svg)!;
  for (const point of line.split(' ')) {
    const [x, y] = point.split(',').map(Number);
    expect(x >= 0 && x <= 480 && y >= 0 && y <= 96, point).toBe(true);
  }
  expect(svg).toContain('#c0392b');
  expect(burnDownSvg([], '2026-11-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z')).toContain('no data');
});
