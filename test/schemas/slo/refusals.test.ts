/** Every refusal: where, what is there, what would be valid. */
import { describe, expect, test } from 'vitest';
import { readSloDocuments } from '../../../schemas/index.js';
import {
  badSli,
  bank,
  kindOf,
  ratioSli,
  rawSli,
  refusals,
  sloDocument,
  type Tree,
  thresholdSli,
  withSli,
} from './documents.js';

type Case = readonly [name: string, document: Tree, path: string, value: string, valid: string];

const objective = (fields: Tree, spec: Tree = {}) => sloDocument({ objectives: [fields], ...spec });
const window = (fields: Tree) => sloDocument({ timeWindow: [fields] });
const calendar = (fields: Tree, duration = '1M') =>
  window({ duration, calendar: { startTime: '2026-01-01 00:00:00', timeZone: 'UTC', ...fields } });
const good = (spec: Tree) => withSli(ratioSli(spec, {}));
const slices = (fields: Tree, method = 'Timeslices') =>
  objective({ target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: '1m', ...fields }, { budgetingMethod: method });
const condition = (fields: Tree, more: Tree = {}) => ({
  kind: 'AlertCondition',
  metadata: { name: 'c' },
  spec: { severity: 'page', condition: { op: 'gt', threshold: 2, lookbackWindow: '1h', ...fields }, ...more },
});
const target = { kind: 'AlertNotificationTarget', metadata: { name: 't' }, spec: { target: 'email' } };
const policy = (fields: Tree) =>
  sloDocument({
    alertPolicies: [
      {
        kind: 'AlertPolicy',
        metadata: { name: 'p' },
        spec: { conditions: [condition({})], notificationTargets: [target], ...fields },
      },
    ],
  });

const SPEC = 'spec.indicator.spec.ratioMetric';
const GOOD = `${SPEC}.good.metricSource.spec`;
const POLICY = 'spec.alertPolicies.0.spec';
const CONDITION = `${POLICY}.conditions.0.spec.condition`;

