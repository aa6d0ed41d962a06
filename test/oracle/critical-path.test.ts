import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type SpanSketch, shortPath, sketchTrace } from './sketch.js';
import { KIND_CLIENT, KIND_CONSUMER, KIND_INTERNAL, KIND_PRODUCER, KIND_SERVER } from './types.js';

interface JaegerSpan {
  readonly spanID: string;
  readonly startTime: number;
  readonly duration: number;
  readonly processID: string;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

interface JaegerCase {
  readonly case: string;
  readonly trace: {
    readonly spans: readonly JaegerSpan[];
    readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  };
  readonly criticalPathSections: readonly {
    readonly spanID: string;
    readonly sectionStart: number;
    readonly sectionEnd: number;
  }[];
}

const KINDS: Readonly<Record<string, number>> = {
  producer: KIND_PRODUCER,
  consumer: KIND_CONSUMER,
  client: KIND_CLIENT,
  server: KIND_SERVER,
};

const cases = JSON.parse(
  readFileSync('../shared/data/conformance/critical-path-cases.json', 'utf8'),
) as readonly JaegerCase[];

/** Their ids are words; ours are numbers in order of appearance. */
function numbered(jaeger: JaegerCase): Map<string, string> {
  return new Map(jaeger.trace.spans.map((span, at) => [span.spanID, (at + 1).toString(16)]));
}

function sketchOf(span: JaegerSpan, jaeger: JaegerCase, ids: ReadonlyMap<string, string>): SpanSketch {
  const parent = span.references[0] && ids.get(span.references[0].spanID);
  return {
    id: ids.get(span.spanID)!,
    ...(parent === undefined ? {} : { parent }),
    start: span.startTime,
    end: span.startTime + span.duration,
    service: jaeger.trace.processes[span.processID].serviceName,
    kind: KINDS[span.tags?.find(tag => tag.key === 'span.kind')?.value ?? ''] ?? KIND_INTERNAL,
  };
}

describe("Jaeger's critical path cases", () => {
  it('are nine', () => {
    expect(cases).toHaveLength(9);
  });

  it.each(cases.map(jaeger => [jaeger.case, jaeger] as const))('%s', (_name, jaeger) => {
    const ids = numbered(jaeger);
    const trace = sketchTrace(jaeger.trace.spans.map(span => sketchOf(span, jaeger, ids)));
    const rootStart = jaeger.trace.spans.find(span => span.references.length === 0)!.startTime;
    const expected = jaeger.criticalPathSections
      .map(section => [
        ids.get(section.spanID)!,
        section.sectionStart - rootStart,
        section.sectionEnd - section.sectionStart,
      ])
      .reverse();
    expect(shortPath(trace)).toEqual(expected);
  });
});

describe('critical path', () => {
  it('of a lone span is that span', () => {
    expect(shortPath(sketchTrace([{ id: '1', start: 5, end: 15 }]))).toEqual([['1', 0, 10]]);
  });

  it('of a root without length is empty', () => {
    expect(sketchTrace([{ id: '1' }, { id: '2', parent: '1', end: 10 }])).toMatchObject({ path: [], tiers: [] });
  });

  it('lists nothing of zero length where children touch each other and the ends of their parent', () => {
    const trace = sketchTrace([
      { id: '1', end: 10 },
      { id: '2', parent: '1', start: 0, end: 4 },
      { id: '3', parent: '1', start: 4, end: 10 },
      { id: '4', parent: '1', start: 4, end: 4 },
    ]);
    expect(shortPath(trace)).toEqual([
      ['2', 0, 4],
      ['3', 4, 6],
    ]);
  });

  it('of children that end together takes the one that starts later, then the lower id, then the lower kind', () => {
    const root = { id: '1', end: 10 };
    const later = [root, { id: '2', parent: '1', start: 2, end: 8 }, { id: '3', parent: '1', start: 4, end: 8 }];
    expect(shortPath(sketchTrace(later))).toEqual([
      ['1', 0, 4],
      ['3', 4, 4],
      ['1', 8, 2],
    ]);
    const lower = [root, { id: 'b', parent: '1', start: 2, end: 8 }, { id: 'a', parent: '1', start: 2, end: 8 }];
    expect(shortPath(sketchTrace(lower))[1]).toEqual(['a', 2, 6]);
    const kinds = [
      root,
      { id: '2', parent: '1', start: 2, end: 8, kind: KIND_CLIENT, name: 'client' },
      { id: '2', parent: '1', start: 2, end: 8, kind: KIND_INTERNAL, name: 'internal' },
    ];
    expect(sketchTrace(kinds).path[1].operation).toBe('internal');
  });

  it('passes over a child that ends after the cursor, and comes back to one before it', () => {
    const trace = sketchTrace([
      { id: '1', end: 100 },
      { id: '2', parent: '1', start: 50, end: 90 },
      { id: '3', parent: '1', start: 10, end: 60 },
      { id: '4', parent: '1', start: 5, end: 50 },
    ]);
    expect(shortPath(trace)).toEqual([
      ['1', 0, 5],
      ['4', 5, 45],
      ['2', 50, 40],
      ['1', 90, 10],
    ]);
  });

  it('cuts a child to the part of its parent that is on the path', () => {
    const trace = sketchTrace([
      { id: '1', start: 10, end: 20 },
      { id: '2', parent: '1', start: 0, end: 40 },
      { id: '3', parent: '2', start: 2, end: 12 },
      { id: '4', parent: '2', start: 18, end: 39 },
      { id: '5', parent: '2', start: 20, end: 38 },
    ]);
    expect(shortPath(trace)).toEqual([
      ['3', 0, 2],
      ['2', 2, 6],
      ['4', 8, 2],
    ]);
  });

  it('never waits for a consumer or for the child of a producer', () => {
    const trace = sketchTrace([
      { id: '1', end: 100 },
      { id: '2', parent: '1', start: 10, end: 90, kind: KIND_CONSUMER },
      { id: '3', parent: '1', start: 20, end: 80, kind: KIND_PRODUCER },
      { id: '4', parent: '3', start: 30, end: 70 },
    ]);
    expect(shortPath(trace)).toEqual([
      ['1', 0, 20],
      ['3', 20, 60],
      ['1', 80, 20],
    ]);
  });
});

describe('links', () => {
  const call = { id: '1', end: 100, kind: KIND_CLIENT, service: 'web', name: 'GET /cart' };

  it('are what a client span spends around the server span it called in another service', () => {
    const trace = sketchTrace([
      call,
      {
        id: '2',
        parent: '1',
        start: 20,
        end: 70,
        kind: KIND_SERVER,
        service: 'cart',
        resource: { 'throughline.tier': 'data' },
      },
    ]);
    expect(shortPath(trace)).toEqual([
      ['1', 0, 20, 'web → cart'],
      ['2', 20, 50],
      ['1', 70, 30, 'web → cart'],
    ]);
    expect(trace.path[0]).toMatchObject({ kind: 'link', operation: 'GET /cart', tier: 'data' });
    expect(trace).toMatchObject({
      tiers: [{ tier: 'data', ns: 100n }],
      services: [{ service: 'cart', ns: 50n }],
      links: [{ caller: 'web', callee: 'cart', ns: 50n }],
    });
  });

  it('need another service, a calling kind and a called kind', () => {
    const child = { id: '2', parent: '1', start: 20, end: 70, kind: KIND_SERVER, service: 'cart' };
    const isLinked = (caller: SpanSketch, callee: SpanSketch) => sketchTrace([caller, callee]).links.length > 0;
    expect(isLinked(call, child)).toBe(true);
    expect(isLinked(call, { ...child, service: 'web' })).toBe(false);
    expect(isLinked(call, { ...child, kind: KIND_INTERNAL })).toBe(false);
    expect(isLinked({ ...call, kind: KIND_INTERNAL }, child)).toBe(false);
    expect(isLinked({ ...call, kind: KIND_PRODUCER }, { ...child, kind: KIND_CONSUMER })).toBe(true);
  });

  it('are what a span without a kind spends around its only child, a server span of another service', () => {
    const root = { id: '1', end: 100, kind: KIND_SERVER, service: 'web' };
    const wrapper = { id: '2', parent: '1', start: 10, end: 90, kind: KIND_INTERNAL, service: 'web', name: 'GetCart' };
    const child = { id: '3', parent: '2', start: 20, end: 70, kind: KIND_SERVER, service: 'cart' };
    const linksOf = (...spans: SpanSketch[]) => sketchTrace(spans).links;
    expect(linksOf(root, wrapper, child)).toEqual([{ caller: 'web', callee: 'cart', ns: 30n }]);
    expect(linksOf(root, { ...wrapper, kind: 0 }, child)).toHaveLength(1);
    // With a second child it does something besides; a server span is a proxy; the root is the user's own tier.
    expect(linksOf(root, wrapper, child, { id: '4', parent: '2', start: 75, end: 80, service: 'web' })).toEqual([]);
    expect(linksOf(root, wrapper, child, { ...child, id: '4', start: 75, end: 80 })).toEqual([]);
    expect(linksOf(root, { ...wrapper, kind: KIND_SERVER }, child)).toEqual([]);
    expect(linksOf({ ...wrapper, id: '1', parent: '' }, { ...child, parent: '1' })).toEqual([]);
    expect(linksOf(root, wrapper, { ...child, service: 'web' })).toEqual([]);
  });

  it('lead from a producer to its consumer for the whole of the producer, though nobody waits for the consumer', () => {
    const trace = sketchTrace([
      { id: '1', end: 30, kind: KIND_PRODUCER, service: 'web' },
      { id: '2', parent: '1', start: 50, end: 90, kind: KIND_CONSUMER, service: 'mail' },
    ]);
    expect(shortPath(trace)).toEqual([['1', 0, 30, 'web → mail']]);
  });

  it('go to the callee that ended last before the section ends, else to the one that starts first', () => {
    const trace = sketchTrace([
      call,
      { id: '2', parent: '1', start: 20, end: 40, kind: KIND_SERVER, service: 'first' },
      { id: '3', parent: '1', start: 60, end: 80, kind: KIND_SERVER, service: 'second' },
    ]);
    expect(shortPath(trace)).toEqual([
      ['1', 0, 20, 'web → first'],
      ['2', 20, 20],
      ['1', 40, 20, 'web → first'],
      ['3', 60, 20],
      ['1', 80, 20, 'web → second'],
    ]);
  });

  it('take a callee that ends with the section for one that ended before it', () => {
    const trace = sketchTrace([
      call,
      { id: '2', parent: '1', start: 10, end: 20, kind: KIND_SERVER, service: 'early' },
      { id: '3', parent: '1', start: 30, end: 100, kind: KIND_CONSUMER, service: 'queue' },
    ]);
    expect(shortPath(trace).at(-1)).toEqual(['1', 20, 80, 'web → queue']);
  });

  it('sum to the root duration together with the service sections', () => {
    const trace = sketchTrace([
      { id: '1', end: 100, service: 'web' },
      { id: '2', parent: '1', start: 10, end: 90, kind: KIND_CLIENT, service: 'web' },
      { id: '3', parent: '2', start: 20, end: 60, kind: KIND_SERVER, service: 'cart' },
    ]);
    expect(trace.services).toEqual([
      { service: 'cart', ns: 40n },
      { service: 'web', ns: 20n },
    ]);
    expect(trace.links).toEqual([{ caller: 'web', callee: 'cart', ns: 40n }]);
  });
});
