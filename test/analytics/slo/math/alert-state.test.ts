import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AlertAdvance,
  type AlertEvaluation,
  type AlertIdentity,
  type AlertState,
  type AlertTransition,
  advanceAlert,
  alertIdOf,
  type Evaluate,
  evaluator,
  firstMinuteEvaluated,
  NEW_ALERT,
  notificationsOf,
} from '../../../../analytics/slo/math/index.js';
import { oracleFirings } from '../../../oracle/slo.js';
import { condition, DAWN, events, seriesOf, terms } from './support/arbitrary.js';

const IDENTITY: AlertIdentity = {
  slo: 'transfers',
  objective: 0,
  group: { location: 'New York' },
  rule: 'error-budget',
  condition: 'page-1h',
};

const evaluation = (minute: number, changes: Partial<AlertEvaluation> = {}): AlertEvaluation => ({
  minute,
  isBurning: false,
  hasMinimumEvents: true,
  hasShortData: true,
  hasLongData: true,
  holdReasons: [],
  ...changes,
});

/** Burns at the minutes of [from, to). */
const burningFrom =
  (from: number, to: number): Evaluate =>
  minute =>
    evaluation(minute, { isBurning: minute >= from && minute < to });

const advance = (state: AlertState, toMinute: number, evaluate: Evaluate, pendingMinutes = 0): AlertAdvance =>
  advanceAlert({ identity: IDENTITY, pendingMinutes, state }, toMinute, evaluate);

const tell = (transitions: readonly AlertTransition[]): string[] =>
  transitions.map(({ cause, kind, minute }) => `${minute} ${kind}${cause === null ? '' : ` ${cause}`}`);

