/**
 * The SRE Workbook's table of multiwindow, multi-burn-rate alerts (chapter 5): for a constant burn, when each condition
 * fires and when it is over, to the minute.
 *
 * The Workbook's detection time is factor × long window / burn rate; evaluated at whole minutes, an alert that must be
 * above its factor fires in the first minute beyond. Its reset time is the short window, less the part of it that is
 * small enough not to matter: factor × short window / burn rate.
 */
import { describe, expect, test } from 'vitest';
import {
  type AlertState,
  advanceAlert,
  CountSeries,
  evaluator,
  type MinuteCounts,
  NEW_ALERT,
} from '../../../../analytics/slo/math/index.js';
import type { BurnCondition } from '../../../../schemas/index.js';

const START = Date.parse('2026-03-10T00:00:00Z') / 60_000;
const EVENTS = 100_000;

/** Share of the budget, hours of the long window, minutes of the short one; for 30 days. */
const TABLE = [
  { budgetPercent: 2, longHours: 1, shortMinutes: 5, factor: 14.4 },
  { budgetPercent: 5, longHours: 6, shortMinutes: 30, factor: 6 },
  { budgetPercent: 10, longHours: 24, shortMinutes: 120, factor: 3 },
  { budgetPercent: 10, longHours: 72, shortMinutes: 360, factor: 1 },
];

function conditionFor(factorPerMille: number, longMinutes: number, shortMinutes: number): BurnCondition {
  const rest = { name: 'burn', severity: 'page', op: 'gt' as const, pendingMinutes: 0, minimumEvents: 0 };
  return { ...rest, factorPerMille, longMinutes, shortMinutes };
}

/** Minutes from the beginning of the burn to firing, and from its end to when it is over; null where it never fires. */
function simulate(rule: BurnCondition, targetPpm: number, badPerMinute: number, burnMinutes: number) {
  const cells: MinuteCounts[] = [];
  const quiet = rule.longMinutes;
  for (let minute = -quiet; minute < burnMinutes + rule.shortMinutes + 2; minute++) {
    const bad = minute >= 0 && minute < burnMinutes ? badPerMinute : 0;
    cells.push({ minute: START + minute, total: EVENTS, good: EVENTS - bad, bad, unknown: 0 });
  }
  const terms = {
    slo: { budgetingMethod: 'Occurrences' as const, unknown: 'excluded' as const },
    objective: { targetPpm, slices: null },
    condition: rule,
  };
  const identity = { slo: 'slo', objective: 0, group: {}, rule: 'rule', condition: rule.name };
  const state: AlertState = { ...NEW_ALERT, lastMinute: START - 1 };
  const evaluate = evaluator(new CountSeries(cells), terms, () => []);
  const toMinute = START + burnMinutes + rule.shortMinutes + 1;
  const { transitions } = advanceAlert({ identity, pendingMinutes: 0, state }, toMinute, evaluate, 100_000);
  const minuteOf = (kind: string) => transitions.find(each => each.kind === kind)?.minute ?? null;
  const [fired, resolved] = [minuteOf('firing'), minuteOf('resolved')];
  return {
    kinds: transitions.map(({ kind }) => kind),
    detection: fired === null ? null : fired - START,
    reset: resolved === null ? null : resolved - START - burnMinutes,
  };
}

/** Exact, in thousandths of the factor: the burn rate is bad / (events × (1 − target)). */
function byTheWorkbook(rule: BurnCondition, targetPpm: number, badPerMinute: number) {
  const allowedPerMinute = (BigInt(EVENTS) * BigInt(1_000_000 - targetPpm)) / 1_000_000n;
  const enough = (minutes: number) => (BigInt(rule.factorPerMille) * BigInt(minutes) * allowedPerMinute) / 1000n;
  const detection = Number(enough(rule.longMinutes) / BigInt(badPerMinute)) + 1;
  if (detection > rule.longMinutes) return { detection: null, reset: null };
  const tolerated = Number(enough(rule.shortMinutes) / BigInt(badPerMinute));
  return { detection, reset: rule.shortMinutes - tolerated };
}

describe("the SRE Workbook's alerts", () => {
  test.each(TABLE)('$budgetPercent % of 30 days in $longHours hours is a burn rate of $factor', row => {
    expect((row.budgetPercent / 100) * ((30 * 24) / row.longHours)).toBeCloseTo(row.factor, 12);
  });

  // By hand, from the formulas: 99.9 %, 30 days. Everything bad is a burn rate of 1000: 1h: 0.864 minutes, the Workbook's
  // 52 seconds; a tenth 100: 8.64 minutes; a hundredth 10.
  test.each([
    [1.0, [1, 3, 5, 5], [5, 30, 120, 360]],
    [0.1, [9, 22, 44, 44], [5, 29, 117, 357]],
    [0.01, [null, 217, 433, 433], [null, 12, 84, 324]],
  ])('a share of %f bad at 99.9 percent over 30 days: as worked out by hand', (share, detections, resets) => {
    for (const [index, { factor, longHours, shortMinutes }] of TABLE.entries()) {
      const rule = conditionFor(factor * 1000, longHours * 60, shortMinutes);
      const burnMinutes = Math.max(rule.shortMinutes, (detections[index] ?? 0) + 1);
      const found = simulate(rule, 999_000, share * EVENTS, burnMinutes);
      expect(found).toEqual({
        kinds: detections[index] === null ? [] : ['firing', 'resolved'],
        detection: detections[index],
        reset: resets[index],
      });
    }
  });

  const periods = [7, 28, 30, 90];
  const scalings = ['factor', 'windows'] as const;
  const cases = periods.flatMap(days => scalings.flatMap(scaled => TABLE.map(row => ({ days, scaled, ...row }))));

  test.each(cases)(
    '$days days, $budgetPercent % in $longHours hours, scaled by the $scaled: at, above, below',
    each => {
      const rule = scaledRule(each);
      const targetPpm = 990_000;
      // The burn rate of one bad event a minute is 1/1000: a factor of so many thousandths is that many a minute.
      const atFactor = rule.factorPerMille;
      for (const bad of [atFactor - 1, atFactor, atFactor + 1, 2 * atFactor, 10_000, 100_000]) {
        if (bad < 1 || bad > EVENTS) continue;
        const expected = byTheWorkbook(rule, targetPpm, bad);
        const burnMinutes = Math.max(rule.shortMinutes, (expected.detection ?? rule.longMinutes) + 1);
        const { detection, kinds, reset } = simulate(rule, targetPpm, bad, burnMinutes);
        expect({ bad, detection, reset }).toEqual({ bad, ...expected });
        expect(kinds).toEqual(expected.detection === null ? [] : ['firing', 'resolved']);
      }
      expect(byTheWorkbook(rule, targetPpm, atFactor).detection).toBeNull();
      expect(byTheWorkbook(rule, targetPpm, atFactor + 1).detection).not.toBeNull();
    },
  );
});

/** The same share of the budget of another period: by another factor, or by windows that are longer or shorter. */
function scaledRule({
  budgetPercent,
  days,
  longHours,
  scaled,
  shortMinutes,
}: (typeof TABLE)[number] & {
  days: number;
  scaled: 'factor' | 'windows';
}): BurnCondition {
  const longMinutes = scaled === 'factor' ? longHours * 60 : Math.round((longHours * 60 * days) / 30);
  const short = scaled === 'factor' ? shortMinutes : Math.max(1, Math.round((shortMinutes * days) / 30));
  return conditionFor(Math.round((budgetPercent * 10 * days * 1440) / longMinutes), longMinutes, short);
}
