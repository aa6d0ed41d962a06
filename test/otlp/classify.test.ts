import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_TIER_RULES, type TierRule } from '../../schemas/index.js';
import { encodeRequest, readRows } from './read-rows.js';

type Attributes = Readonly<Record<string, string>>;

const listOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));

function requestOf(span: Attributes, resource: Attributes) {
  const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };
  const scopeSpans = [{ spans: [{ ...ids, attributes: listOf(span) }] }];
  return encodeRequest({ resourceSpans: [{ resource: { attributes: listOf(resource) }, scopeSpans }] });
}

function tierOf(span: Attributes, resource: Attributes, tierRules: readonly TierRule[] = DEFAULT_TIER_RULES): string {
  return readRows(requestOf(span, resource), { tierRules })[0].tier;
}

/** The rules as `schemas/rules.ts` words them. Prefixes are met by any attribute of span or resource. */
function naiveTier(span: Attributes, resource: Attributes, rules: readonly TierRule[]): string {
  if (resource['throughline.tier']) return resource['throughline.tier'];
  const holds = ([pattern, values]: [string, string | readonly string[]]): boolean => {
    const accepted = [values].flat();
    const isMet = (value: string): boolean => accepted.includes('*') || accepted.includes(value);
    if (!pattern.endsWith('*')) {
      const value = span[pattern] ?? resource[pattern];
      return value !== undefined && isMet(value);
    }
    const all = [...Object.entries(span), ...Object.entries(resource)];
    return all.some(([key, value]) => key.startsWith(pattern.slice(0, -1)) && isMet(value));
  };
  return rules.find(({ where }) => Object.entries(where).every(holds))?.tier ?? 'app';
}

describe('tiers by the default rules', () => {
  test.each([
    [{}, {}, 'app'],
    [{}, { 'telemetry.sdk.language': 'webjs' }, 'edge'],
    [{}, { 'telemetry.sdk.language': 'swift' }, 'edge'],
    [{}, { 'telemetry.sdk.language': 'kotlin-android' }, 'edge'],
    [{}, { 'telemetry.sdk.language': 'go' }, 'app'],
    [{ 'telemetry.sdk.language': 'go' }, { 'telemetry.sdk.language': 'webjs' }, 'app'],
    [{ 'browser.language': '' }, {}, 'edge'],
    [{}, { 'device.id': 'x' }, 'edge'],
    [{ browser: 'x', device: 'y' }, {}, 'app'],
    [{ 'user_agent.synthetic.type': 'bot' }, {}, 'edge'],
    [{ upstream_cluster: 'c' }, {}, 'edge'],
    [{ 'guid:x-request-id': 'c' }, {}, 'edge'],
    [{ 'db.system': 'redis' }, {}, 'data'],
    [{ 'db.system.name': 'redis' }, {}, 'data'],
    [{ 'db.system': 'redis' }, { 'browser.name': 'x' }, 'edge'],
    [{ 'db.system': 'redis' }, { 'throughline.tier': 'core' }, 'core'],
    [{ 'throughline.tier': 'core' }, {}, 'app'],
    [{ 'db.system': 'redis' }, { 'throughline.tier': '' }, 'data'],
  ] as [Attributes, Attributes, string][])('span %j, resource %j: %s', (span, resource, tier) => {
    expect(tierOf(span, resource)).toBe(tier);
    expect(naiveTier(span, resource, DEFAULT_TIER_RULES)).toBe(tier);
  });

  test('spans of one resource do not leave anything to each other', () => {
    const spans = [{ 'db.system': 'x' }, {}, { 'browser.name': 'x' }, {}, { 'telemetry.sdk.language': 'swift' }, {}];
    const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };
    const scopeSpans = [{ spans: spans.map(attributes => ({ ...ids, attributes: listOf(attributes as Attributes) })) }];
    const rows = readRows(encodeRequest({ resourceSpans: [{ scopeSpans }] }));
    expect(rows.map(row => row.tier)).toEqual(['data', 'app', 'edge', 'app', 'edge', 'app']);
    expect(rows.map(row => row.isDatabaseCall)).toEqual([true, false, false, false, false, false]);
  });
});

describe('database calls', () => {
  test.each([
    [{ 'db.system': 'redis' }, {}, true],
    [{ 'db.system.name': 'redis' }, {}, true],
    [{ 'db.system': '' }, {}, true],
    [{ 'db.name': 'x' }, {}, false],
    [{}, { 'db.system': 'redis' }, false],
  ] as [Attributes, Attributes, boolean][])('span %j, resource %j: %s', (span, resource, isDatabaseCall) => {
    expect(readRows(requestOf(span, resource))[0].isDatabaseCall).toBe(isDatabaseCall);
  });
});

describe('rules that people write', () => {
  test('all conditions of a rule must hold, from span and resource together; the first rule wins', () => {
    const rules: TierRule[] = [
      { tier: 'both', where: { a: '1', b: ['2', '3'] } },
      { tier: 'one', where: { a: '*' } },
    ];
    expect(tierOf({ a: '1' }, { b: '3' }, rules)).toBe('both');
    expect(tierOf({ a: '1' }, { b: '4' }, rules)).toBe('one');
    expect(tierOf({ b: '2' }, {}, rules)).toBe('app');
  });

  test('a rule without conditions takes what is left, also of spans without attributes', () => {
    expect(tierOf({}, {}, [{ tier: 'rest', where: {} }])).toBe('rest');
  });

  test('values that are no strings are compared as text', () => {
    const rules: TierRule[] = [{ tier: 'hit', where: { port: '8080' } }];
    const span = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };
    const attributes = [{ key: 'port', value: { intValue: 8080 } }];
    const payload = encodeRequest({ resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, attributes }] }] }] });
    expect(readRows(payload, { tierRules: rules })[0].tier).toBe('hit');
  });

  test('more than 32 conditions, and rules that share conditions, match as a naive reading says', () => {
    const key = fc.constantFrom('a', 'b', 'ab', 'abc', 'c.d', 'c.e', 'f');
    const value = fc.constantFrom('', '1', '2');
    const attributes = fc.dictionary(key, value, { maxKeys: 4 });
    const pattern = fc.oneof(key, fc.constantFrom('a*', 'ab*', 'c.*', '*'));
    const accepted = fc.oneof(value, fc.constant('*'), fc.array(value, { minLength: 1, maxLength: 2 }));
    const rule = fc.record({
      tier: fc.constantFrom('x', 'y', 'z'),
      where: fc.dictionary(pattern, accepted, { minKeys: 1, maxKeys: 3 }),
    });
    fc.assert(
      fc.property(attributes, attributes, fc.array(rule, { maxLength: 40 }), (span, resource, rules) => {
        expect(tierOf(span, resource, rules)).toBe(naiveTier(span, resource, rules));
      }),
      { numRuns: 400 },
    );
  });
});
