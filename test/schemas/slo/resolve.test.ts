import { describe, expect, test } from 'vitest';
import { readSloDocuments, resolveSloDocuments, type TraceSelection } from '../../../schemas/index.js';
import {
  badSli,
  bank,
  definitionOf,
  kindOf,
  ratioSli,
  rawSli,
  resolved,
  sloDocument,
  sourcesOf,
  type Tree,
  textOf,
  thresholdSli,
  withSli,
} from './documents.js';

const NOTHING: TraceSelection = {
  services: [],
  operations: [],
  environments: [],
  locations: [],
  attributes: [],
  pathTiers: [],
  pathServices: [],
};

const ALL = { durations: [], noError: false, within: null, isNegated: false };
const goodOf = (...documents: readonly Tree[]) => definitionOf(...documents).objectives[0].good;

describe('a definition', () => {
  test('has everything, with defaults for what is not written', () => {
    expect(definitionOf(sloDocument({}, { labels: { a: 'b', c: ['d', 'e'] } }), bank)).toMatchObject({
      name: 'transfers',
      displayName: 'transfers',
      description: '',
      service: 'bank',
      labels: { a: ['b'], c: ['d', 'e'] },
      selection: { ...NOTHING, services: ['edge'] },
      groupBy: [],
      unknown: 'excluded',
      window: { kind: 'rolling', minutes: 43_200 },
      budgetingMethod: 'Occurrences',
      objectives: [
        {
          displayName: '',
          targetPpm: 995_000,
          slices: null,
          good: { ...ALL, durations: [{ tier: null, op: 'lte', ns: '300000000' }] },
        },
      ],
    });
  });

  test('a service without a document is only a warning', () => {
    const { outcome, warnings } = resolved(sloDocument());
    expect(outcome).toBe('resolved');
    expect(warnings).toEqual([expect.objectContaining({ path: 'spec.service', value: '"bank"' })]);
    expect(resolved(sloDocument(), bank).warnings).toEqual([]);
  });
});

describe('selection', () => {
  test('is in one form: sorted, each once, locations in lower case, attributes as text', () => {
    const spec = {
      service: ['b', 'a', 'b'],
      location: ['New York', 'US'],
      attributes: { status: [500, '400'], 'app.vip': true },
      tier: 'data',
      pathService: ['ledger', 'cards'],
      environment: 'production',
      operation: 'GET /pay',
    };
    expect(definitionOf(withSli(ratioSli({ error: false }, spec))).selection).toEqual({
      services: ['a', 'b'],
      operations: ['GET /pay'],
      environments: ['production'],
      locations: ['new york', 'us'],
      attributes: [
        { key: 'app.vip', values: ['true'] },
        { key: 'status', values: ['400', '500'] },
      ],
      pathTiers: ['data'],
      pathServices: ['cards', 'ledger'],
    });
  });

  test('what good selects beyond total is a condition of its own', () => {
    const total = { service: 'edge', location: ['us', 'gb'], tier: ['app'], attributes: { a: 'x', b: 'y' } };
    const good = { service: 'edge', location: 'US', tier: ['app', 'data'], attributes: { a: 'x', b: 'z', c: 'w' } };
    expect(goodOf(withSli(ratioSli(good, total)))).toEqual({
      ...ALL,
      within: {
        ...NOTHING,
        locations: ['us'],
        pathTiers: ['data'],
        attributes: [
          { key: 'b', values: ['z'] },
          { key: 'c', values: ['w'] },
        ],
      },
    });
  });

  test('a good that selects nothing of total is a warning', () => {
    const { outcome, warnings } = resolved(withSli(ratioSli({ service: 'a' }, { service: 'b' })), bank);
    expect(outcome).toBe('resolved');
    expect(warnings[0].message).toContain('selects nothing of total');
  });
});

