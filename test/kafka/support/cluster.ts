/**
 * Throughline role by role, as on many machines: receivers, stitchers and the API as processes of their own, over a real
 * Kafka broker and a ClickHouse server. The server is the engine behind its HTTP interface, started by itself: the roles
 * know it by `store.clickhouse.url` only.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type EmbeddedEngine, startEmbeddedEngine } from '../../../store/index.js';
import { ApiClient } from '../../support/api-client.js';
import { Program } from '../../support/program.js';
import { freePorts } from '../../support/throughline.js';

const READY_TIMEOUT_MS = 60_000;

export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly ingests?: number;
  readonly stitchers?: number;
  readonly partitions?: number;
  /** THROUGHLINE_… settings of every role. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A role's process, and where its /readyz and /metrics are. */
export class Role extends Program {
  readonly name: string;
  readonly metrics: string;

  constructor(name: string, env: NodeJS.ProcessEnv, metricsPort: number) {
    super([name], { ...env, THROUGHLINE_METRICS_PORT: String(metricsPort) });
    this.name = name;
    this.metrics = `http://127.0.0.1:${metricsPort}`;
  }

  async isReady(): Promise<boolean> {
    return (await fetch(`${this.metrics}/readyz`)).status === 200;
  }
}

export class Cluster extends ApiClient {
  readonly topic: string;
  readonly receivers: { readonly role: Role; readonly otlpHttp: string }[] = [];
  readonly stitchers: Role[] = [];
  analytics!: Role;
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #clickhousePort: number;
  #engine: EmbeddedEngine | null = null;

  static async start(options: ClusterOptions): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), 'throughline-cluster-'));
    const [api, clickhouse] = await freePorts(2);
    const cluster = new Cluster(directory, api, clickhouse, options);
    await cluster.startStore();
    const { ingests = 1, stitchers = 2 } = options;
    await cluster.#startAnalytics(api);
    for (let i = 0; i < ingests; i++) await cluster.addReceiver();
    for (let i = 0; i < stitchers; i++) await cluster.addStitcher();
    await cluster.ready();
    return cluster;
  }

  private constructor(directory: string, apiPort: number, clickhousePort: number, options: ClusterOptions) {
    super(`http://127.0.0.1:${apiPort}`);
    this.#directory = directory;
    this.#clickhousePort = clickhousePort;
    this.topic = `spans-${randomUUID()}`;
    this.#env = {
      PATH: process.env.PATH,
      THROUGHLINE_DATA_DIR: join(directory, 'data'),
      THROUGHLINE_BUS_KIND: 'kafka',
      THROUGHLINE_BUS_PARTITIONS: String(options.partitions ?? 8),
      THROUGHLINE_BUS_KAFKA_BROKERS: options.brokers.join(','),
      THROUGHLINE_BUS_KAFKA_TOPIC: this.topic,
      THROUGHLINE_BUS_KAFKA_GROUP: `group-${this.topic}`,
      THROUGHLINE_STORE_CLICKHOUSE_URL: `http://127.0.0.1:${clickhousePort}`,
      ...options.settings,
    };
  }

  get roles(): readonly Role[] {
    return [...this.receivers.map(({ role }) => role), ...this.stitchers, this.analytics].filter(Boolean);
  }

  get storePid(): number {
    return this.#engine?.pid ?? -1;
  }

  async ready(): Promise<void> {
    for (const role of this.roles) await this.until(`${role.name} ready`, () => role.isReady(), READY_TIMEOUT_MS);
  }

  async addReceiver(): Promise<void> {
    const [http, grpc, metrics] = await freePorts(3);
    const env = {
      ...this.#env,
      THROUGHLINE_INGEST_HTTP_PORT: String(http),
      THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
    };
    const role = new Role('ingest', env, metrics);
    role.start();
    this.receivers.push({ role, otlpHttp: `http://127.0.0.1:${http}` });
  }

  async addStitcher(): Promise<Role> {
    const [metrics] = await freePorts(1);
    const role = new Role('stitch', this.#env, metrics);
    role.start();
    this.stitchers.push(role);
    return role;
  }

  async startStore(): Promise<void> {
    this.#engine = await startEmbeddedEngine({
      dataDir: join(this.#directory, 'clickhouse'),
      host: '127.0.0.1',
      port: this.#clickhousePort,
      database: 'throughline',
      logger: pino({ level: 'silent' }),
    });
  }

  async stopStore(): Promise<void> {
    await this.#engine?.close();
    this.#engine = null;
  }

  async destroy(): Promise<void> {
    await Promise.all(this.roles.map(role => (role.isRunning ? role.kill() : undefined)));
    await this.stopStore();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #startAnalytics(apiPort: number): Promise<void> {
    const [metrics] = await freePorts(1);
    this.analytics = new Role('analytics', { ...this.#env, THROUGHLINE_ANALYTICS_PORT: String(apiPort) }, metrics);
    this.analytics.start();
  }

  protected override lastLines(): readonly string[] {
    return this.roles.flatMap(role => [`-- ${role.name}`, ...role.log.slice(-12)]);
  }
}
