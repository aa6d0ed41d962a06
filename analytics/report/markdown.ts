import type { ReportAnswer, ReportGroup, SloReport } from '../../schemas/index.js';
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

export function renderMarkdown(report: ReportAnswer): string {
  const { window, created_at, watermark, settled, changes } = report;
  const lines = [
    `# SLO report ${minute(window.from)} to ${minute(window.to)}`,
    '',
    `Written ${minute(created_at)}, frozen at ${watermark === null ? 'no span yet' : minute(watermark)}. ${settled ? 'Everything received by then is in it.' : 'Traces were still being stitched: figures may be restated.'}`,
    '',
    ...report.slos.flatMap(slo => sloLines(slo, report)),
  ];
  if (changes.length > 0) {
    lines.push('## Changed since the last report of this window', '');
    lines.push(...table(['SLO', 'group', 'good', 'bad', 'unknown'], changes.map(changeRow)), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function changeRow({ slo, key, old, new: now }: ReportAnswer['changes'][number]): string[] {
  return [slo, groupName(key), ...stepsOf(old, now)];
}

function restatementRow({ minute: at, key, old, new: now, cause }: SloReport['restatements'][number]): string[] {
  const why = `${cause.kind} (${grouped(cause.late_spans)} late spans)`;
  return [minute(at), groupName(key), ...stepsOf(old, now), why, cause.traces[0] ?? ''];
}

type Counts = ReportAnswer['changes'][number]['old'];

function stepsOf(old: Counts, now: Counts): string[] {
  return (['good', 'bad', 'unknown'] as const).map(field => `${grouped(old[field])} → ${grouped(now[field])}`);
}

function sloLines(slo: SloReport, report: ReportAnswer): string[] {
  const head = ['group', 'SLI', 'objective', 'good', 'bad', 'unknown', 'budget left', 'worst day'];
  const lines = [
    `## ${slo.display_name || slo.name}`,
    '',
    ...(slo.description === '' ? [] : [slo.description, '']),
    ...table(
      head,
      slo.groups.map(group => groupRow(group, slo.objective_ppm)),
    ),
    '',
  ];
  if (slo.blame.length > 0) {
    lines.push('Who spent the budget:', '');
    lines.push(
      ...table(
        ['who', 'tier', 'operation', 'bad', 'share', 'excess', 'example'],
        slo.blame.slice(0, ROWS_SHOWN).map(blameRow),
      ),
      '',
    );
  }
  for (const [title, traces] of [
    ['Slowest', slo.slowest],
    ['Failed', slo.failed],
  ] as const) {
    if (traces.length === 0) continue;
    lines.push(`${title} traces:`, '');
    const rows = traces.map(t => [t.trace_id, minute(t.end), t.operation, t.location, milliseconds(t.duration_ms)]);
    lines.push(...table(['trace', 'ended', 'operation', 'location', 'duration'], rows), '');
  }
  if (slo.restatements.length > 0) {
    const rows = slo.restatements.slice(0, ROWS_SHOWN).map(restatementRow);
    lines.push(`${restatedTitle(report)}:`, '');
    lines.push(...table(['minute', 'group', 'good', 'bad', 'unknown', 'why', 'trace'], rows), '');
  }
  lines.push(...notesOf(slo).flatMap(note => [`Note: ${cell(note)}.`, '']));
  return lines;
}

function groupRow({ key, sli, good, bad, unknown, budget, worst_days }: ReportGroup, objectivePpm: number): string[] {
  const [worst] = worst_days;
  return [
    groupName(key),
    percent(sli),
    percentOfPpm(objectivePpm),
    grouped(good),
    grouped(bad),
    grouped(unknown),
    percent(budget.remaining_ratio),
    worst === undefined ? '–' : `${worst.day} (${percent(worst.sli)})`,
  ];
}

function blameRow(share: SloReport['blame'][number]): string[] {
  return [
    culprit(share),
    share.tier,
    share.operation,
    grouped(share.events),
    percent(share.share),
    milliseconds(share.excess_ms),
    share.examples[0] ?? '',
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}

/** A name may hold anything, also what Markdown or HTML would take for its own. */
function cell(text: string): string {
  return text
    .replace(/[\\`*_[\]|<>]/g, character => `\\${character}`)
    .replace(/\s+/g, ' ')
    .trim();
}
