import { describe, expect, test } from 'vitest';
import { defaultAlerts, type SloWindow } from '../../../schemas/index.js';
import { bank, definitionOf, kindOf, resolved, sloDocument, type Tree } from './documents.js';

const DAY = 1_440;
const rolling = (minutes: number): SloWindow => ({ kind: 'rolling', minutes });

describe('without policies', () => {
  test('a period of 30 days, or a month, has the alerts of the SRE Workbook', () => {
    const calendar: SloWindow = {
      kind: 'calendar',
      count: 1,
      unit: 'month',
      start: '2026-01-01T00:00:00',
      timeZone: 'UTC',
    };
    const [{ conditions, targets, notifyResolved }] = defaultAlerts(rolling(30 * DAY), 10);
    expect(
      conditions.map(c => [c.severity, c.factorPerMille, c.longMinutes, c.shortMinutes, c.op, c.minimumEvents]),
    ).toEqual([
      ['page', 14_400, 60, 5, 'gt', 10],
      ['page', 6_000, 360, 30, 'gt', 10],
      ['ticket', 3_000, 1_440, 120, 'gt', 10],
      ['ticket', 1_000, 4_320, 360, 'gt', 10],
    ]);
    expect({ targets, notifyResolved }).toEqual({ targets: [], notifyResolved: true });
    expect(defaultAlerts(calendar, 10)).toEqual(defaultAlerts(rolling(30 * DAY), 10));
  });

  test.each([60, 6 * 60, DAY, 7 * DAY, 28 * DAY, 90 * DAY, 365 * DAY, 400 * DAY])(
    'of %d minutes they spend 2, 5, 10 and 10 % of the budget',
    period => {
      const [{ conditions }] = defaultAlerts(rolling(period), 10);
      const shares = conditions.map(c => (c.factorPerMille * c.longMinutes) / period / 10);
      for (const [index, share] of [2, 5, 10, 10].entries()) expect(shares[index]).toBeCloseTo(share, 1);
      for (const { longMinutes, shortMinutes } of conditions) {
        expect(shortMinutes).toBeGreaterThanOrEqual(Math.max(1, longMinutes / 12));
        expect(shortMinutes).toBeLessThan(longMinutes / 12 + 1);
      }
    },
  );

  test('null is no policies; an empty list is none wanted', () => {
    expect(definitionOf(sloDocument({ alertPolicies: null })).alerts).toHaveLength(1);
    expect(definitionOf(sloDocument({ alertPolicies: [] })).alerts).toEqual([]);
  });

  test('the minimum of events is 10, or what the SLO says', () => {
    const minimumOf = (metadata: Tree) => definitionOf(sloDocument({}, metadata)).alerts[0].conditions[3].minimumEvents;
    expect(minimumOf({})).toBe(10);
    expect(minimumOf({ annotations: { 'throughline.dev/minimum-events': '0' } })).toBe(0);
  });
});

const condition = (fields: Tree = {}, metadata: Tree = {}) =>
  kindOf(
    'AlertCondition',
    'fast',
    { severity: 'sev1', condition: { op: 'gte', threshold: 14.4, lookbackWindow: '1h', ...fields } },
    metadata,
  );
const target = (spec: Tree, metadata: Tree = {}) => kindOf('AlertNotificationTarget', 'pager', spec, metadata);
const policy = (fields: Tree = {}) =>
  kindOf(
    'AlertPolicy',
    'burns',
    { conditions: [{ conditionRef: 'fast' }], notificationTargets: [{ targetRef: 'pager' }], ...fields },
    { displayName: 'It burns' },
  );
const URL_ANNOTATION = { annotations: { 'throughline.dev/url': 'https://alerts.example/hook' } };
const slo = sloDocument({ alertPolicies: [{ alertPolicyRef: 'burns' }] });

describe('with policies', () => {
  test('by reference: condition, target and when to tell', () => {
    const found = definitionOf(
      slo,
      policy({ alertWhenBreaching: true, alertWhenResolved: true, alertWhenNoData: true }),
      condition({ alertAfter: '5m' }),
      target({ target: 'webhook' }, URL_ANNOTATION),
    );
    expect(found.alerts).toEqual([
      {
        name: 'burns',
        displayName: 'It burns',
        conditions: [
          {
            name: 'fast',
            severity: 'sev1',
            factorPerMille: 14_400,
            op: 'gte',
            longMinutes: 60,
            shortMinutes: 5,
            pendingMinutes: 5,
            minimumEvents: 10,
          },
        ],
        targets: [{ name: 'pager', url: 'https://alerts.example/hook' }],
        notifyResolved: true,
        notifyNoData: true,
      },
    ]);
  });

  test('in line they are the same', () => {
    const inLine = ({ apiVersion: _, ...rest }: Tree) => rest;
    const whole = sloDocument({
      alertPolicies: [
        inLine(
          policy({
            conditions: [inLine(condition())],
            notificationTargets: [inLine(target({ target: 'x' }, URL_ANNOTATION))],
          }),
        ),
      ],
    });
    expect(definitionOf(whole).alerts).toEqual(
      definitionOf(slo, policy(), condition(), target({ target: 'x' }, URL_ANNOTATION)).alerts,
    );
  });

  test.each([
    ['5m', 5, 1],
    ['12m', 12, 1],
    ['13m', 13, 2],
    ['6h', 360, 30],
    ['3d', 4_320, 360],
  ])('a lookback of %s has a short window of a twelfth, a minute at least', (lookbackWindow, long, short) => {
    const [{ conditions }] = definitionOf(slo, policy(), condition({ lookbackWindow }), target({ target: 'x' })).alerts;
    expect(conditions[0]).toMatchObject({ longMinutes: long, shortMinutes: short, pendingMinutes: 0 });
  });

  test('a condition may have its own minimum of events', () => {
    const own = condition({}, { annotations: { 'throughline.dev/minimum-events': '500' } });
    expect(definitionOf(slo, policy(), own, target({ target: 'x' })).alerts[0].conditions[0].minimumEvents).toBe(500);
  });

  test('a target that is a URL itself is a webhook; one of another kind is only named, with a warning', () => {
    const url = 'http://127.0.0.1:9095/x';
    expect(definitionOf(slo, policy(), condition(), target({ target: url })).alerts[0].targets).toEqual([
      { name: 'pager', url },
    ]);
    const { definition, warnings } = resolved(slo, bank, policy(), condition(), target({ target: 'pagerduty' }));
    expect(definition?.alerts[0].targets).toEqual([{ name: 'pager', url: '' }]);
    expect(warnings.map(warning => warning.message)).toEqual([expect.stringContaining('throughline.dev/url')]);
  });

  test('alertWhenBreaching: false switches a policy off, with a warning', () => {
    const { definition, warnings } = resolved(
      slo,
      bank,
      policy({ alertWhenBreaching: false }),
      condition(),
      target({ target: 'x' }, URL_ANNOTATION),
    );
    expect(definition?.alerts).toEqual([]);
    expect(warnings[0]).toMatchObject({ path: 'spec.alertWhenBreaching', value: 'false' });
  });

  test('a lookback longer than the window is a warning', () => {
    const week = sloDocument({
      timeWindow: [{ duration: '1w', isRolling: true }],
      alertPolicies: [{ alertPolicyRef: 'burns' }],
    });
    const { warnings } = resolved(
      week,
      bank,
      policy(),
      condition({ lookbackWindow: '8d' }),
      target({ target: 'x' }, URL_ANNOTATION),
    );
    expect(warnings.map(warning => warning.message)).toEqual(['is longer than the window of the SLO']);
  });
});
