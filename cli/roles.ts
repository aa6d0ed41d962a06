/**
 * The one place that wires the rooms: opens the log and the store that the configuration names and starts the roles
 * asked for, in the order of the data; closes them in the same order, so that each drains into the next.
 */
import { mkdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Analytics, startAnalytics } from '../analytics/index.js';
import type { Bus } from '../bus/index.js';
import { type Ingest, startIngest } from '../ingest/index.js';
import { SpanReader } from '../otlp/index.js';
import { type Config, isLoopback } from '../schemas/index.js';
import { type Stitcher, startStitcher } from '../stitcher/index.js';
import { createTraceStore, type Store } from '../store/index.js';
import { urlOf } from './addresses.js';
import { type AdminServer, startAdminServer } from './admin-server.js';
import { exposeLag, exposeSize, viewOf } from './log-view.js';
import { instanceName, openConfiguredLog } from './open-log.js';
import { type OpenedStore, openConfiguredStore } from './open-store.js';
import { PublishWatch, RoleReadiness } from './readiness.js';
import { type Supervised, supervise } from './supervise.js';

export type Role = 'ingest' | 'stitch' | 'analytics';

export interface RunningRoles {
  /** Where things listen, as URLs (`host:port` for gRPC). */
  readonly addresses: {
    readonly otlpHttp?: string;
    readonly otlpGrpc?: string;
    readonly api?: string;
    readonly clickhouse?: string;
    readonly metrics?: string;
  };
  /** Rejects when a part that cannot be started again has failed. */
  readonly failed: Promise<never>;
  /** Drains and stops everything. */
  close(): Promise<void>;
}

interface Parts {
  admin?: AdminServer;
  bus?: Bus;
  publishes?: PublishWatch;
  ingest?: Ingest;
  store?: OpenedStore;
  stitcher?: Supervised;
  analytics?: Analytics;
}

/** `signal` ends what waits for other machines to come up. */
export async function startRoles(
  config: Config,
  roles: ReadonlySet<Role>,
  logger: Logger,
  signal?: AbortSignal,
): Promise<RunningRoles> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const parts: Parts = {};
  const readiness = new RoleReadiness(() => ({
    publishes: parts.publishes,
    stitcher: parts.stitcher,
    store: roles.has('analytics') ? parts.store?.store : undefined,
  }));
  try {
    const { host, port } = config.metrics;
    // Before all else: a process that waits for its log or its store says so.
    if (port !== undefined) {
      parts.admin = await startAdminServer({ host, port, registry, readiness: () => readiness.checkAll(), logger });
    }
    await mkdir(config.dataDir, { recursive: true });
    const bus = await openConfiguredLog(config, logger, signal);
    parts.bus = bus;
    exposeLag(bus, registry);
    if (config.bus.kind === 'embedded') exposeSize(bus, registry);
    // Receivers first: the log takes spans in while the store still comes up.
    if (roles.has('ingest')) {
      parts.publishes = new PublishWatch(bus, () => performance.now());
      parts.ingest = await startReceivers(config, parts.publishes.bus, registry, logger);
    }
    if (roles.has('stitch') || roles.has('analytics')) {
      parts.store = await openConfiguredStore(config, logger, signal);
      const { store, sql } = parts.store;
      if (roles.has('stitch')) parts.stitcher = await startStitching(config, bus, store, registry, logger);
      if (roles.has('analytics'))
        parts.analytics = await startAnswers(config, bus, { store, sql }, readiness, registry, logger);
    }
    readiness.running();
  } catch (error) {
    readiness.draining();
    await closeParts(parts, logger);
    throw error;
  }
  return {
    addresses: addressesOf(config, parts),
    failed: Promise.race([parts.bus?.failed, parts.store?.failed].filter(failed => failed !== undefined)),
    close: () => {
      readiness.draining();
      return closeParts(parts, logger);
    },
  };
}

function createReader(config: Config): SpanReader {
  return new SpanReader({ tierRules: config.tiers, locationOrder: config.location.order });
}

