import { describe, expect, it } from 'vitest';
import { SKETCH_EPOCH_NS, sketchId, sketchTrace } from './sketch.js';
import { KIND_CLIENT, KIND_SERVER, STATUS_ERROR } from './types.js';

describe('times', () => {
  it("are the root's, not the envelope's", () => {
    const trace = sketchTrace([
      { id: '1', start: 10, end: 20 },
      { id: '2', parent: '1', start: 0, end: 90 },
    ]);
    expect(trace).toMatchObject({ startNs: SKETCH_EPOCH_NS + 10n, endNs: SKETCH_EPOCH_NS + 20n, durationNs: 10n });
  });

  it('give a span that ends before it starts no duration, and flag it', () => {
    const trace = sketchTrace([{ id: '1', start: 10, end: 9 }]);
    expect(trace).toMatchObject({ startNs: SKETCH_EPOCH_NS + 10n, endNs: SKETCH_EPOCH_NS + 10n, durationNs: 0n });
    expect(trace.flags).toEqual(['negative_duration']);
  });

  it.each([
    ['a missing start', { startTimeUnixNano: undefined }, 0n],
    ['a start of zero', { startTimeUnixNano: '0' }, 0n],
    ['a start in 1970', { startTimeUnixNano: 1 }, 1n],
    ['the last representable start', { startTimeUnixNano: '9223372036854775807' }, 9223372036854775807n],
    ['a start one nanosecond beyond', { startTimeUnixNano: '9223372036854775808' }, 9223372036854775807n],
    ['the largest start', { startTimeUnixNano: '18446744073709551615' }, 9223372036854775807n],
  ])('of %s are clamped', (name, raw, startNs) => {
    const trace = sketchTrace([{ id: '1', raw: { endTimeUnixNano: '9223372036854775807', ...raw } }]);
    expect(trace).toMatchObject({ startNs, durationNs: 9223372036854775807n - startNs });
    const isInRange = name === 'a start in 1970' || name === 'the last representable start';
    expect(trace.flags).toEqual(isInRange ? [] : ['time_out_of_range']);
  });
});

describe('tier', () => {
  const tierOf = (attributes: Record<string, string>, resource: Record<string, string> = {}) =>
    sketchTrace([{ id: '1', end: 10, attributes, resource }]).tiers[0].tier;

  it.each([
    ['app', {}, {}],
    ['edge', {}, { 'telemetry.sdk.language': 'webjs' }],
    ['app', {}, { 'telemetry.sdk.language': 'go' }],
    ['app', { 'telemetry.sdk.language': 'go' }, { 'telemetry.sdk.language': 'swift' }],
    ['edge', { 'browser.language': 'pt' }, {}],
    ['app', { browser: 'x', 'browsers.x': 'y' }, {}],
    ['edge', {}, { 'device.id': '7' }],
    ['edge', { 'user_agent.synthetic.type': 'test' }, {}],
    ['edge', { upstream_cluster: 'cart' }, {}],
    ['edge', { 'upstream_cluster.name': 'cart' }, {}],
    ['edge', { 'guid:x-request-id': '7' }, {}],
    ['data', { 'db.system': 'mysql' }, {}],
    ['data', {}, { 'db.system.name': 'redis' }],
    ['edge', { 'db.system': 'mysql', 'device.id': '7' }, {}],
    ['core', { 'db.system': 'mysql' }, { 'throughline.tier': 'core' }],
    ['app', { 'throughline.tier': 'core' }, {}],
  ])('is %s for span %j and resource %j', (tier, attributes, resource) => {
    expect(tierOf(attributes as Record<string, string>, resource as Record<string, string>)).toBe(tier);
  });

  const call = { id: '1', end: 100, kind: KIND_CLIENT, service: 'web', attributes: { 'db.system': 'mysql' } };
  const server = { id: '2', parent: '1', start: 10, end: 90, kind: KIND_SERVER, service: 'mysql' };
  const below = { id: '3', parent: '2', start: 20, end: 80, service: 'mysql' };

  it('is data for a service only seen behind database calls, descendants included', () => {
    expect(sketchTrace([call, server, below]).tiers).toEqual([{ tier: 'data', ns: 100n }]);
  });

  it('stays app for a service that is also seen elsewhere, below no database call or below another service', () => {
    const elsewhere = { id: '4', parent: '1', service: 'web' };
    const trace = sketchTrace([call, server, below, elsewhere, { id: '5', parent: '4', service: 'mysql' }]);
    expect(trace.path.find(section => section.spanId === sketchId('2'))?.tier).toBe('app');
    const topToo = sketchTrace([call, server, { id: '6', parent: 'ff', service: 'mysql' }]);
    expect(topToo.path.find(section => section.spanId === sketchId('2'))?.tier).toBe('app');
  });

  it('stays app behind a database call of the same service, and what the config says stays', () => {
    const own = sketchTrace([call, { ...server, service: 'web' }]);
    expect(own.tiers).toEqual([
      { tier: 'app', ns: 80n },
      { tier: 'data', ns: 20n },
    ]);
    const named = sketchTrace([call, { ...server, resource: { 'throughline.tier': 'edge' } }]);
    expect(named.tiers).toEqual([{ tier: 'edge', ns: 100n }]);
  });

  it('is judged without end on a cycle within one service', () => {
    const cycle = [
      { id: '7', parent: '8', service: 'ring', status: STATUS_ERROR },
      { id: '8', parent: '7', service: 'ring' },
    ];
    expect(sketchTrace([{ id: '1', end: 5, status: STATUS_ERROR }, ...cycle])).toMatchObject({ errorTier: 'app' });
  });
});

