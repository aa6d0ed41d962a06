import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TraceAnswer } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertArrivals, insertRevisions, insertSpans, LONDON, pathColumns, spanId, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const NOW = Date.UTC(2026, 10, 24, 10, 0, 0);
const MINUTE = 60_000;

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  api = await startApi(store);
  api.nowMs = NOW;
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

describe('one trace', () => {
  const ID = `ab${traceId(77).slice(2)}`;
  const START = NOW - MINUTE;

  beforeAll(async () => {
    await insertSpans(store, [
      { traceId: ID, spanId: spanId(1), name: 'GET /', tier: 'edge', startMs: START, durationMs: 100 },
      {
        traceId: ID,
        spanId: spanId(2),
        parentSpanId: spanId(1),
        name: 'SELECT',
        kind: 'CLIENT',
        service: 'shop',
        status: 'ERROR',
        attributes: { 'db.system.name': 'postgresql', "it's": 'a "quote"' },
        startMs: START - 5,
        durationMs: 20.000001,
      },
      // An older copy of the same span: the higher version counts.
      { traceId: ID, spanId: spanId(2), kind: 'CLIENT', startMs: START, durationMs: 1, version: 0 },
      // The same id with another kind is another span.
      { traceId: ID, spanId: spanId(2), kind: 'SERVER', startMs: START + 1, parentSpanId: spanId(2) },
      { traceId: ID, spanId: spanId(3), tenant: 'other', startMs: START },
    ]);
    const path = pathColumns([
      { kind: 'service', spanId: spanId(1), service: 'web', operation: 'GET /', tier: 'edge', selfNs: 80_000_000n },
      {
        kind: 'link',
        spanId: spanId(2),
        caller: 'web',
        service: 'shop',
        operation: 'GET /',
        tier: 'data',
        selfNs: 10_000_000n,
      },
      { kind: 'service', spanId: spanId(2), service: 'shop', operation: 'SELECT', tier: 'data', selfNs: 10_000_000n },
    ]);
    const old = { traceId: ID, endMs: START + 90, place: LONDON, spans: 2 };
    await insertRevisions(store, [old]);
    await insertRevisions(store, [{ ...old, spans: 3, isDeleted: true }]);
    await insertRevisions(store, [
      {
        traceId: ID,
        endMs: START + 100,
        durationMs: 100,
        spans: 3,
        error: true,
        more: {
          ...path,
          root_span_id: spanId(1),
          error_span_id: spanId(2),
          error_service: 'shop',
          error_operation: 'SELECT',
          error_tier: 'data',
          service_count: 2,
          flags: ['skew_adjusted'],
          tier_names: ['edge', 'data'],
          tier_ns: [80_000_000n, 20_000_000n],
          corrections: JSON.stringify({ skew: [[spanId(2), 3, '5000000']], tiers: [[spanId(2), 'data']] }),
        },
      },
    ]);
  });

  test('is read the same way by SQL, which computes what follows from the sections', async () => {
    const [row] = await store.query(
      `SELECT path_kind, path_caller, path_service, path_operation, path_tier, path_offset_ns, service_names, service_ns,
              link_callers, link_callees, link_ns
       FROM traces WHERE trace_id = '${ID}'`,
    );
    expect(row).toEqual({
      path_kind: ['service', 'link', 'service'],
      path_caller: ['', 'web', ''],
      path_service: ['web', 'shop', 'shop'],
      path_operation: ['GET /', 'GET /', 'SELECT'],
      path_tier: ['edge', 'data', 'data'],
      path_offset_ns: ['0', '80000000', '90000000'],
      service_names: ['shop', 'web'],
      service_ns: ['10000000', '80000000'],
      link_callers: ['web'],
      link_callees: ['shop'],
      link_ns: ['10000000'],
    });
  });

  test('has its current revision, critical path and spans, adjusted times beside the stored ones', async () => {
    const answer = await api.read(TraceAnswer, `/api/v1/traces/${ID.toUpperCase()}`);
    const { spans, ...trace } = answer;
    expect(trace).toEqual({
      trace_id: ID,
      revision: 3 * 2 ** 32,
      complete: true,
      root: { service: 'web', operation: 'GET /', span_id: spanId(1) },
      start: '2026-11-24T09:59:00.000000000Z',
      end: '2026-11-24T09:59:00.100000000Z',
      duration_ms: 100,
      location: { locality: 'New York', region: 'US-NY', country: 'US' },
      error: true,
      error_origin: { span_id: spanId(2), service: 'shop', operation: 'SELECT', tier: 'data' },
      span_count: 3,
      service_count: 2,
      orphan_count: 0,
      duplicate_count: 0,
      late_span_count: 0,
      flags: ['skew_adjusted'],
      tiers: [
        { tier: 'edge', critical_path_ms: 80 },
        { tier: 'data', critical_path_ms: 20 },
      ],
      critical_path: [
        {
          kind: 'service',
          span_id: spanId(1),
          caller: null,
          service: 'web',
          operation: 'GET /',
          tier: 'edge',
          offset_ms: 0,
          self_ms: 80,
        },
        {
          kind: 'link',
          span_id: spanId(2),
          caller: 'web',
          service: 'shop',
          operation: 'GET /',
          tier: 'data',
          offset_ms: 80,
          self_ms: 10,
        },
        {
          kind: 'service',
          span_id: spanId(2),
          caller: null,
          service: 'shop',
          operation: 'SELECT',
          tier: 'data',
          offset_ms: 90,
          self_ms: 10,
        },
      ],
      spans_omitted: 0,
    });
    expect(spans.map(span => [span.span_id, span.kind])).toEqual([
      [spanId(2), 'CLIENT'],
      [spanId(1), 'SERVER'],
      [spanId(2), 'SERVER'],
    ]);
    expect(spans[0]).toEqual({
      span_id: spanId(2),
      parent_span_id: spanId(1),
      name: 'SELECT',
      kind: 'CLIENT',
      service: 'shop',
      tier: 'data',
      start: '2026-11-24T09:58:59.995000000Z',
      duration_ms: 20.000001,
      adjusted_start: '2026-11-24T09:59:00.000000000Z',
      status: 'ERROR',
      attributes: { 'db.system.name': 'postgresql', "it's": 'a "quote"' },
      resource: { 'service.name': 'shop' },
    });
    expect(spans[2].adjusted_start).toBe(spans[2].start);
  });

  test('with more spans than an answer carries says how many are left out', async () => {
    const small = await startApi(store, { limits: { spansPerAnswer: 2 } });
    const answer = await small.read(TraceAnswer, `/api/v1/traces/${ID}`);
    await small.close();
    expect(answer.spans).toHaveLength(2);
    expect(answer.spans_omitted).toBe(1);
  });

  test('that is still open is told from its spans, with revision 0', async () => {
    const id = traceId(1_088);
    await insertSpans(store, [
      { traceId: id, spanId: spanId(1), name: 'GET /open', startMs: START, durationMs: 50, status: 'ERROR' },
      { traceId: id, spanId: spanId(2), parentSpanId: spanId(1), service: 'shop', startMs: START + 10, durationMs: 90 },
      { traceId: id, spanId: spanId(3), parentSpanId: spanId(9), service: 'shop', startMs: START + 20 },
    ]);
    await insertArrivals(store, [{ traceId: id, offset: 1, spans: 5 }]);
    const { spans, ...trace } = await api.read(TraceAnswer, `/api/v1/traces/${id}`);
    expect(trace).toMatchObject({
      revision: 0,
      complete: false,
      root: { service: 'web', operation: 'GET /open', span_id: spanId(1) },
      start: '2026-11-24T09:59:00.000000000Z',
      duration_ms: 50,
      error: true,
      span_count: 3,
      service_count: 2,
      orphan_count: 1,
      duplicate_count: 2,
      flags: ['open'],
      critical_path: [],
      tiers: [],
    });
    expect(spans).toHaveLength(3);
  });

  test('that is open and has no root yet spans from its first start to its last end', async () => {
    const id = traceId(1_089);
    await insertSpans(store, [
      { traceId: id, spanId: spanId(2), parentSpanId: spanId(1), startMs: START, durationMs: 90 },
      { traceId: id, spanId: spanId(3), parentSpanId: spanId(1), startMs: START + 10, durationMs: 10 },
    ]);
    const trace = await api.read(TraceAnswer, `/api/v1/traces/${id}`);
    expect(trace).toMatchObject({ root: null, duration_ms: 90, orphan_count: 2, error: false });
  });

  test('is found where its row ends in no minute of the spans that are left, or moved away from there', async () => {
    const place = { place: LONDON, spans: 2 };
    const far = { ...place, endMs: START - 10 * MINUTE };
    const near = { ...place, endMs: START + 1_000 };
    const ids = [traceId(1_092), traceId(1_093)];
    await insertSpans(
      store,
      ids.map(id => ({ traceId: id, spanId: spanId(1), startMs: START })),
    );
    await insertRevisions(store, [{ ...far, traceId: ids[0] }]);
    await insertRevisions(store, [{ ...near, traceId: ids[1], spans: 1 }]);
    await insertRevisions(store, [{ ...near, traceId: ids[1], isDeleted: true }]);
    await insertRevisions(store, [{ ...far, traceId: ids[1] }]);
    for (const id of ids) {
      const trace = await api.read(TraceAnswer, `/api/v1/traces/${id}`);
      expect(trace).toMatchObject({
        span_count: 2,
        end: '2026-11-24T09:49:00.000000000Z',
        location: { country: 'GB' },
      });
    }
  });

  test('that is not known, or another tenant’s, is not found', async () => {
    await insertSpans(store, [{ traceId: traceId(1_090), spanId: spanId(1), startMs: START, tenant: 'other' }]);
    for (const id of [traceId(1_090), traceId(1_091)]) {
      const error = await errorOf(await api.get(`/api/v1/traces/${id}`));
      expect(error).toEqual({ status: 404, code: 'API_NOT_FOUND', message: `there is no trace ${id}` });
    }
  });

  test.each(['abc', `${traceId(1)}0`, traceId(1).replace('0', 'g')])('the id %s is refused', async id => {
    const error = await errorOf(await api.get(`/api/v1/traces/${id}`));
    expect(error).toMatchObject({ status: 400, code: 'API_PARAMETER_INVALID' });
    expect(error.message).toMatch(/trace_id='.*32 hexadecimal digits/);
  });

  test('takes no parameters', async () => {
    const error = await errorOf(await api.get(`/api/v1/traces/${traceId(1)}?spans=false`));
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining("spans='false': no such parameter") });
  });
});