describe('an alert', () => {
  test('has the id of what it is about and the minute it began in', () => {
    const id = alertIdOf({ ...IDENTITY, group: { a: '1', b: '2' } }, 100);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(alertIdOf({ ...IDENTITY, group: { b: '2', a: '1' } }, 100)).toBe(id);
    const others = [
      alertIdOf({ ...IDENTITY, group: { a: '1', b: '2' } }, 101),
      alertIdOf({ ...IDENTITY, group: { a: '1', b: '3' } }, 100),
      alertIdOf({ ...IDENTITY, group: { a: '1', b: '2' }, slo: 'other' }, 100),
      alertIdOf({ ...IDENTITY, group: { a: '1', b: '2' }, objective: 1 }, 100),
      alertIdOf({ ...IDENTITY, group: { a: '1', b: '2' }, rule: 'other' }, 100),
      alertIdOf({ ...IDENTITY, group: { a: '1', b: '2' }, condition: 'other' }, 100),
    ];
    expect(new Set([id, ...others]).size).toBe(7);
  });

  test('keeps its id from pending to resolved, and the next one has another', () => {
    const first = advance({ ...NEW_ALERT, lastMinute: 9 }, 30, burningFrom(10, 20), 5);
    expect(tell(first.transitions)).toEqual(['10 pending', '15 firing', '20 resolved recovered']);
    expect(new Set(first.transitions.map(each => each.alertId))).toEqual(new Set([alertIdOf(IDENTITY, 10)]));
    const second = advance(first.state, 41, burningFrom(40, 50));
    expect(second.transitions.map(each => each.alertId)).toEqual([alertIdOf(IDENTITY, 40)]);
    expect(second.state).toMatchObject({ status: 'firing', firedMinute: 40, resolvedMinute: null, resolveCause: null });
  });

  test('evaluated for the same minute or an earlier one, nothing changes', () => {
    const { state } = advance({ ...NEW_ALERT, lastMinute: 9 }, 12, burningFrom(10, 20));
    for (const minute of [12, 11, 0]) {
      expect(advance(state, minute, burningFrom(0, 100))).toEqual({ state, transitions: [], skippedMinutes: 0 });
    }
  });

  test('after a crash before the state was stored, the same comes again', () => {
    const before: AlertState = { ...NEW_ALERT, lastMinute: 9 };
    expect(advance(before, 30, burningFrom(10, 20))).toEqual(advance(before, 30, burningFrom(10, 20)));
  });

  test('goes through every missed minute of a day, and no further back', () => {
    const before: AlertState = { ...NEW_ALERT, lastMinute: 0 };
    const within = advance(before, 1440, burningFrom(1, 2));
    expect(tell(within.transitions)).toEqual(['1 firing', '2 resolved recovered']);
    expect(within.skippedMinutes).toBe(0);
    const beyond = advance(before, 1441, burningFrom(1, 2));
    expect(beyond).toMatchObject({ transitions: [], skippedMinutes: 1, state: { lastMinute: 1441 } });
  });

  test('minutes that were skipped do not count as pending', () => {
    const pending = advance({ ...NEW_ALERT, lastMinute: 9 }, 10, burningFrom(10, 9999), 5);
    const later = advance(pending.state, 3000, burningFrom(10, 9999), 1444);
    // Skipped: 11 to 1560. 10 counts, then 1561 to 3000 are 1440 more; four are wanting.
    expect(later.skippedMinutes).toBe(1550);
    expect(later.state.status).toBe('pending');
    expect(tell(advance(later.state, 3010, burningFrom(10, 9999), 1444).transitions)).toEqual(['3004 firing']);
  });

  test('the first evaluation of all looks at one minute only', () => {
    const { state, transitions } = advance(NEW_ALERT, 100, burningFrom(0, 200));
    expect(tell(transitions)).toEqual(['100 firing']);
    expect(state.lastMinute).toBe(100);
  });

  test('asks about the minute judged last only when it resolves', () => {
    const asked: number[] = [];
    const spy: Evaluate = minute => {
      asked.push(minute);
      return burningFrom(10, 12)(minute);
    };
    advance({ ...NEW_ALERT, lastMinute: 9 }, 14, spy);
    expect(asked).toEqual([10, 11, 12, 11, 13, 14]);
  });

  test('held for two reasons in turn says both, and once each', () => {
    const reasons = [[], ['completeness'], ['completeness'], ['watermark'], []] as const;
    let state: AlertState = { ...NEW_ALERT, lastMinute: 9 };
    const told: string[] = [];
    for (const [index, holdReasons] of reasons.entries()) {
      const step = advance(state, 10 + index, minute => evaluation(minute, { holdReasons }));
      told.push(...step.transitions.map(each => `${each.minute} ${each.kind} ${each.reasons.join()}`));
      state = step.state;
      if (index === 3) expect(state.held).toEqual({ sinceMinute: 11, reasons: ['watermark'] });
    }
    expect(told).toEqual(['11 held completeness', '13 held watermark', '13 released ']);
    expect(state).toMatchObject({ lastMinute: 14, held: null });
  });

  test('notifies of what the rule wants', () => {
    const silence: Evaluate = minute =>
      minute < 20 ? burningFrom(10, 15)(minute) : evaluation(minute, { hasLongData: minute > 25, hasShortData: false });
    const { transitions } = advance({ ...NEW_ALERT, lastMinute: 9 }, 30, silence);
    const kinds = (notifyResolved: boolean, notifyNoData: boolean) =>
      notificationsOf({ notifyResolved, notifyNoData }, transitions).map(({ kind, minute }) => `${minute} ${kind}`);
    expect(kinds(false, false)).toEqual(['10 firing']);
    expect(kinds(true, false)).toEqual(['10 firing', '15 resolved']);
    expect(kinds(false, true)).toEqual(['10 firing', '20 no_data']);
    expect(kinds(true, true)).toEqual(['10 firing', '15 resolved', '20 no_data', '26 data']);
    const [noData, data] = notificationsOf({ notifyResolved: true, notifyNoData: true }, transitions).slice(2);
    expect(noData.alertId).toBe(data.alertId);
    expect(noData.alertId).not.toBe(transitions[0].alertId);
  });

  const world = fc.tuple(events, terms, condition);

  test('fires and resolves when the oracle says so', () => {
    let firings = 0;
    fc.assert(
      fc.property(world, ([plain, rules, rule]) => {
        const expected = oracleFirings(plain, rules, rule, DAWN, DAWN + 400);
        firings += expected.length;
        const evaluate = evaluator(seriesOf(plain), { ...rules, condition: rule }, () => []);
        const before: AlertState = { ...NEW_ALERT, lastMinute: DAWN - 1 };
        const { transitions } = advance(before, DAWN + 400, evaluate, rule.pendingMinutes);
        const told = transitions.filter(({ kind }) => kind === 'firing' || kind === 'resolved');
        expect(told.map(({ kind, minute }) => ({ kind, minute }))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
    expect(firings).toBeGreaterThan(50);
  });

  test('whatever minutes it is evaluated at, and however often it crashes between, the same is told', () => {
    const stops = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(world, stops, ([plain, rules, rule], minutes) => {
        const evaluate = evaluator(seriesOf(plain), { ...rules, condition: rule }, () => []);
        const before: AlertState = { ...NEW_ALERT, lastMinute: DAWN - 1 };
        const atOnce = advance(before, DAWN + 300, evaluate, rule.pendingMinutes);
        let state = before;
        const told: AlertTransition[] = [];
        for (const minute of [...minutes, 300]) {
          // The first attempt is lost in a crash.
          advance(state, DAWN + minute, evaluate, rule.pendingMinutes);
          const step = advance(state, DAWN + minute, evaluate, rule.pendingMinutes);
          told.push(...step.transitions);
          state = step.state;
        }
        expect(told).toEqual(atOnce.transitions);
        expect(state).toEqual(atOnce.state);
      }),
      { numRuns: 100 },
    );
  });

  test('needs no minute before the first one it says it needs', () => {
    fc.assert(
      fc.property(world, fc.integer({ min: 0, max: 300 }), ([plain, rules, rule], offset) => {
        const question = { ...rules, condition: rule };
        const first = firstMinuteEvaluated(question, DAWN + offset);
        const needed = plain.filter(({ endMs }) => Math.floor(endMs / 60_000) >= first);
        const [all, some] = [plain, needed].map(each => evaluator(seriesOf(each), question, () => [])(DAWN + offset));
        expect(some).toEqual(all);
      }),
    );
  });
});
