import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CITIES, cityAt, cityNamed } from '../../demo/cities.js';
import { type Bank, startBank } from '../../demo/index.js';
import { seededRandom } from '../support/random.js';
import { OtlpSink, type SunkSpan } from './otlp-sink.js';

const SERVER = 2;
const CLIENT = 3;
const TRANSACTIONS = 60;

function byTrace(spans: readonly SunkSpan[]): SunkSpan[][] {
  const traces = new Map<string, SunkSpan[]>();
  for (const span of spans) traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span]);
  return [...traces.values()];
}

describe('sixty transactions at the bank', () => {
  let sink: OtlpSink;
  let bank: Bank;
  let traces: SunkSpan[][];

  beforeAll(async () => {
    sink = await OtlpSink.start();
    const { otlpHttp, otlpGrpc } = sink;
    bank = await startBank({ otlpHttp, otlpGrpc, token: 'secret', random: seededRandom(7) });
    await Promise.all(Array.from({ length: TRANSACTIONS }, () => bank.transact()));
    await bank.close();
    traces = byTrace(sink.spans);
  });

  afterAll(() => sink?.close());

  test('are as many traces, each with one root at the edge and every parent there', () => {
    expect(traces).toHaveLength(TRANSACTIONS);
    for (const trace of traces) {
      const ids = new Set(trace.map(span => span.spanId));
      expect(ids.size).toBe(trace.length);
      const roots = trace.filter(span => span.parentSpanId === '');
      expect(roots.map(root => [root.resource['service.name'], root.kind])).toEqual([['edge-gateway', SERVER]]);
      expect(trace.filter(span => span.parentSpanId !== '' && !ids.has(span.parentSpanId))).toEqual([]);
    }
  });

  test('run through three tiers, each span in the tier of its service', () => {
    const tierOf = { 'edge-gateway': 'edge', accounts: 'app', payments: 'app', 'ledger-db': 'data' };
    for (const trace of traces) {
      expect(new Set(trace.map(span => span.resource['throughline.tier']))).toEqual(new Set(['edge', 'app', 'data']));
    }
    for (const { resource } of sink.spans) {
      expect(resource['throughline.tier']).toBe(tierOf[resource['service.name'] as keyof typeof tierOf]);
    }
    expect(new Set(sink.spans.map(span => span.resource['service.name']))).toEqual(new Set(Object.keys(tierOf)));
  });

  test('reach the receivers by all three protocols, with the token', () => {
    const protocols = new Map(sink.spans.map(span => [span.resource['service.name'], span.protocol]));
    expect(Object.fromEntries(protocols)).toEqual({
      'edge-gateway': 'http/protobuf',
      accounts: 'http/json',
      payments: 'http/json',
      'ledger-db': 'grpc',
    });
    expect(new Set(sink.spans.map(span => span.authorization))).toEqual(new Set(['Bearer secret']));
  });

  test("carry the context over HTTP: a server's parent is the client span of the service that called it", () => {
    for (const trace of traces) {
      const byId = new Map(trace.map(span => [span.spanId, span]));
      const servers = trace.filter(span => span.kind === SERVER && span.parentSpanId !== '');
      expect(servers.length).toBeGreaterThanOrEqual(2);
      for (const server of servers) {
        const caller = byId.get(server.parentSpanId);
        expect(caller?.kind).toBe(CLIENT);
        expect(caller?.resource['service.name']).not.toBe(server.resource['service.name']);
      }
    }
  });

  test("have a user's city on the edge's server span, and nowhere else", () => {
    for (const trace of traces) {
      const placed = trace.filter(span => 'geo.locality.name' in span.attributes);
      expect(placed.map(span => span.parentSpanId)).toEqual(['']);
      const city = cityNamed(String(placed[0].attributes['geo.locality.name']));
      expect(placed[0].attributes).toMatchObject({
        'geo.region.iso_code': city.region,
        'geo.country.iso_code': city.country,
      });
    }
    const cities = new Set(traces.flat().map(span => span.attributes['geo.locality.name']));
    expect(cities).toContain('New York');
    expect(cities.size).toBeGreaterThan(4);
  });

  test('use a database, named as the semantic conventions name it', () => {
    const calls = sink.spans.filter(span => 'db.system.name' in span.attributes);
    expect(new Set(calls.map(span => [span.kind, span.name].join()))).toEqual(
      new Set(['3,get ledger', '3,put ledger']),
    );
    expect(new Set(calls.map(span => span.traceId)).size).toBe(TRANSACTIONS);
  });

  test('are all delivered, and counted as that', () => {
    expect(bank.deliveries).toEqual({ delivered: sink.spans.length, lost: 0, reason: '' });
  });
});

