/**
 * Every setting: its key in the file, its default, what is valid and what it is for. An environment variable exists for
 * each: `ingest.http.port` is THROUGHLINE_INGEST_HTTP_PORT. No I/O here; `cli/config.ts` reads file and environment.
 */
import { z } from 'zod';
import { ApiToken, IngestToken, TlsSettings } from './config-access.js';
import {
  choice,
  DAY_MS,
  days,
  duration,
  integer,
  listOf,
  port,
  quorum,
  section,
  size,
  text,
  words,
} from './config-values.js';
import { KafkaSettings } from './kafka-settings.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from './rules.js';

const host = () => text('a host name or an IP address', /^[\w.:-]+$/);
const path = () => text('a path', /./);

const ClickHouseTlsSettings = section({
  caFile: path().optional().describe('PEM file of the authority of the server; without it those that Node knows'),
  certFile: path().optional().describe('PEM file of a certificate to show to the server'),
  keyFile: path().optional().describe('PEM file of its key'),
});

const Rule = z.strictObject(
  {
    tier: z.string().min(1),
    where: z.record(z.string(), z.union([z.string(), z.array(z.string()).min(1)])),
  },
  { error: issue => (issue.code === 'invalid_type' ? 'give {tier, where}' : undefined) },
);

export const Settings = z.strictObject({
  dataDir: path().default('throughline-data').describe('Where the log and the embedded store keep their files'),
  logLevel: choice('debug', 'info', 'warn', 'error').default('info').describe('Least severe messages to print'),
  ingest: section({
    host: host().default('127.0.0.1').describe('Address the receivers listen on'),
    http: section({
      port: port().default(4318).describe('OTLP/HTTP'),
      tls: TlsSettings.optional(),
      corsOrigins: listOf(z.string(), 'origins').default([]).describe('Browser origins that may export; * for all'),
    }),
    grpc: section({ port: port().default(4317).describe('OTLP/gRPC'), tls: TlsSettings.optional() }),
    maxRequestBytes: size(1024).prefault('64MiB').describe('Largest request, before and after inflation'),
    maxInFlightBytes: size(1024).prefault('256MiB').describe('Bodies of all requests together; beyond it 429'),
    maxConnections: integer(1, 1_000_000).default(4_096).describe('Connections of each receiver'),
    headersTimeout: duration().prefault('10s').describe('Longest time for the headers of a request'),
    bodyTimeout: duration().prefault('30s').describe('Longest time for its body'),
    publishTimeout: duration().prefault('10s').describe('Longest wait for the log; then 503'),
    maxConcurrentStreams: integer(1, 10_000).default(128).describe('gRPC calls at once per connection'),
    auth: section({
      tokens: listOf(IngestToken, '{token or sha256, tenant, tier, maxSpansPerSecond, maxBytesPerSecond}')
        .default([])
        .describe('Bearer tokens, each with tenant, tier and rates of its own; empty: open to all'),
    }),
  }),
  bus: section({
    kind: choice('embedded', 'kafka').default('embedded').describe('The log: on this machine, or Kafka'),
    partitions: integer(1, 1_024).default(4).describe('Partitions of the log'),
    embedded: section({
      maxBytes: size(2 ** 20)
        .prefault('8GiB')
        .describe('Largest log; when full, receivers answer 503'),
    }),
    kafka: KafkaSettings,
  }),
  stitcher: section({
    completeAfter: duration().prefault('2s').describe('A whole trace closes when it has been quiet for so long'),
    idle: duration().prefault('10s').describe('Any trace closes when it has been quiet for so long'),
    maxOpen: duration().prefault('5m').describe('Any trace closes when it has been open for so long'),
    lateness: duration(0).prefault('24h').describe('Spans that come later are stored, not part of their trace'),
    auditEvery: duration().prefault('2s').describe('Least pause between two audits'),
    maxMemory: size(2 ** 20)
      .prefault('512MiB')
      .describe('Memory of open traces; beyond it they close early'),
    maxClockSkew: duration(0).prefault('1h').describe('Largest difference of clocks that is believed; 0s for none'),
    maxSpansPerTrace: integer(1, 500_000).default(100_000).describe('Spans assembled of one trace; all are stored'),
    flushEvery: duration().prefault('500ms').describe('Longest time spans wait to be stored'),
    batchMaxBytes: size(1024).prefault('16MiB').describe('Largest batch of the log stored at once'),
  }),
  store: section({
    clickhouse: section({
      url: text('an http or https URL', /^https?:\/\/\S+$/)
        .optional()
        .describe('A ClickHouse server instead of the embedded engine'),
      database: text('a name of letters, digits and _', /^[A-Za-z_]\w*$/)
        .default('throughline')
        .describe('Database'),
      username: words().optional().describe('User of the server'),
      password: words().optional().describe('Password of the server'),
      sql: section({
        username: words().optional().describe('Read-only user that /api/v1/sql runs as; without it the user above'),
        password: words().optional().describe('Its password'),
      }),
      tls: ClickHouseTlsSettings,
      compression: choice('none', 'gzip').default('none').describe('Of requests and answers; saves network, costs CPU'),
      requestTimeout: duration().prefault('2m').describe('Longest time for one try of an insert or a query'),
      maxConnections: integer(2, 1_000).default(32).describe('Connections for queries; a quarter more for inserts'),
      cluster: text('the name of a cluster', /^\w+$/)
        .optional()
        .describe('Cluster of the server, for replicated and distributed tables'),
      insertQuorum: quorum()
        .default('auto')
        .describe('On a cluster: replicas that hold an insert before it counts; auto is a majority'),
    }),
    embedded: section({
      host: host().default('127.0.0.1').describe('Address of the embedded engine, a loopback one'),
      port: port().default(8123).describe('Its ClickHouse HTTP interface'),
      maxSpool: size(2 ** 20)
        .prefault('4GiB')
        .describe('Data of inserts that wait for it, on disk; beyond it they are told to come again'),
      hangTimeout: duration(1_000)
        .prefault('30s')
        .describe('An engine that answers nothing for so long is killed and started again'),
      password: words()
        .optional()
        .describe('Of its user default; without it one is made and kept in <dataDir>/clickhouse/password'),
      maxMemory: size(256 * 2 ** 20)
        .optional()
        .describe('Its memory; half of what there is'),
    }),
    retention: section({
      spans: days().prefault('14d').describe('How long spans are kept, from receipt; whole days'),
      traces: days().prefault('90d').describe('How long traces are kept'),
      rollups: days().prefault('400d').describe('How long rollups are kept'),
    }),
  }),
  analytics: section({
    host: host().default('127.0.0.1').describe('Address of the API'),
    port: port().default(4320).describe('Its port'),
    tls: TlsSettings.optional(),
    auth: section({
      tokens: listOf(ApiToken, '{token or sha256, role, tenant}')
        .default([])
        .describe('Bearer tokens of the API, each with a role (read, sql, admin); empty: open to all'),
    }),
    rollupEvery: duration().prefault('1s').describe('Least pause between two passes of the rollup job'),
    sql: section({
      maxSeconds: integer(1, 3_600).default(10).describe('Longest query of /api/v1/sql'),
      maxMemory: size(2 ** 20)
        .prefault('1GiB')
        .describe('Its memory'),
      maxRows: integer(1, 10_000_000).default(100_000).describe('Rows of its answer'),
    }),
  }),
  slo: section({
    directory: path().optional().describe('Folder of SLO documents (OpenSLO), loaded and watched by analytics'),
  }),
  client: section({
    token: words().optional().describe('Bearer token that commands (demo, doctor) show to the API'),
    caFile: path()
      .optional()
      .describe('PEM file of the authority of its certificate; without it those that Node knows'),
    certFile: path().optional().describe('PEM file of a certificate to show to it'),
    keyFile: path().optional().describe('PEM file of its key'),
  }),
  metrics: section({
    host: host().default('127.0.0.1').describe('Address of /healthz, /readyz and /metrics of a process'),
    port: port().optional().describe('Their port; without it no such server (the API of analytics has them, too)'),
  }),
  tiers: listOf(Rule, '{tier, where}')
    .default(DEFAULT_TIER_RULES.map(rule => ({ ...rule, where: { ...rule.where } as never })))
    .describe('Rules for tiers, first match wins; replaces the built-in ones'),
  location: section({
    order: listOf(choice('geo', 'geoip', 'cloud.region'), 'geo, geoip, cloud.region')
      .default([...DEFAULT_LOCATION_ORDER])
      .describe('Where the location of a trace comes from, most trusted first'),
    geoipFile: path().optional().describe('MaxMind database for geoip; not available in this version'),
  }),
});
export type Settings = z.output<typeof Settings>;

