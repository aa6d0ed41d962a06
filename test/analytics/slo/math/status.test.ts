/** The figures against the oracle and against what must hold of any budget. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  burnDown,
  CountSeries,
  firstMinuteNeeded,
  NO_COUNTS,
  type SloStatus,
  statusOf,
} from '../../../../analytics/slo/math/index.js';
import {
  type OracleEvent,
  type OracleTerms,
  oracleBurnDown,
  oracleBurnRate,
  oracleStatus,
} from '../../../oracle/slo.js';
import { nearestDouble } from '../../../oracle/slo-fraction.js';
import { DAWN, events, seriesOf, terms } from './support/arbitrary.js';

const at = fc.integer({ min: DAWN, max: DAWN + 300 });
const BURN_MINUTES = [1, 5, 12, 60, 200];

function ask(plain: readonly OracleEvent[], { objective, slo }: OracleTerms, atMinute: number): SloStatus {
  return statusOf(seriesOf(plain), { slo, objective, atMinute, burnMinutes: BURN_MINUTES });
}

const everything = fc.tuple(events, terms, at);

describe('the status of an SLO', () => {
  test('is that of the oracle', () => {
    fc.assert(
      fc.property(everything, ([plain, rules, minute]) => {
        const { budget, burnRates, span, ...counts } = ask(plain, rules, minute);
        const oracle = oracleStatus(plain, rules, minute * 60_000 + 59_999);
        const minuteOf = (ms: number | null) => (ms === null ? null : ms / 60_000);
        expect([span.fromMinute, span.toMinute]).toEqual(oracle.window.map(ms => ms / 60_000));
        expect(counts).toEqual({
          total: oracle.total,
          good: oracle.good,
          bad: oracle.bad,
          unknown: oracle.unknown,
          sli: oracle.sli === null ? null : nearestDouble(oracle.sli),
        });
        expect(budget).toEqual({
          allowed: nearestDouble(oracle.allowed),
          consumed: nearestDouble(oracle.consumed),
          remainingRatio: nearestDouble(oracle.remaining),
          remainingInterval: oracle.interval.map(nearestDouble),
          exhaustedAtMinute: minuteOf(oracle.exhaustedAtMs),
          projectedAllowed: nearestDouble(oracle.projectedAllowed),
          projectedExhaustionMinute: minuteOf(oracle.projectedExhaustionMs),
        });
        for (const { minutes, rate } of burnRates) {
          const expected = oracleBurnRate(plain, rules, minute, minutes);
          expect(rate).toBe(expected === null || expected === 'infinite' ? null : nearestDouble(expected));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('its burn-down is that of the oracle, only falls, and ends at the status', () => {
    fc.assert(
      fc.property(everything, fc.integer({ min: 20, max: 400 }), ([plain, rules, minute], step) => {
        const points = burnDown(seriesOf(plain), { ...rules, atMinute: minute }, step);
        expect(points.map(point => [point.minute * 60_000, point.remainingRatio])).toEqual(
          oracleBurnDown(plain, rules, minute * 60_000, step).map(point => [
            point.endMs,
            nearestDouble(point.remaining),
          ]),
        );
        const ratios = points.map(point => point.remainingRatio);
        expect(ratios).toEqual([...ratios].sort((a, b) => b - a));
        const { budget, total } = ask(plain, rules, minute);
        expect(ratios.at(-1) ?? 1).toBe(budget.remainingRatio);
        expect(points.at(-1)?.remainingInterval ?? [1, 1]).toEqual(budget.remainingInterval);
        expect(points.reduce((sum, point) => sum + point.total, 0)).toBe(total);
      }),
    );
  });

  test('has only finite numbers in it', () => {
    fc.assert(
      fc.property(everything, ([plain, rules, minute]) => {
        const numbers = JSON.stringify(ask(plain, rules, minute), (_, value) => {
          if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value}`);
          return Object.is(value, -0) ? 'minus zero' : value;
        });
        expect(numbers).not.toContain('minus zero');
      }),
    );
  });

  test('a bad event never raises what remains, nor does one that turns from good to bad', () => {
    const more = fc.integer({ min: DAWN * 60_000, max: (DAWN + 240) * 60_000 - 1 });
    fc.assert(
      fc.property(everything, more, fc.nat(), ([plain, rules, minute], endMs, pick) => {
        const before = ask(plain, rules, minute).budget.remainingRatio;
        const added = [...plain, { endMs, verdict: 'bad' as const, group: 'Paris', count: 1 }];
        // It brings an allowance of its own (a new event, a new slice), but never more than it spends.
        expect(ask(added, rules, minute).budget.remainingRatio).toBeLessThanOrEqual(before);
        const turned = plain.map((event, index) =>
          index === pick % plain.length && event.verdict === 'good' ? { ...event, verdict: 'bad' as const } : event,
        );
        expect(ask(turned, rules, minute).budget.remainingRatio).toBeLessThanOrEqual(before);
      }),
    );
  });

  test('the interval holds what comes out, whatever the unknown turn out to be', () => {
    const verdicts = fc.array(fc.constantFrom('good' as const, 'bad' as const), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(everything, verdicts, ([plain, rules, minute], outcome) => {
        const { remainingInterval, remainingRatio } = ask(plain, rules, minute).budget;
        const known = plain.map((event, index) =>
          event.verdict === 'unknown' ? { ...event, verdict: outcome[index] } : event,
        );
        const truth = ask(known, rules, minute).budget;
        expect(truth.remainingRatio).toBeGreaterThanOrEqual(remainingInterval[0]);
        expect(truth.remainingRatio).toBeLessThanOrEqual(remainingInterval[1]);
        expect(truth.remainingInterval).toEqual([truth.remainingRatio, truth.remainingRatio]);
        expect(remainingRatio).toBeGreaterThanOrEqual(remainingInterval[0]);
        expect(remainingRatio).toBeLessThanOrEqual(remainingInterval[1]);
      }),
    );
  });

  test('groups add up to the whole: counts always, budgets where they are counted in events', () => {
    fc.assert(
      fc.property(everything, ([plain, rules, minute]) => {
        const whole = ask(plain, rules, minute);
        const groups = ['New York', 'Paris'].map(name =>
          ask(
            plain.filter(event => event.group === name),
            rules,
            minute,
          ),
        );
        const sum = (of: (status: SloStatus) => number) => of(groups[0]) + of(groups[1]);
        for (const field of ['total', 'good', 'bad', 'unknown'] as const) {
          expect(sum(status => status[field])).toBe(whole[field]);
        }
        if (rules.slo.budgetingMethod !== 'Occurrences') return;
        expect(sum(status => status.budget.consumed)).toBe(whole.budget.consumed);
        expect(sum(status => status.budget.allowed)).toBeCloseTo(whole.budget.allowed, 9);
      }),
    );
  });

  test('needs no minute before the first one it says it needs', () => {
    fc.assert(
      fc.property(everything, ([plain, rules, minute]) => {
        const first = firstMinuteNeeded({ ...rules, atMinute: minute, burnMinutes: BURN_MINUTES });
        const needed = plain.filter(({ endMs }) => Math.floor(endMs / 60_000) >= first);
        expect(ask(needed, rules, minute)).toEqual(ask(plain, rules, minute));
      }),
    );
  });

  test('over a month of slices of a minute, exact sums stay short', () => {
    const cells = Array.from({ length: 43_200 }, (_, index) => {
      const bad = (index * 7919) % 13;
      const good = 1000 + ((index * 104_729) % 997);
      return { ...NO_COUNTS, minute: DAWN + index, total: good + bad, good, bad };
    });
    const slo = { window: { kind: 'rolling' as const, minutes: 43_200 }, unknown: 'excluded' as const };
    const objective = { targetPpm: 995_000, slices: { minutes: 1, targetPpm: 0 } };
    const series = new CountSeries(cells);
    const question = { slo: { ...slo, budgetingMethod: 'RatioTimeslices' as const }, objective };
    const { budget } = statusOf(series, { ...question, atMinute: DAWN + 43_200, burnMinutes: [60, 1440, 4320] });
    const mean = cells.reduce((sum, { bad, total }) => sum + bad / total, 0);
    expect(budget.consumed).toBeCloseTo(mean, 8);
  });
});
