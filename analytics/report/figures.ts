/** Figures of a report as people read them; the same in every format. */
import type { ReportAnswer, SloReport } from '../../schemas/index.js';

/** `995,000 ppm` as `99.5 %`: exact, without rounding. */
export function percentOfPpm(ppm: number): string {
  const whole = Math.floor(ppm / 10_000);
  const fraction = String(ppm % 10_000)
    .padStart(4, '0')
    .replace(/0+$/, '');
  return `${whole}${fraction === '' ? '' : `.${fraction}`} %`;
}

/** A ratio with enough digits to tell it from the objective, never rounded up to 100 %. */
export function percent(ratio: number | null): string {
  if (ratio === null) return '–';
  const rounded = (Math.floor(ratio * 1e6) / 1e4).toFixed(4).replace(/0+$/, '').replace(/\.$/, '');
  return `${rounded} %`;
}

export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function milliseconds(ms: number): string {
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${ms.toFixed(1)} ms`;
}

/** `2026-11-24T10:00:00.000Z` → `2026-11-24 10:00 UTC`. */
export function minute(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
}

/** What a group is called: `New York`, or `all` for the key without members. */
export function groupName(key: Readonly<Record<string, string>>): string {
  const values = Object.values(key).map(value => (value === '' ? '(unknown)' : value));
  return values.length === 0 ? 'all' : values.join(' / ');
}

/** So many of a list are shown to people; `json` has all of them. */
export const ROWS_SHOWN = 20;

/** What is to be said below the tables of an SLO. */
export function notesOf({ notes, blame, restatements }: Pick<SloReport, 'notes' | 'blame' | 'restatements'>): string[] {
  const cut = [
    ['who spent the budget', blame.length],
    ['what was restated', restatements.length],
  ] as const;
  const more = cut.filter(([, count]) => count > ROWS_SHOWN);
  return [...notes, ...more.map(([what, count]) => `of ${what} the first ${ROWS_SHOWN} of ${count}; JSON has all`)];
}

/** Without an earlier report of the window everything that was restated in it is listed. */
export function restatedTitle({ previous_id }: Pick<ReportAnswer, 'previous_id'>): string {
  return previous_id === null ? 'Restated' : 'Restated since the last report';
}

/** Who spent the budget: `frontend → currencyservice (network)` or `ledger`. */
export function culprit(share: { kind: 'service' | 'link'; caller: string | null; service: string }): string {
  return share.kind === 'link' ? `${share.caller ?? '?'} → ${share.service} (network)` : share.service;
}