/** One transaction of a bank where chance always says the same. */
async function oneTransaction(chance: number): Promise<readonly SunkSpan[]> {
  const sink = await OtlpSink.start();
  const bank = await startBank({ ...sinkAddresses(sink), random: () => chance });
  await bank.transact();
  await bank.close();
  await sink.close();
  return sink.spans;
}

describe('chance', () => {
  const DECLINED = 0.05;
  const CHECKPOINT = 0.07;
  const PLAIN = 0.5;

  test('fails a payment, from the service that declined it up to the root', async () => {
    const spans = await oneTransaction(DECLINED);
    const root = spans.find(span => span.parentSpanId === '');
    expect(root).toMatchObject({ isError: true, name: 'GET /pay' });
    expect(Number(root?.attributes['http.response.status_code'])).toBe(502);
    const servers = spans.filter(span => span.isError && span.kind === SERVER);
    expect(servers.map(span => span.resource['service.name']).sort()).toEqual(['accounts', 'edge-gateway', 'payments']);
    expect(spans.find(span => span.name === 'GET /balance' && span.kind === SERVER)?.isError).toBe(false);
  });

  test('makes a write wait, in the data tier', async () => {
    const spans = await oneTransaction(CHECKPOINT);
    expect(spans.filter(span => span.isError)).toEqual([]);
    const put = spans.find(span => span.name === 'put ledger');
    expect(put?.resource['throughline.tier']).toBe('data');
    expect(Number((put?.endNs ?? 0n) - (put?.startNs ?? 0n))).toBeGreaterThan(150e6);
  });

  test('mostly does neither: a user asks for a balance', async () => {
    const spans = await oneTransaction(PLAIN);
    expect(spans.filter(span => span.isError || span.name === 'put ledger')).toEqual([]);
    expect(spans.find(span => span.parentSpanId === '')?.name).toBe('GET /balance');
  });
});

test("the edge's spans come later than those of the tiers behind it", async () => {
  const sink = await OtlpSink.start();
  const bank = await startBank({ ...sinkAddresses(sink), random: seededRandom(3) });
  try {
    await bank.transact();
    const others = () => new Set(sink.spans.map(span => span.resource['service.name']));
    await until(() => others().has('accounts') && others().has('ledger-db'));
    expect(others()).not.toContain('edge-gateway');
    await until(() => others().has('edge-gateway'));
  } finally {
    await bank.close();
    await sink.close();
  }
});

test('spans that a receiver refuses are counted as lost, with its status', async () => {
  const sink = await OtlpSink.start();
  sink.refusal = 401;
  const bank = await startBank({ ...sinkAddresses(sink), random: seededRandom(3) });
  await bank.transact();
  await bank.close();
  await sink.close();
  // The data tier's went by gRPC, which was not refused.
  expect(bank.deliveries.delivered).toBe(sink.spans.length);
  expect(bank.deliveries.lost).toBeGreaterThan(0);
  expect(bank.deliveries.reason).toMatch(/401|Unauthorized/i);
});

describe('cities', () => {
  test('are eight, and their shares are all users', () => {
    expect(CITIES).toHaveLength(8);
    expect(CITIES.reduce((sum, city) => sum + city.share, 0)).toBeCloseTo(1, 12);
  });

  test('are met as often as their share says', () => {
    const random = seededRandom(11);
    const counts = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const { locality } = cityAt(random());
      counts.set(locality, (counts.get(locality) ?? 0) + 1);
    }
    for (const { locality, share } of CITIES) expect((counts.get(locality) ?? 0) / 20_000).toBeCloseTo(share, 1);
  });

  test('of that name there is none: says so', () => {
    expect(() => cityNamed('Atlantis')).toThrow(/Atlantis/);
  });
});

const sinkAddresses = ({ otlpHttp, otlpGrpc }: OtlpSink) => ({ otlpHttp, otlpGrpc });

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 20));
}