describe('what makes a trace good', () => {
  test('every condition of good', () => {
    const spec = { maxDuration: '1.5s', tierMaxDuration: { data: '50ms', app: '1m' }, error: false };
    expect(goodOf(withSli(ratioSli(spec, {})))).toEqual({
      ...ALL,
      noError: true,
      durations: [
        { tier: null, op: 'lte', ns: '1500000000' },
        { tier: 'app', op: 'lte', ns: '60000000000' },
        { tier: 'data', op: 'lte', ns: '50000000' },
      ],
    });
  });

  test('bad with an error is good without one', () => {
    expect(goodOf(withSli(badSli({ error: true }, {})))).toEqual({ ...ALL, noError: true });
  });

  test('other conditions of bad change good and bad', () => {
    expect(goodOf(withSli(badSli({ minDuration: '1s', location: 'US' }, {})))).toEqual({
      durations: [{ tier: null, op: 'gte', ns: '1000000000' }],
      noError: false,
      within: { ...NOTHING, locations: ['us'] },
      isNegated: true,
    });
  });

  test('bad below a duration is taken at its word, with a warning', () => {
    const { definition, warnings } = resolved(withSli(badSli({ maxDuration: '1s' }, {})), bank);
    expect(definition?.objectives[0].good.isNegated).toBe(true);
    expect(warnings.map(warning => warning.message)).toEqual([expect.stringContaining('give minDuration')]);
  });

  test('raw of successes and of failures', () => {
    const durations = [{ tier: null, op: 'lte', ns: '1000000' }];
    const slo = (type: string) => withSli(rawSli(type, { maxDuration: '1ms', service: 'edge', unknown: 'bad' }));
    expect(goodOf(slo('success'))).toEqual({ ...ALL, durations });
    expect(goodOf(slo('failure'))).toEqual({ ...ALL, durations, isNegated: true });
    expect(definitionOf(slo('success'))).toMatchObject({ selection: { services: ['edge'] }, unknown: 'bad' });
  });

  test.each([
    [{}, 300, null, '300000000'],
    [{ valueUnit: 's' }, 1.5, null, '1500000000'],
    [{ valueUnit: 'us', metric: 'duration' }, 0.001, null, '1'],
    [{ metric: { tierDuration: 'data' } }, 0.1, 'data', '100000'],
  ])('a threshold of %j and %d', (spec, value, tier, ns) => {
    const slo = withSli(thresholdSli(spec), { objectives: [{ op: 'lt', value, target: 0.9 }] });
    expect(goodOf(slo)).toEqual({ ...ALL, durations: [{ tier, op: 'lt', ns }] });
  });

  test('several objectives of a threshold, each with its own', () => {
    const objectives = [
      { op: 'lt', value: 300, target: 0.9 },
      { op: 'lte', value: 1_000, targetPercent: 99.99 },
    ];
    const found = definitionOf(withSli(thresholdSli({ groupBy: ['country'] }), { objectives }));
    expect(found.objectives.map(({ targetPpm, good }) => [targetPpm, good.durations[0].ns])).toEqual([
      [900_000, '300000000'],
      [999_900, '1000000000'],
    ]);
    expect(found.groupBy).toEqual(['country']);
  });
});

describe('references', () => {
  const sli = kindOf('SLI', 'fast', ratioSli({ maxDuration: '1s' }, {}));

  test('to an SLI lead to it, whatever the order and the file', () => {
    const slo = sloDocument({ indicator: null, indicatorRef: 'fast' });
    expect(goodOf(slo, sli).durations[0].ns).toBe('1000000000');
    const [first, second] = [readSloDocuments(textOf(slo), 'a'), readSloDocuments(textOf(sli), 'b')];
    const sources = [...first, ...second].map(reading => reading.source!);
    expect(resolveSloDocuments(sources).slos[0].outcome).toBe('resolved');
  });

  test('that are misspelt are told with what was meant', () => {
    const { outcome, reasons } = resolved(sloDocument({ indicator: null, indicatorRef: 'fsat' }), sli);
    expect(outcome).toBe('invalid');
    expect(reasons[0]).toMatchObject({
      path: 'spec.indicatorRef',
      value: '"fsat"',
      message: 'names no SLI; did you mean fast?',
    });
  });

  const byReference = (spec: object) =>
    withSli({ ratioMetric: { rawType: 'success', raw: { metricSource: { metricSourceRef: 'traces', spec } } } });

  test('to a DataSource bring its type, and the spec is checked then', () => {
    const source = kindOf('DataSource', 'traces', { type: 'Throughline' });
    expect(goodOf(byReference({ error: false }), source).noError).toBe(true);
    const { outcome, reasons } = resolved(byReference({ maxDuration: 300 }), source);
    expect(outcome).toBe('invalid');
    expect(reasons[0].message).toContain('300ms');
  });

  test('to a DataSource of another type, or to none', () => {
    const foreign = resolved(byReference({}), kindOf('DataSource', 'traces', { type: 'Prometheus' }));
    expect(foreign.outcome).toBe('unsupported');
    expect(foreign.reasons[0]).toMatchObject({ value: '"Prometheus"' });
    expect(resolved(byReference({})).reasons[0].message).toContain('names no DataSource');
  });

  test('of a policy to what is in another file are a warning of its own', () => {
    const policy = kindOf('AlertPolicy', 'p', {
      conditions: [{ conditionRef: 'c' }],
      notificationTargets: [{ targetRef: 't' }],
    });
    const { slos, warnings } = resolveSloDocuments(sourcesOf(policy));
    expect(slos).toEqual([]);
    expect(warnings.map(warning => warning.path)).toEqual([
      'spec.conditions.0.conditionRef',
      'spec.notificationTargets.0.targetRef',
    ]);
  });

  test('a name given twice is a problem of the second document', () => {
    const { slos, problems } = resolveSloDocuments(sourcesOf(bank, sloDocument(), bank, sloDocument()));
    expect(slos.map(slo => slo.outcome)).toEqual(['resolved', 'invalid']);
    expect(slos[1].reasons[0].message).toContain('is the name of another SLO (slo.yaml, document 2)');
    expect(problems).toEqual([expect.objectContaining({ document: 3, path: 'metadata.name', value: '"bank"' })]);
  });
});