const CASES: readonly Case[] = [
  ['another version', { ...bank, apiVersion: 'openslo/v2' }, 'apiVersion', '"openslo/v2"', 'give one of openslo/v1'],
  ['no version', { kind: 'Service', metadata: { name: 'a' } }, 'apiVersion', '', 'is missing: give one of openslo/v1'],
  ['an unknown kind', { ...bank, kind: 'SLOs' }, 'kind', '"SLOs"', 'did you mean SLO?'],
  ['no kind', { apiVersion: 'openslo/v1' }, 'kind', '', 'is missing: give one of SLO, SLI, Service'],
  ['a name in capitals', sloDocument({}, { name: 'Transfers' }), 'metadata.name', '"Transfers"', 'lower-case letters'],
  ['a name of 64', sloDocument({}, { name: 'a'.repeat(64) }), 'metadata.name', `"${'a'.repeat(64)}"`, 'up to 63'],
  ['a label of a number', sloDocument({}, { labels: { env: 1 } }), 'metadata.labels.env', '1', 'in quotes'],
  ['a label key', sloDocument({}, { labels: { '-env': 'a' } }), 'metadata.labels.-env', '"-env"', 'up to 63 letters'],
  ['an annotation', sloDocument({}, { annotations: { a: true } }), 'metadata.annotations.a', 'true', 'give text'],
  ['an unknown key', sloDocument({}, { lables: {} }), 'metadata.lables', '', 'did you mean labels?'],
  ['a key like none', sloDocument({ zzzzzzzzzz: 1 }), 'spec.zzzzzzzzzz', '', 'known are description, service'],
  ['no service', sloDocument({ service: null }), 'spec.service', '', 'is missing: give the name of the service'],
  [
    'a long description',
    sloDocument({ description: 'x'.repeat(1051) }),
    'spec.description',
    `"${'x'.repeat(78)}…`,
    '1050',
  ],
  ['a method', sloDocument({ budgetingMethod: 'Timeslice' }), 'spec.budgetingMethod', '"Timeslice"', 'RatioTimeslices'],
  ['no objective', sloDocument({ objectives: [] }), 'spec.objectives', '[]', 'at least one'],
  ['no indicator', sloDocument({ indicator: null }), 'spec', '', 'has neither indicator nor indicatorRef'],
  ['both indicators', sloDocument({ indicatorRef: 'a' }), 'spec.indicatorRef', '', 'does not go with indicator'],
  [
    'a dangling reference',
    sloDocument({ indicator: null, indicatorRef: 'a' }),
    'spec.indicatorRef',
    '"a"',
    'names no SLI',
  ],

  ['no target', objective({}), 'spec.objectives.0', '', 'has neither target nor targetPercent'],
  [
    'both targets',
    objective({ target: 0.9, targetPercent: 90 }),
    'spec.objectives.0.targetPercent',
    '',
    'does not go with target',
  ],
  ['a target of 0', objective({ target: 0 }), 'spec.objectives.0.target', '0', 'above 0 and up to 1'],
  ['a target over 1', objective({ target: 1.000001 }), 'spec.objectives.0.target', '1.000001', 'above 0 and up to 1'],
  ['7 decimals', objective({ target: 0.9999999 }), 'spec.objectives.0.target', '0.9999999', 'at most 6 decimals'],
  ['a percentage as target', objective({ target: 99.5 }), 'spec.objectives.0.target', '99.5', 'such as 0.995'],
  [
    '5 decimals of percent',
    objective({ targetPercent: 99.99999 }),
    'spec.objectives.0.targetPercent',
    '99.99999',
    'at most 4',
  ],
  [
    'a target of text',
    objective({ target: '0.99' }),
    'spec.objectives.0.target',
    '"0.99"',
    'give a share such as 0.995',
  ],
  [
    'a weight',
    objective({ target: 0.9, compositeWeight: 2 }),
    'spec.objectives.0.compositeWeight',
    '',
    'composite SLOs are not supported',
  ],
  [
    'a weight of 0',
    objective({ target: 0.9, compositeWeight: 0 }),
    'spec.objectives.0.compositeWeight',
    '0',
    'above 0',
  ],
  ['slices without target', slices({ timeSliceTarget: null }), 'spec.objectives.0.timeSliceTarget', '', 'such as 0.95'],
  ['slices without window', slices({ timeSliceWindow: null }), 'spec.objectives.0.timeSliceWindow', '', 'such as 1m'],
  [
    'ratio slices without window',
    slices({ timeSliceWindow: null }, 'RatioTimeslices'),
    'spec.objectives.0.timeSliceWindow',
    '',
    'RatioTimeslices need',
  ],
  [
    'a slice of 30s',
    slices({ timeSliceWindow: '30s' }),
    'spec.objectives.0.timeSliceWindow',
    '"30s"',
    'whole minutes, since counts are kept by the minute',
  ],
  ['a slice of 1.5', slices({ timeSliceWindow: 1.5 }), 'spec.objectives.0.timeSliceWindow', '1.5', 'whole minutes'],
  ['a slice of 2d', slices({ timeSliceWindow: '2d' }), 'spec.objectives.0.timeSliceWindow', '"2d"', 'at most 1d'],
  ['a slice target of 0', slices({ timeSliceTarget: 0 }), 'spec.objectives.0.timeSliceTarget', '0', 'above 0'],

  [
    'two windows',
    sloDocument({
      timeWindow: [
        { duration: '1d', isRolling: true },
        { duration: '1w', isRolling: true },
      ],
    }),
    'spec.timeWindow',
    '',
    'has 2 windows: give exactly one',
  ],
  ['no window in the list', sloDocument({ timeWindow: [] }), 'spec.timeWindow', '', 'has 0 windows'],
  ['a window of no kind', window({ duration: '1d' }), 'spec.timeWindow.0', '', 'isRolling: true, or a calendar'],
  [
    'a duration',
    window({ duration: '28 days', isRolling: true }),
    'spec.timeWindow.0.duration',
    '"28 days"',
    'such as 5m (minutes), 28d',
  ],
  [
    'a duration of 0',
    window({ duration: '0d', isRolling: true }),
    'spec.timeWindow.0.duration',
    '"0d"',
    'a whole number',
  ],
  [
    '59 minutes',
    window({ duration: '59m', isRolling: true }),
    'spec.timeWindow.0.duration',
    '"59m"',
    'from 1h to 400d',
  ],
  [
    'a rolling 1m',
    window({ duration: '1m', isRolling: true }),
    'spec.timeWindow.0.duration',
    '"1m"',
    'if months are meant, give 1M',
  ],
  [
    '401 days',
    window({ duration: '401d', isRolling: true }),
    'spec.timeWindow.0.duration',
    '"401d"',
    'from 1h to 400d',
  ],
  [
    'both kinds',
    {
      ...calendar({}),
      ...window({ duration: '1d', isRolling: true, calendar: { startTime: '2026-01-01 00:00:00', timeZone: 'UTC' } }),
    },
    'spec.timeWindow.0.calendar',
    '',
    'does not go with isRolling',
  ],
  ['2 years', calendar({}, '2Y'), 'spec.timeWindow.0.duration', '"2Y"', 'at most 400 days'],
  ['calendar hours', calendar({}, '12h'), 'spec.timeWindow.0.duration', '"12h"', 'in d, w, M, Q or Y'],
  [
    'a day that is none',
    calendar({ startTime: '2026-02-30 00:00:00' }),
    'spec.timeWindow.0.calendar.startTime',
    '"2026-02-30 00:00:00"',
    'such as 2026-01-01 00:00:00',
  ],
  [
    'a start with a zone',
    calendar({ startTime: '2026-01-01T00:00:00Z' }),
    'spec.timeWindow.0.calendar.startTime',
    '"2026-01-01T00:00:00Z"',
    'without a zone',
  ],
  [
    'a time zone',
    calendar({ timeZone: 'America/NewYork' }),
    'spec.timeWindow.0.calendar.timeZone',
    '"America/NewYork"',
    'did you mean America/New_York?',
  ],
  ['an offset', calendar({ timeZone: '+02:00' }), 'spec.timeWindow.0.calendar.timeZone', '"+02:00"', 'IANA time zone'],

  ['no metric', withSli({}), 'spec.indicator.spec', '', 'neither thresholdMetric nor ratioMetric'],
  [
    'both metrics',
    withSli(
      { ...thresholdSli({}), ...ratioSli({ error: false }, {}) },
      { objectives: [{ target: 0.9, op: 'lt', value: 1 }] },
    ),
    'spec.indicator.spec.ratioMetric',
    '',
    'does not go with thresholdMetric',
  ],
  [
    'no total',
    withSli({ ratioMetric: { good: { metricSource: { type: 'throughline', spec: { error: false } } } } }),
    SPEC,
    '',
    'neither total nor raw',
  ],
  [
    'good and bad',
    withSli({
      ratioMetric: {
        ...(badSli({ error: true }, {}).ratioMetric as Tree),
        good: { metricSource: { type: 'throughline', spec: { error: false } } },
      },
    }),
    `${SPEC}.bad`,
    '',
    'does not go with good',
  ],
  [
    'raw without type',
    withSli({ ratioMetric: { raw: { metricSource: { type: 'throughline', spec: { error: false } } } } }),
    `${SPEC}.rawType`,
    '',
    'success, failure',
  ],
  [
    'no type',
    withSli({ ratioMetric: { rawType: 'success', raw: { metricSource: { spec: {} } } } }),
    `${SPEC}.raw.metricSource.type`,
    '',
    'a metricSourceRef',
  ],
  [
    'no spec',
    withSli({ ratioMetric: { rawType: 'success', raw: { metricSource: { type: 'throughline' } } } }),
    `${SPEC}.raw.metricSource.spec`,
    '',
    '{} for all',
  ],
  [
    'another source',
    withSli({ ratioMetric: { rawType: 'success', raw: { metricSource: { type: 'Datadog', spec: { query: 'x' } } } } }),
    `${SPEC}.raw.metricSource.type`,
    '"Datadog"',
    'give type: throughline',
  ],

  ['a bare number', good({ maxDuration: 300 }), `${GOOD}.maxDuration`, '300', 'give the unit, too: 300ms or 300s'],
  ['a bare text', good({ maxDuration: '300' }), `${GOOD}.maxDuration`, '"300"', '300ms'],
  ['no duration', good({ maxDuration: '0ms' }), `${GOOD}.maxDuration`, '"0ms"', 'more than 0'],
  ['a tier without unit', good({ tierMaxDuration: { data: 50 } }), `${GOOD}.tierMaxDuration.data`, '50', '50ms'],
  ['an unknown selector', good({ error: false, sevice: 'a' }), `${GOOD}.sevice`, '', 'did you mean service?'],
  [
    'groupBy of good',
    good({ error: false, groupBy: ['location'] }),
    `${GOOD}.groupBy`,
    '',
    'belongs to the spec of total, raw, threshold, not to that of good',
  ],
  [
    'maxDuration of total',
    withSli(ratioSli({ error: false }, { maxDuration: '1s' })),
    `${SPEC}.total.metricSource.spec.maxDuration`,
    '',
    'belongs to the spec of good, bad, raw',
  ],
  [
    'nothing of good',
    withSli(ratioSli({ service: 'a' }, { service: 'a' })),
    GOOD,
    '',
    'says not what makes a trace good',
  ],
  ['good with an error', good({ error: true }), `${GOOD}.error`, 'true', 'give error: false'],
  [
    'bad of two',
    withSli(badSli({ error: true, minDuration: '1s' }, {})),
    `${SPEC}.bad.metricSource.spec.error`,
    'true',
    'give good instead',
  ],
  ['an empty list', good({ error: false, service: [] }), `${GOOD}.service`, '[]', 'leave it out for all'],
  [
    'a group',
    withSli(rawSli('success', { error: false, groupBy: ['city'] })),
    `${SPEC}.raw.metricSource.spec.groupBy.0`,
    '"city"',
    'give one of location, locality',
  ],
  [
    'a group twice',
    sloDocument({ groupBy: ['region', 'region'] }),
    'spec.groupBy',
    '["region","region"]',
    'each dimension once',
  ],
  [
    'two groupings',
    withSli(rawSli('success', { error: false, groupBy: ['country'] }), { groupBy: ['region'] }),
    'spec.groupBy',
    '["region"]',
    'differs from that of the indicator (country)',
  ],
  [
    'unknown',
    withSli(ratioSli({ error: false }, { unknown: 'ignored' })),
    `${SPEC}.total.metricSource.spec.unknown`,
    '"ignored"',
    'excluded, bad, good',
  ],
  [
    'a measure',
    withSli(thresholdSli({ metric: 'latency' }), { objectives: [{ op: 'lt', value: 1, target: 0.9 }] }),
    'spec.indicator.spec.thresholdMetric.metricSource.spec.metric',
    '"latency"',
    'give duration, or {tierDuration: data}',
  ],
  [
    'no op',
    withSli(thresholdSli({}), { objectives: [{ value: 1, target: 0.9 }] }),
    'spec.objectives.0.op',
    '',
    'one of lt, lte, gt, gte',
  ],
  [
    'no value',
    withSli(thresholdSli({}), { objectives: [{ op: 'lt', target: 0.9 }] }),
    'spec.objectives.0.value',
    '',
    'a number to compare with',
  ],
  [
    'a value of 0',
    withSli(thresholdSli({}), { objectives: [{ op: 'lt', value: 0, target: 0.9 }] }),
    'spec.objectives.0.value',
    '0',
    'more than 0',
  ],
  [
    'half a nanosecond',
    withSli(thresholdSli({}), { objectives: [{ op: 'lt', value: 1.0000005, target: 0.9 }] }),
    'spec.objectives.0.value',
    '1.0000005',
    'whole nanoseconds',
  ],

  ['an empty policy', sloDocument({ alertPolicies: [{}] }), 'spec.alertPolicies.0', '', 'give alertPolicyRef, or kind'],
  [
    'half a policy',
    sloDocument({ alertPolicies: [{ kind: 'AlertPolicy', metadata: { name: 'p' } }] }),
    'spec.alertPolicies.0.spec',
    '',
    'is missing',
  ],
  [
    'a policy and a reference',
    sloDocument({ alertPolicies: [{ alertPolicyRef: 'p', kind: 'AlertPolicy' }] }),
    'spec.alertPolicies.0.kind',
    '',
    'does not go with alertPolicyRef',
  ],
  [
    'a policy that is not there',
    sloDocument({ alertPolicies: [{ alertPolicyRef: 'p' }] }),
    'spec.alertPolicies.0.alertPolicyRef',
    '"p"',
    'names no AlertPolicy',
  ],
  ['no condition', policy({ conditions: [] }), `${POLICY}.conditions`, '', 'give one condition'],
  [
    'two conditions',
    policy({ conditions: [condition({}), condition({})] }),
    `${POLICY}.conditions`,
    '',
    'has 2: give one, and a policy for each other',
  ],
  ['no target', policy({ notificationTargets: [] }), `${POLICY}.notificationTargets`, '', 'at least one target'],
  [
    'a kind of condition',
    policy({ conditions: [condition({ kind: 'budget' })] }),
    `${CONDITION}.kind`,
    '"budget"',
    'burnrate',
  ],
  ['lte', policy({ conditions: [condition({ op: 'lte' })] }), `${CONDITION}.op`, '"lte"', 'give gt or gte'],
  ['a threshold of 0', policy({ conditions: [condition({ threshold: 0 })] }), `${CONDITION}.threshold`, '0', 'above 0'],
  [
    '4 decimals of threshold',
    policy({ conditions: [condition({ threshold: 14.4001 })] }),
    `${CONDITION}.threshold`,
    '14.4001',
    'at most 3 decimals',
  ],
  [
    'a lookback',
    policy({ conditions: [condition({ lookbackWindow: '90s' })] }),
    `${CONDITION}.lookbackWindow`,
    '"90s"',
    'a whole number and m',
  ],
  [
    'a lookback of 2Y',
    policy({ conditions: [condition({ lookbackWindow: '2Y' })] }),
    `${CONDITION}.lookbackWindow`,
    '"2Y"',
    'at most 400d',
  ],
  [
    'no severity',
    policy({ conditions: [condition({}, { severity: null })] }),
    `${POLICY}.conditions.0.spec.severity`,
    '',
    'such as page',
  ],
  [
    'minimum events',
    sloDocument({}, { annotations: { 'throughline.dev/minimum-events': '-1' } }),
    'metadata.annotations.throughline.dev/minimum-events',
    '"-1"',
    'whole number from 0',
  ],
  [
    'an annotation of ours',
    sloDocument({}, { annotations: { 'throughline.dev/min-events': '1' } }),
    'metadata.annotations.throughline.dev/min-events',
    '',
    'did you mean throughline.dev/minimum-events?',
  ],
  [
    'a URL',
    kindOf('AlertNotificationTarget', 't', { target: 'x' }, { annotations: { 'throughline.dev/url': 'ftp://secret' } }),
    'metadata.annotations.throughline.dev/url',
    '',
    'is no http or https URL (it is not shown)',
  ],
  ['no type of source', kindOf('DataSource', 'd', {}), 'spec.type', '', 'is missing: give the type'],
];