describe('location', () => {
  const place = (locality: string) => ({ 'geo.locality.name': locality });

  it("prefers the span's own geo attributes as a whole to its resource's", () => {
    const resource = { 'geo.locality.name': 'Berlin', 'geo.region.iso_code': 'DE-BE', 'geo.country.iso_code': 'DE' };
    const trace = sketchTrace([{ id: '1', attributes: { 'geo.country.iso_code': 'US' }, resource }]);
    expect(trace).toMatchObject({ locality: '', region: '', country: 'US' });
    expect(sketchTrace([{ id: '1', resource }])).toMatchObject({ locality: 'Berlin', region: 'DE-BE', country: 'DE' });
  });

  it('prefers any geo attribute to the cloud region, however deep it is', () => {
    const trace = sketchTrace([
      { id: '1', resource: { 'cloud.region': 'eu-central-1' } },
      { id: '2', parent: '1', attributes: place('Tokyo') },
    ]);
    expect(trace).toMatchObject({ locality: 'Tokyo', region: '' });
    expect(sketchTrace([{ id: '1', resource: { 'cloud.region': 'eu-central-1' } }]).region).toBe('eu-central-1');
  });

  it('of equally good spans is that of the least depth, then the earliest, then the lower id, then the lower kind', () => {
    const depth = sketchTrace([
      { id: '1', start: 5 },
      { id: '2', parent: '1', start: 6, attributes: place('deep') },
      { id: '3', parent: '2', start: 0, attributes: place('deeper') },
    ]);
    expect(depth.locality).toBe('deep');
    const start = sketchTrace([
      { id: '1' },
      { id: '2', parent: '1', start: 6, attributes: place('second') },
      { id: '3', parent: '1', start: 5, attributes: place('first') },
    ]);
    expect(start.locality).toBe('first');
    const id = sketchTrace([
      { id: '1' },
      { id: 'b', parent: '1', attributes: place('b') },
      { id: 'a', parent: '1', kind: KIND_CLIENT, attributes: place('a client') },
      { id: 'a', parent: '1', attributes: place('a') },
    ]);
    expect(id.locality).toBe('a');
  });

  it('is empty where no span has one', () => {
    expect(sketchTrace([{ id: '1' }])).toMatchObject({ locality: '', region: '', country: '' });
  });
});

describe('error', () => {
  it("is the root's alone; its origin is the deepest failed span, then the earliest", () => {
    const spans = [
      { id: '1', end: 9, status: STATUS_ERROR },
      { id: '2', parent: '1', start: 3, status: STATUS_ERROR, service: 'b' },
      { id: '3', parent: '2', start: 5, status: STATUS_ERROR, service: 'c', name: 'late' },
      { id: '4', parent: '2', start: 4, status: STATUS_ERROR, service: 'd', name: 'early' },
      { id: '5', parent: '4' },
    ];
    expect(sketchTrace(spans)).toMatchObject({
      error: true,
      errorSpanId: sketchId('4'),
      errorService: 'd',
      errorOperation: 'early',
    });
    const recovered = [{ id: '1', end: 9 }, ...spans.slice(1)];
    expect(sketchTrace(recovered)).toMatchObject({ error: false, errorSpanId: '', errorService: '', errorTier: '' });
  });

  it('is any other top where the root is missing, but not that of a cycle', () => {
    const tops = [
      { id: '1', parent: 'ff' },
      { id: '2', parent: 'ff', status: STATUS_ERROR },
    ];
    expect(sketchTrace(tops)).toMatchObject({ error: true, errorSpanId: sketchId('2'), errorTier: 'app' });
    const cycle = [
      { id: '1', parent: '2', status: STATUS_ERROR },
      { id: '2', parent: '1', status: STATUS_ERROR },
    ];
    expect(sketchTrace(cycle).error).toBe(false);
  });
});

describe('truncation', () => {
  it('assembles the first spans by start and counts them all', () => {
    const spans = [
      { id: '1', end: 100 },
      { id: '2', parent: '1', start: 10, end: 20, service: 'b' },
      { id: '3', parent: '1', start: 30, end: 25, service: 'c', status: STATUS_ERROR },
    ];
    const trace = sketchTrace(spans, { maxSpansPerTrace: 2 });
    expect(trace).toMatchObject({
      spanCount: 3,
      revisionSpans: 3,
      serviceCount: 3,
      flags: ['negative_duration', 'truncated'],
    });
    expect(trace.services.map(({ service }) => service)).toEqual(['b', 'shop']);
    expect(sketchTrace(spans, { maxSpansPerTrace: 3 }).flags).toEqual(['negative_duration']);
  });
});

describe('entry', () => {
  it('gives service, operation and environment, the newer attribute before the older', () => {
    const resource = { 'deployment.environment': 'old', 'deployment.environment.name': 'new' };
    const trace = sketchTrace([{ id: '1', end: 1, service: 'front', name: 'GET /', resource }]);
    expect(trace).toMatchObject({ service: 'front', operation: 'GET /', environment: 'new' });
    const older = sketchTrace([{ id: '1', resource: { 'deployment.environment': 'old' } }]);
    expect(older.environment).toBe('old');
  });
});