describe('windows', () => {
  const windowOf = (duration: string, calendar?: object) =>
    definitionOf(
      sloDocument({ timeWindow: [calendar === undefined ? { duration, isRolling: true } : { duration, calendar }] }),
    ).window;

  test.each([
    ['60m', 60],
    ['1h', 60],
    ['28d', 40_320],
    ['4w', 40_320],
    ['1M', 43_200],
    ['1Q', 129_600],
    ['1Y', 525_600],
    ['400d', 576_000],
  ])('%s rolling are %d minutes', (duration, minutes) => {
    expect(windowOf(duration)).toEqual({ kind: 'rolling', minutes });
  });

  test.each([
    ['1d', 1, 'day'],
    ['2w', 2, 'week'],
    ['1M', 1, 'month'],
    ['4Q', 4, 'quarter'],
    ['1Y', 1, 'year'],
  ])('%s by the calendar', (duration, count, unit) => {
    expect(windowOf(duration, { startTime: '2022-01-01 12:00:00', timeZone: 'America/New_York' })).toEqual({
      kind: 'calendar',
      count,
      unit,
      start: '2022-01-01T12:00:00',
      timeZone: 'America/New_York',
    });
  });
});

describe('budgeting methods', () => {
  const slicesOf = (method: string, fields: object) =>
    definitionOf(sloDocument({ budgetingMethod: method, objectives: [{ target: 0.9, ...fields }] })).objectives[0]
      .slices;

  test('Timeslices have a target and a length; a number is minutes', () => {
    expect(slicesOf('Timeslices', { timeSliceTarget: 0.95, timeSliceWindow: '1h' })).toEqual({
      targetPpm: 950_000,
      minutes: 60,
    });
    expect(slicesOf('Timeslices', { timeSliceTarget: 1, timeSliceWindow: 5 })).toEqual({
      targetPpm: 1_000_000,
      minutes: 5,
    });
  });

  test('RatioTimeslices need no target', () => {
    expect(slicesOf('RatioTimeslices', { timeSliceWindow: '1m' })).toEqual({ targetPpm: 0, minutes: 1 });
  });

  test('fields that say nothing are warned of', () => {
    const objectives = [{ target: 0.9, op: 'gt', value: 1, timeSliceTarget: 0.9, timeSliceWindow: '1m' }];
    const { definition, warnings } = resolved(sloDocument({ objectives }), bank);
    expect(definition?.objectives[0].slices).toBeNull();
    expect(warnings.map(({ path }) => path.split('.').at(-1))).toEqual([
      'op',
      'value',
      'timeSliceTarget',
      'timeSliceWindow',
    ]);
  });

  test('indicators of the objectives make a composite, which is not supported', () => {
    const objectives = [{ target: 0.9, indicatorRef: 'a' }];
    const { outcome, reasons } = resolved(sloDocument({ indicator: null, objectives }));
    expect(outcome).toBe('unsupported');
    expect(reasons[0]).toMatchObject({
      path: 'spec.objectives.0.indicatorRef',
      message: expect.stringContaining('composite'),
    });
  });
});