describe('a document with a fault is refused with path, value and what would be valid:', () => {
  test.each(CASES)('%s', (_, document, path, value, valid) => {
    expect(refusals(document)).toContainEqual({ path, value, message: expect.stringContaining(valid) });
  });

  test('one fault is one problem', () => {
    const several = CASES.filter(([, document]) => refusals(document).length > 1);
    expect(several.map(([name]) => name)).toEqual([]);
  });
});

test('a document that is no object is refused with what it is', () => {
  expect(refusals('text' as unknown as Tree)).toEqual([
    { path: '', value: '"text"', message: expect.stringContaining('apiVersion: openslo/v1, kind, metadata and spec') },
  ]);
});

test.each(['1.0', '1.50', '0x1F', '12345678901234567890'])('an attribute of %s without quotes is refused', written => {
  const text = JSON.stringify(good({ error: false, attributes: { 'app.version': ['a', 12345] } })).replace(
    '12345',
    written,
  );
  expect(readSloDocuments(text, 'f').flatMap(reading => reading.problems)).toEqual([
    expect.objectContaining({
      path: `${GOOD}.attributes.app.version.1`,
      value: `"${written}"`,
      message: `is read as the number ${Number(written)}: give text in quotes`,
    }),
  ]);
  expect(readSloDocuments(text.replaceAll('"throughline"', '"Datadog"'), 'f')[0].problems).toEqual([]);
});

test.each([
  ['target', '0.99999999999999999999'],
  ['targetPercent', '99.500000000000000001'],
])('a %s of more digits than a number keeps is refused, not rounded', (key, written) => {
  const text = JSON.stringify(objective({ [key]: 12345 })).replace('12345', written);
  const problems = readSloDocuments(text, 'f').flatMap(reading => reading.problems);
  expect(problems).toContainEqual(
    expect.objectContaining({
      path: `spec.objectives.0.${key}`,
      value: `"${written}"`,
      message: 'has more digits than a number keeps: give fewer',
    }),
  );
});
