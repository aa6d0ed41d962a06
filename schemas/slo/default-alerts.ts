/**
 * The alerts of an SLO that has no policies: those of the SRE Workbook (chapter 5, table of multiwindow, multi-burn-rate
 * alerts), which spend 2 %, 5 %, 10 % and 10 % of the budget of 30 days.
 *
 * For another period the windows are scaled with it, and the burn rates stay: scaled the other way round, three days of a
 * week would alert at a burn rate of 0.23, while the budget is in no danger, and an hour of a year at one that an
 * objective of 99 % cannot reach. Windows are whole minutes; the factor makes good what rounding does to the share.
 */
import type { AlertRule, BurnCondition, SloWindow } from './definition.js';
import { shorthandText } from './shorthand.js';
import { nominalMinutes } from './windows.js';

/** What the tables are made for: 30 days. */
const TABLE_MINUTES = 30 * 1_440;

const TABLE = [
  { severity: 'page', longMinutes: 60, budgetPercent: 2 },
  { severity: 'page', longMinutes: 360, budgetPercent: 5 },
  { severity: 'ticket', longMinutes: 1_440, budgetPercent: 10 },
  { severity: 'ticket', longMinutes: 4_320, budgetPercent: 10 },
] as const;

/** A twelfth of the long one, as the Workbook has it: how long an alert outlasts its cause. */
export const shortWindowOf = (longMinutes: number): number => Math.max(1, Math.ceil(longMinutes / 12));

export function defaultAlerts(window: SloWindow, minimumEvents: number): AlertRule[] {
  const period = nominalMinutes(window);
  const conditions = TABLE.map(({ severity, longMinutes: tableMinutes, budgetPercent }): BurnCondition => {
    const longMinutes = Math.max(1, Math.round((tableMinutes * period) / TABLE_MINUTES));
    return {
      name: `${severity}-${shorthandText(longMinutes)}`,
      severity,
      factorPerMille: Math.round((budgetPercent * 10 * period) / longMinutes),
      op: 'gt',
      longMinutes,
      shortMinutes: shortWindowOf(longMinutes),
      pendingMinutes: 0,
      minimumEvents,
    };
  });
  return [
    {
      name: 'error-budget',
      displayName: 'Error budget',
      conditions,
      targets: [],
      notifyResolved: true,
      notifyNoData: false,
    },
  ];
}
