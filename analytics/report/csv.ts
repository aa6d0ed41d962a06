/** One line per SLO and group, for spreadsheets (RFC 4180). */
import type { ReportAnswer } from '../../schemas/index.js';
import { groupName } from './figures.js';

const HEAD = [
  'slo',
  'group',
  'from',
  'to',
  'objective',
  'objective_ppm',
  'total',
  'good',
  'bad',
  'unknown',
  'sli',
  'budget_allowed',
  'budget_consumed',
  'budget_remaining_ratio',
  'exhausted_at',
];

export function renderCsv({ slos, window }: ReportAnswer): string {
  const rows = slos.flatMap(slo =>
    slo.groups.map(({ key, total, good, bad, unknown, sli, budget }) => [
      slo.name,
      groupName(key),
      window.from,
      window.to,
      slo.objective,
      slo.objective_ppm,
      total,
      good,
      bad,
      unknown,
      sli ?? '',
      budget.allowed,
      budget.consumed,
      budget.remaining_ratio,
      budget.exhausted_at ?? '',
    ]),
  );
  return [HEAD, ...rows].map(row => `${row.map(field).join(',')}\r\n`).join('');
}

/** A text that begins like a formula would be run by a spreadsheet: it is kept from that by an apostrophe. */
function field(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
