/** Both receivers on free loopback ports, with the real embedded log in a directory of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Bus, type BusConsumer, type LogRecord, openEmbeddedBus } from '../../../bus/index.js';
import { type Ingest, type IngestLimits, type IngestOptions, startIngest } from '../../../ingest/index.js';
import { spansIn } from './otlp-messages.js';

export const LIMITS: IngestLimits = {
  maxRequestBytes: 4 << 20,
  maxInFlightBytes: 32 << 20,
  maxConnections: 1_000,
  headersTimeoutMs: 5_000,
  bodyTimeoutMs: 5_000,
  publishTimeoutMs: 5_000,
  maxConcurrentStreams: 100,
};

export interface ReceiversSettings {
  readonly limits?: Partial<IngestLimits>;
  readonly http?: Partial<IngestOptions['http']>;
  readonly grpc?: Partial<IngestOptions['grpc']>;
  readonly auth?: IngestOptions['auth'];
  readonly partitionCount?: number;
  readonly maxLogBytes?: number;
  /** Puts something between the receivers and the log. */
  readonly wrapBus?: (bus: Bus) => Bus;
}

export class Receivers {
  readonly ingest: Ingest;
  readonly bus: Bus;
  readonly registry: Registry;
  /** Lines of the log, parsed. */
  readonly logged: Record<string, unknown>[];
  private readonly directory: string;
  private consumer: BusConsumer | undefined;

  static async start(settings: ReceiversSettings = {}): Promise<Receivers> {
    const directory = await mkdtemp(join(tmpdir(), 'throughline-ingest-'));
    const bus = await openEmbeddedBus({
      directory,
      partitionCount: settings.partitionCount ?? 4,
      maxBytes: settings.maxLogBytes ?? 256 << 20,
      clock: Date.now,
    });
    const registry = new Registry();
    const logged: Record<string, unknown>[] = [];
    const logger = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
    try {
      const ingest = await startIngest({
        bus: settings.wrapBus?.(bus) ?? bus,
        logger,
        registry,
        host: '127.0.0.1',
        http: { port: 0, corsOrigins: [], ...settings.http },
        grpc: { port: 0, ...settings.grpc },
        limits: { ...LIMITS, ...settings.limits },
        auth: settings.auth ?? { tokens: [] },
      });
      return new Receivers(directory, bus, ingest, registry, logged);
    } catch (error) {
      await bus.close();
      await rm(directory, { recursive: true });
      throw error;
    }
  }

  private constructor(
    directory: string,
    bus: Bus,
    ingest: Ingest,
    registry: Registry,
    logged: Record<string, unknown>[],
  ) {
    this.directory = directory;
    this.bus = bus;
    this.ingest = ingest;
    this.registry = registry;
    this.logged = logged;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.ingest.httpPort}`;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${this.ingest.grpcPort}`;
  }

  post(body: Uint8Array | string, headers: Record<string, string> = {}, path = '/v1/traces'): Promise<Response> {
    const all = { 'content-type': 'application/x-protobuf', ...headers };
    return fetch(this.httpUrl + path, { method: 'POST', headers: all, body: Buffer.from(body) });
  }

  /** Records that came since the last call. */
  async newRecords(): Promise<LogRecord[]> {
    this.consumer ??= await this.bus.consumer();
    const records: LogRecord[] = [];
    for (;;) {
      const more = await this.consumer.poll(64 << 20, 0);
      if (more.length === 0) return records;
      records.push(...more);
    }
  }

  /** Names of the spans that came since the last call, sorted. */
  async newSpanNames(): Promise<string[]> {
    const records = await this.newRecords();
    return records.flatMap(({ payload }) => spansIn(payload).map(span => span.name ?? '')).sort();
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    return (await this.bus.state()).counters;
  }

  /** The value of a metric's one series with these labels; 0 if there is none. */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const metrics = await this.registry.getMetricsAsJSON();
    const values = metrics.find(metric => metric.name === name)?.values ?? [];
    const found = values.find(({ labels: own }) =>
      Object.entries(labels).every(([key, value]) => (own as Record<string, unknown>)[key] === value),
    );
    return found?.value ?? 0;
  }

  async close(): Promise<void> {
    await this.ingest.close();
    await this.consumer?.close();
    await this.bus.close();
    await rm(this.directory, { recursive: true, maxRetries: 5 });
  }
}