/** A setting under a shorter name: `location: [geo]` says `location.order`. */
export const SHORT_KEYS: ReadonlyMap<string, string> = new Map([['location', 'location.order']]);

/** Settings with their units in their names, as the rooms take them. */
export function configOf(settings: Settings) {
  const { ingest, bus, stitcher, store, analytics } = settings;
  const { retention: retentionMs, ...kafka } = bus.kafka;
  const { headersTimeout, bodyTimeout, publishTimeout, ...receivers } = ingest;
  const { embedded, retention, clickhouse } = store;
  const { requestTimeout, ...server } = clickhouse;
  const { spans, traces, rollups } = retention;
  const inDays = (ms: number) => ms / DAY_MS;
  return {
    ...settings,
    ingest: {
      ...receivers,
      headersTimeoutMs: headersTimeout,
      bodyTimeoutMs: bodyTimeout,
      publishTimeoutMs: publishTimeout,
    },
    bus: { ...bus, kafka: { ...kafka, retentionMs } },
    stitcher: {
      completeAfterMs: stitcher.completeAfter,
      idleMs: stitcher.idle,
      maxOpenMs: stitcher.maxOpen,
      latenessMs: stitcher.lateness,
      auditEveryMs: stitcher.auditEvery,
      maxMemoryBytes: stitcher.maxMemory,
      maxClockSkewMs: stitcher.maxClockSkew,
      maxSpansPerTrace: stitcher.maxSpansPerTrace,
      flushEveryMs: stitcher.flushEvery,
      batchMaxBytes: stitcher.batchMaxBytes,
    },
    store: {
      clickhouse: { ...server, requestTimeoutMs: requestTimeout },
      embedded: {
        host: embedded.host,
        port: embedded.port,
        maxMemoryBytes: embedded.maxMemory,
        maxSpoolBytes: embedded.maxSpool,
        hangTimeoutMs: embedded.hangTimeout,
        password: embedded.password,
      },
      retention: { spansDays: inDays(spans), tracesDays: inDays(traces), rollupsDays: inDays(rollups) },
    },
    analytics: {
      host: analytics.host,
      port: analytics.port,
      tls: analytics.tls,
      tokens: analytics.auth.tokens,
      rollupEveryMs: analytics.rollupEvery,
      sql: {
        maxSeconds: analytics.sql.maxSeconds,
        maxMemoryBytes: analytics.sql.maxMemory,
        maxRows: analytics.sql.maxRows,
      },
    },
  };
}
export type Config = ReturnType<typeof configOf>;

