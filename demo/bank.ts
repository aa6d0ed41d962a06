/**
 * A small bank in three tiers, each service with its own OpenTelemetry SDK and exporter:
 *
 *   users in eight cities → edge-gateway (HTTP/protobuf, sends seconds late)
 *     → accounts (HTTP/JSON) → ledger-db (gRPC) → LMDB
 *     → payments (HTTP/JSON) → ledger-db
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import { SpanKind } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { open } from 'lmdb';
import { cityAt, cityNamed } from './cities.js';
import { type Handler, type Service, startService } from './service.js';
import { call, type Deliveries, inSpan, startTracing } from './tracing.js';

export interface BankOptions {
  /** Base URL of OTLP/HTTP, and the URL of OTLP/gRPC. */
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
  /** Bearer token, where the receivers want one. */
  readonly token?: string | undefined;
  /** From 0 up to 1; decides who comes, what is slow and what fails. */
  readonly random: () => number;
}

export interface Bank {
  /** One user's transaction. Resolves when the user has an answer, be it a failure. */
  transact(): Promise<void>;
  /** What became of the spans so far; complete once the bank is closed. */
  readonly deliveries: Readonly<Deliveries>;
  /** Lets every service send what it has, and stops. */
  close(): Promise<void>;
}

const EDGE_DELAY_MS = 3_000;
const APP_DELAY_MS = 500;
const ACCOUNTS = 100;

export async function startBank({ otlpHttp, otlpGrpc, token, random }: BankOptions): Promise<Bank> {
  const deliveries: Deliveries = { delivered: 0, lost: 0, reason: '' };
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const http = { url: `${otlpHttp.replace(/\/$/, '')}/v1/traces`, headers };
  const ledger = await startLedger(otlpGrpc, headers, deliveries, random);
  const payments = await startApp('payments', new JsonExporter(http), deliveries, tracer => async ({ context }) => {
    await sleep(2 + random() * 8);
    if (random() < 0.06) throw new Error('card declined by the issuer');
    return { paid: await call(tracer, context, `${ledger.url}/transfer`) };
  });
  const accounts = await startApp(
    'accounts',
    new JsonExporter(http),
    deliveries,
    tracer =>
      async ({ path, context }) => {
        await sleep(1 + random() * 4);
        const balance = await call(tracer, context, `${ledger.url}/balance`);
        return path === '/pay'
          ? { balance, payment: await call(tracer, context, `${payments.url}/charge`) }
          : { balance };
      },
  );
  const edge = await startEdge(new ProtobufExporter(http), deliveries, accounts.url);
  return {
    deliveries,
    async transact() {
      const city = cityAt(random());
      const path = random() < 0.4 ? '/pay' : '/balance';
      await sleep(random() * city.networkMs);
      const sent = { 'x-city': encodeURIComponent(city.locality) };
      await (await fetch(`${edge.url}${path}`, { headers: sent })).arrayBuffer();
    },
    async close() {
      for (const service of [edge, accounts, payments, ledger]) await service.close();
    },
  };
}

function startApp(
  name: string,
  exporter: JsonExporter,
  deliveries: Deliveries,
  handlerOf: (tracer: ReturnType<typeof startTracing>['tracer']) => Handler,
): Promise<Service> {
  const tracing = startTracing({ name, tier: 'app', host: `${name}-1`, exporter, delayMs: APP_DELAY_MS, deliveries });
  return startService(tracing, handlerOf(tracing.tracer));
}

/** The edge knows where its users are; the way to them is part of what they wait. */
function startEdge(exporter: ProtobufExporter, deliveries: Deliveries, accountsUrl: string): Promise<Service> {
  const name = 'edge-gateway';
  const tracing = startTracing({ name, tier: 'edge', host: 'edge-1', exporter, delayMs: EDGE_DELAY_MS, deliveries });
  return startService(tracing, async ({ path, headers, context, span }) => {
    const city = cityNamed(decodeURIComponent(String(headers['x-city'])));
    span.setAttributes({
      'geo.locality.name': city.locality,
      'geo.region.iso_code': city.region,
      'geo.country.iso_code': city.country,
    });
    await sleep(city.networkMs);
    return { answer: await call(tracing.tracer, context, `${accountsUrl}${path}`) };
  });
}

/** The data tier: a real embedded database, some of whose writes wait for the disk. */
async function startLedger(
  otlpGrpc: string,
  headers: Readonly<Record<string, string>>,
  deliveries: Deliveries,
  random: () => number,
): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), 'throughline-demo-'));
  const database = open<number, number>({ path: join(directory, 'ledger') });
  await database.transaction(() => {
    for (let account = 0; account < ACCOUNTS; account++) void database.put(account, 1_000);
  });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const exporter = new GrpcExporter({ url: otlpGrpc, metadata });
  const name = 'ledger-db';
  const tracing = startTracing({ name, tier: 'data', host: 'db-1', exporter, delayMs: APP_DELAY_MS, deliveries });
  const query = (operation: string) => ({
    name: `${operation} ledger`,
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'lmdb', 'db.operation.name': operation, 'db.collection.name': 'ledger' },
  });
  const service = await startService(tracing, async ({ path, context }) => {
    const account = Math.floor(random() * ACCOUNTS);
    const balance = await inSpan(tracing.tracer, context, query('get'), async () => {
      await sleep(1 + random() * 2);
      return database.get(account) ?? 0;
    });
    if (path !== '/transfer') return { balance };
    await inSpan(tracing.tracer, context, query('put'), async () => {
      // Now and then a write waits for a checkpoint.
      if (random() < 0.08) await sleep(150 + random() * 350);
      await database.put(account, balance - 1);
    });
    return { balance: balance - 1 };
  });
  return {
    url: service.url,
    async close() {
      await service.close();
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
