import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  countingHash,
  definitionHash,
  type SloDefinition,
  summarizeSlo,
} from '../../../schemas/index.js';
import { badSli, definitionOf, ratioSli, sloDocument, type Tree, thresholdSli, withSli } from './documents.js';

const base = withSli(ratioSli({ maxDuration: '300ms' }, { service: ['a', 'b'], location: 'New York' }));
const definition = definitionOf(base);
const hashes = (of: SloDefinition) => [countingHash(of), definitionHash(of)];

describe('hashes', () => {
  test('are 16 hexadecimal digits, and stay what they are: counts are kept under them', () => {
    expect(hashes(definition)).toEqual([
      expect.stringMatching(/^[0-9a-f]{16}$/),
      expect.stringMatching(/^[0-9a-f]{16}$/),
    ]);
    expect(countingHash(definition)).toBe('5319f23bca53e9ae');
  });

  test('are the same for documents that mean the same', () => {
    const same = withSli(
      ratioSli({ maxDuration: '0.3s', service: ['b', 'a'] }, { location: ['NEW YORK'], service: ['b', 'a', 'b'] }),
    );
    expect(hashes(definitionOf(same))).toEqual(hashes(definition));
  });

  test.each<[string, Tree]>([
    ['the target', { objectives: [{ target: 0.99 }] }],
    ['the window', { timeWindow: [{ duration: '7d', isRolling: true }] }],
    [
      'slices',
      { budgetingMethod: 'Timeslices', objectives: [{ target: 0.995, timeSliceTarget: 0.9, timeSliceWindow: '1m' }] },
    ],
    ['the service', { service: 'shop' }],
    ['the description', { description: 'x' }],
    ['alerts', { alertPolicies: [] }],
  ])('%s changes the definition, not what is counted', (_, spec) => {
    const changed = definitionOf(sloDocument({ indicator: (base.spec as Tree).indicator, ...spec }));
    expect(countingHash(changed)).toBe(countingHash(definition));
    expect(definitionHash(changed)).not.toBe(definitionHash(definition));
  });

  test('the policy for unknown ones changes the definition, not what is counted', () => {
    const changed = definitionOf(
      withSli(ratioSli({ maxDuration: '300ms' }, { service: ['a', 'b'], location: 'New York', unknown: 'bad' })),
    );
    expect(countingHash(changed)).toBe(countingHash(definition));
    expect(definitionHash(changed)).not.toBe(definitionHash(definition));
  });

  test.each([
    ['the selection', withSli(ratioSli({ maxDuration: '300ms' }, { service: 'a' }))],
    ['what is good', withSli(ratioSli({ maxDuration: '301ms' }, { service: ['a', 'b'], location: 'New York' }))],
    ['good for bad', withSli(badSli({ maxDuration: '300ms' }, { service: ['a', 'b'], location: 'New York' }))],
    [
      'groups',
      withSli(ratioSli({ maxDuration: '300ms' }, { service: ['a', 'b'], location: 'New York' }), {
        groupBy: ['region'],
      }),
    ],
    [
      'another objective',
      sloDocument({ indicator: (base.spec as Tree).indicator, objectives: [{ target: 0.9 }, { target: 0.5 }] }),
    ],
  ])('%s changes what is counted', (_, document) => {
    const changed = definitionOf(document);
    expect(countingHash(changed)).not.toBe(countingHash(definition));
    expect(definitionHash(changed)).not.toBe(definitionHash(definition));
  });
});

describe('canonical JSON', () => {
  test('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), members => {
        const reversed = Object.fromEntries(Object.entries(members).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(members));
      }),
    );
  });

  test('a definition that was stored as JSON has the hashes it had', () => {
    const slo = withSli(thresholdSli({ metric: { tierDuration: 'data' } }), {
      objectives: [{ op: 'lt', value: 1.25, target: 0.9 }],
      timeWindow: [{ duration: '1M', calendar: { startTime: '2026-01-01 00:00:00', timeZone: 'Europe/Berlin' } }],
    });
    const found = definitionOf(slo);
    expect(hashes(JSON.parse(canonicalJson(found)))).toEqual(hashes(found));
    expect(JSON.parse(canonicalJson(found))).toEqual(found);
  });
});

describe('the summary', () => {
  test('says objective, condition, selection, window and alerts', () => {
    expect(summarizeSlo(definition)).toBe(
      '99.5 % good (duration ≤ 300ms) of traces with service a or b, location new york; 30d rolling; ' +
        'alerts: page 14.4 over 1h/5m, page 6 over 6h/30m, ticket 3 over 1d/2h, ticket 1 over 3d/6h',
    );
  });

  test('says groups, slices, negation and what becomes of unknown ones', () => {
    const slo = withSli(badSli({ minDuration: '2s', service: 'x' }, { unknown: 'bad', attributes: { vip: true } }), {
      groupBy: ['location', 'service'],
      budgetingMethod: 'Timeslices',
      objectives: [{ targetPercent: 100, timeSliceTarget: 0.95, timeSliceWindow: 5 }],
      timeWindow: [{ duration: '2w', calendar: { startTime: '2026-01-05 00:00:00', timeZone: 'UTC' } }],
      alertPolicies: [],
    });
    expect(summarizeSlo(definitionOf(slo))).toBe(
      '100 % good (not: duration ≥ 2s and traces with service x), slices of 5m at 95 % of traces with vip true; ' +
        '2 calendar weeks from 2026-01-05 00:00:00 UTC; by location, service; unknown count as bad; no alerts',
    );
  });
});