/** One setting as a reader of the documentation needs it. */
export interface SettingDescription {
  /** `ingest.http.port` */
  readonly key: string;
  readonly variable: string;
  /** As people write it; '' where there is none. */
  readonly defaultText: string;
  readonly description: string;
}

/** All settings in order of the file. Sections without a default (`tls`) are described key by key, too. */
export function describeSettings(): readonly SettingDescription[] {
  const found: SettingDescription[] = [];
  const visit = (schema: z.ZodType, keys: readonly string[]): void => {
    const object = objectIn(schema);
    if (object !== undefined) {
      for (const [key, inner] of Object.entries(object.shape)) visit(inner as z.ZodType, [...keys, key]);
      return;
    }
    found.push({ key: keys.join('.'), variable: variableOf(keys), ...documentationOf(schema) });
  };
  visit(Settings, []);
  return found;
}

/** Dots and capitals become underscores: `ingest.maxRequestBytes` is THROUGHLINE_INGEST_MAX_REQUEST_BYTES. */
export function variableOf(keys: readonly string[]): string {
  return ['throughline', ...keys].map(key => key.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()).join('_');
}

/** The object a section's schema wraps (its default, its being optional). */
function objectIn(schema: z.ZodType): z.ZodObject | undefined {
  if (schema instanceof z.ZodObject) return schema;
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) return objectIn(schema.unwrap() as z.ZodType);
  return undefined;
}

/** Description and default, through whatever wraps the schema of the value. */
function documentationOf(schema: z.ZodType): Pick<SettingDescription, 'defaultText' | 'description'> {
  const isWrapper =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  const inner = isWrapper ? documentationOf(schema.unwrap() as z.ZodType) : { defaultText: '', description: '' };
  const hasDefault = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return {
    defaultText: hasDefault ? asWritten(schema.def.defaultValue) : inner.defaultText,
    description: schema.description ?? inner.description,
  };
}

const asWritten = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
