import { describe, expect, test } from 'vitest';
import { assemble, type SpanSpec } from './build.js';

const ROOT: SpanSpec = { id: 'a', service: 'web' };
const CALL: SpanSpec = { id: 'b', parent: 'a', service: 'web', tier: 'data', isDatabaseCall: true };

describe('a service seen only behind database calls is of the data tier', () => {
  test('as a child of the call', () => {
    const trace = assemble([ROOT, CALL, { id: 'c', parent: 'b', service: 'postgres' }]);
    expect(trace.tierOverrides).toEqual([['c', 'data']]);
  });

  test('with descendants within it, in order of time', () => {
    const trace = assemble([
      ROOT,
      CALL,
      { id: 'd', parent: 'c', service: 'postgres', start: 5 },
      { id: 'c', parent: 'b', service: 'postgres', start: 10 },
      { id: 'e', parent: 'd', service: 'postgres', start: 7 },
    ]);
    expect(trace.tierOverrides).toEqual([
      ['d', 'data'],
      ['e', 'data'],
      ['c', 'data'],
    ]);
  });

  test('and its time on the path and as a link counts for that tier', () => {
    const trace = assemble([
      ROOT,
      { ...CALL, kind: 'CLIENT', tier: 'app', start: 20, end: 80 },
      { id: 'c', parent: 'b', service: 'postgres', kind: 'SERVER', start: 30, end: 70 },
    ]);
    expect(trace.tiers).toEqual([
      ['app', 40n],
      ['data', 60n],
    ]);
    expect(trace.path[1]).toMatchObject({ kind: 'link', span: 'b', callee: 'c', tier: 'data' });
  });

  test('and it is the tier of an error that starts there', () => {
    const trace = assemble([
      { ...ROOT, status: 'ERROR' },
      CALL,
      { id: 'c', parent: 'b', service: 'postgres', status: 'ERROR' },
    ]);
    expect(trace).toMatchObject({ errorOrigin: 'c', errorTier: 'data' });
  });

  test('on a cycle too', () => {
    const cycle: SpanSpec[] = [
      { id: '1', parent: '3', service: 'postgres', start: 1 },
      { id: '2', parent: '1', service: 'web', start: 2, isDatabaseCall: true },
      { id: '3', parent: '2', service: 'postgres', start: 3 },
      { id: '4', parent: '1', service: 'postgres', start: 4 },
    ];
    expect(assemble(cycle).tierOverrides.map(([span]) => span)).toEqual(['1', '3', '4']);
  });
});

describe('a service keeps its tier', () => {
  const peer: SpanSpec = { id: 'c', parent: 'b', service: 'postgres' };

  test('if it is the caller’s own', () => {
    expect(assemble([ROOT, CALL, { ...peer, service: 'web' }]).tierOverrides).toEqual([]);
  });

  test('if one of its spans is a child of anything else', () => {
    expect(assemble([ROOT, CALL, peer, { id: 'd', parent: 'a', service: 'postgres' }]).tierOverrides).toEqual([]);
  });

  test('if one of its spans is an orphan', () => {
    expect(assemble([ROOT, CALL, peer, { id: 'd', parent: 'f', service: 'postgres' }]).tierOverrides).toEqual([]);
  });

  test('if it is only below the called service', () => {
    const below: SpanSpec = { id: 'd', parent: 'c', service: 'disk' };
    expect(assemble([ROOT, CALL, peer, below]).tierOverrides).toEqual([['c', 'data']]);
  });

  test('if the call is no database call', () => {
    expect(assemble([ROOT, { ...CALL, isDatabaseCall: false }, peer]).tierOverrides).toEqual([]);
  });

  test('where it is another than app', () => {
    const trace = assemble([ROOT, CALL, { ...peer, tier: 'core' }, { id: 'd', parent: 'c', service: 'postgres' }]);
    expect(trace.tierOverrides).toEqual([['d', 'data']]);
  });
});
