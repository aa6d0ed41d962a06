/** One file that opens anywhere, mail included: inline styles, inline SVG, no script, nothing fetched. */
import type { ReportAnswer, ReportGroup, ReportTrace, SloReport } from '../../schemas/index.js';
import { burnDownSvg } from './burn-down.js';
import {
  culprit,
  grouped,
  groupName,
  milliseconds,
  minute,
  notesOf,
  percent,
  percentOfPpm,
  ROWS_SHOWN,
  restatedTitle,
} from './figures.js';

const CELL = 'style="padding:2px 8px;border-bottom:1px solid #ddd;text-align:left;vertical-align:top"';
const NUMBER = 'style="padding:2px 8px;border-bottom:1px solid #ddd;text-align:right;vertical-align:top"';

export function renderHtml(report: ReportAnswer): string {
  const { window, created_at, watermark, settled } = report;
  const title = `SLO report ${minute(window.from)} to ${minute(window.to)}`;
  const state = settled
    ? 'Everything received by then is in it.'
    : 'Traces were still being stitched: figures may be restated.';
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title></head>
<body style="font-family:sans-serif;color:#222;max-width:60em;margin:1em auto;padding:0 1em">
<h1 style="font-size:1.4em">${escaped(title)}</h1>
<p>Written ${minute(created_at)}, frozen at ${watermark === null ? 'no span yet' : minute(watermark)}. ${state}</p>
${report.slos.map(slo => sloSection(slo, report)).join('\n')}
${changesSection(report)}
</body></html>
`;
}

function sloSection(slo: SloReport, report: ReportAnswer): string {
  const { window } = report;
  const head = ['group', 'SLI', 'good', 'bad', 'unknown', 'budget left', 'worst days', 'budget over time'];
  return `<h2 style="font-size:1.15em">${escaped(slo.display_name || slo.name)} <small style="font-weight:normal">objective ${percentOfPpm(slo.objective_ppm)}</small></h2>
${slo.description === '' ? '' : `<p>${escaped(slo.description)}</p>`}
${table(
  head,
  slo.groups.map(group => groupRow(group, window)),
)}
${titled('Who spent the budget', ['who', 'tier', 'operation', 'bad', 'share', 'excess', 'examples'], slo.blame.slice(0, ROWS_SHOWN).map(blameRow))}
${titled('Slowest traces', TRACE_HEAD, slo.slowest.map(traceRow))}
${titled('Failed traces', TRACE_HEAD, slo.failed.map(traceRow))}
${titled(restatedTitle(report), ['minute', 'group', 'good', 'bad', 'unknown', 'why', 'traces'], slo.restatements.slice(0, ROWS_SHOWN).map(restatementRow))}
${notesOf(slo)
  .map(note => `<p>Note: ${escaped(note)}.</p>`)
  .join('\n')}`;
}

function groupRow(group: ReportGroup, { from, to }: ReportAnswer['window']): string {
  const worst = group.worst_days.map(({ day, sli, bad }) => `${day}: ${percent(sli)} (${grouped(bad)} bad)`);
  return row([
    text(groupName(group.key)),
    number(percent(group.sli)),
    number(grouped(group.good)),
    number(grouped(group.bad)),
    number(grouped(group.unknown)),
    number(percent(group.budget.remaining_ratio)),
    `<td ${CELL}>${worst.map(escaped).join('<br>')}</td>`,
    `<td ${CELL}>${burnDownSvg(group.burn_down, from, to)}</td>`,
  ]);
}

function blameRow(share: SloReport['blame'][number]): string {
  return row([
    text(culprit(share)),
    text(share.tier),
    text(share.operation),
    number(grouped(share.events)),
    number(percent(share.share)),
    number(milliseconds(share.excess_ms)),
    text(share.examples.join(' ')),
  ]);
}

const TRACE_HEAD = ['trace', 'ended', 'service', 'operation', 'location', 'duration'];

function traceRow(trace: ReportTrace): string {
  return row([
    text(trace.trace_id),
    text(minute(trace.end)),
    text(trace.service),
    text(trace.operation),
    text(trace.location),
    number(milliseconds(trace.duration_ms)),
  ]);
}

function restatementRow(restatement: SloReport['restatements'][number]): string {
  const { old, new: now, cause } = restatement;
  const step = (field: 'good' | 'bad' | 'unknown') => number(`${grouped(old[field])} → ${grouped(now[field])}`);
  return row([
    text(minute(restatement.minute)),
    text(groupName(restatement.key)),
    step('good'),
    step('bad'),
    step('unknown'),
    text(`${cause.kind} (${grouped(cause.late_spans)} late spans)`),
    text(cause.traces.join(' ')),
  ]);
}

function changesSection({ changes }: ReportAnswer): string {
  const rows = changes.map(({ slo, key, old, new: now }) =>
    row([
      text(slo),
      text(groupName(key)),
      ...(['good', 'bad', 'unknown'] as const).map(field => number(`${grouped(old[field])} → ${grouped(now[field])}`)),
    ]),
  );
  return titled('Changed since the last report of this window', ['SLO', 'group', 'good', 'bad', 'unknown'], rows);
}

function titled(title: string, head: readonly string[], rows: readonly string[]): string {
  return rows.length === 0 ? '' : `<h3 style="font-size:1em">${title}</h3>\n${table(head, rows)}`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  const cells = head.map(name => `<th ${CELL}>${name}</th>`).join('');
  return `<table style="border-collapse:collapse;font-size:0.9em"><thead><tr>${cells}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

const row = (cells: readonly string[]) => `<tr>${cells.join('')}</tr>`;
const text = (value: string) => `<td ${CELL}>${escaped(value)}</td>`;
const number = (value: string) => `<td ${NUMBER}>${escaped(value)}</td>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(value: string): string {
  return value.replace(/[&<>"']/g, character => ENTITIES[character]);
}