function startReceivers(config: Config, bus: Bus, registry: Registry, logger: Logger): Promise<Ingest> {
  const { host, http, grpc, auth, ...limits } = config.ingest;
  return startIngest({ bus, registry, logger: logger.child({ role: 'ingest' }), host, http, grpc, limits, auth });
}

function startStitching(
  config: Config,
  bus: Bus,
  store: Store,
  registry: Registry,
  logger: Logger,
): Promise<Supervised> {
  const { latenessMs, maxClockSkewMs, auditEveryMs, maxMemoryBytes, batchMaxBytes, flushEveryMs, ...windows } =
    config.stitcher;
  const log = logger.child({ role: 'stitch' });
  const start = (): Promise<Stitcher> =>
    startStitcher({
      bus,
      store: createTraceStore(store),
      reader: createReader(config),
      logger: log,
      registry,
      instance: instanceName(config, 'stitch'),
      clock: Date.now,
      ticks: () => performance.now(),
      windows: { ...windows, debounceMs: LATE_DEBOUNCE_MS },
      latenessMs,
      maxClockSkewMs,
      auditEveryMs,
      maxMemoryBytes,
      batchMaxBytes,
      flushEveryMs,
    });
  return supervise('the stitcher', start, log);
}

/** A burst of late spans of one trace costs one restatement. */
const LATE_DEBOUNCE_MS = 500;

function startAnswers(
  config: Config,
  bus: Bus,
  { store, sql }: Pick<OpenedStore, 'store' | 'sql'>,
  readiness: RoleReadiness,
  registry: Registry,
  logger: Logger,
): Promise<Analytics> {
  const { host, tokens } = config.analytics;
  if (tokens.length === 0 && !isLoopback(host)) {
    logger.warn({ host }, 'anybody who reaches this address may ask the API anything: set analytics.auth.tokens');
  }
  return startAnalytics({
    store,
    sqlStore: sql,
    registry,
    logger: logger.child({ role: 'analytics' }),
    host: config.analytics.host,
    port: config.analytics.port,
    tls: config.analytics.tls,
    tokens: config.analytics.tokens,
    offsets: () => bus.offsets(),
    log: async () => viewOf(await bus.state()),
    readiness: () => readiness.check(),
    clock: Date.now,
    sql: config.analytics.sql,
    instance: instanceName(config, 'analytics'),
    rollup: { everyMs: config.analytics.rollupEveryMs },
    slo: config.slo,
  });
}

function addressesOf(config: Config, { ingest, analytics, store, admin }: Readonly<Parts>): RunningRoles['addresses'] {
  const { host, http, grpc } = config.ingest;
  return {
    ...(ingest && { otlpHttp: `${http.tls ? 'https' : 'http'}://${host}:${ingest.httpPort}` }),
    ...(ingest && { otlpGrpc: `${grpc.tls ? 'https' : 'http'}://${host}:${ingest.grpcPort}` }),
    ...(analytics && {
      api: `${config.analytics.tls ? 'https' : 'http'}://${config.analytics.host}:${analytics.port}`,
    }),
    ...(store && { clickhouse: store.url }),
    ...(admin && { metrics: urlOf(config.metrics.host, admin.port) }),
  };
}

/** In the order of the data. A part that cannot close must not keep the others from it. */
async function closeParts(parts: Parts, logger: Logger): Promise<void> {
  for (const name of ['ingest', 'stitcher', 'analytics', 'store', 'bus', 'admin'] as const) {
    try {
      await parts[name]?.close();
    } catch (error) {
      logger.error({ err: error }, `${name} did not close cleanly`);
    }
  }
}

/** `throughline migrate`: brings the store's tables up to this version, and stops. */
export async function runMigrate(config: Config, logger: Logger): Promise<void> {
  await mkdir(config.dataDir, { recursive: true });
  const opened = await openConfiguredStore(config, logger);
  await opened.close();
}
