import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Bus } from '../bus/index.js';
import type { QuotaLimits } from './quota.js';

/** PEM files, read once at the start. With `clientCaFile` a client must present a certificate signed by it. */
export interface IngestTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

/**
 * Exactly one of `token` and `sha256`: hex of the token's SHA-256, so that the config need not hold the secret. Either
 * may be `sha256:<hex>`, as `throughline token` prints it.
 */
export interface IngestToken extends QuotaLimits {
  readonly token?: string | undefined;
  readonly sha256?: string | undefined;
  readonly tenant: string;
  /** Which group sends with this token: all its spans are of this tier, whatever they say of themselves. */
  readonly tier?: string | undefined;
}

export interface IngestAuth {
  /** Empty: nobody needs a token and everything belongs to the tenant `default`. */
  readonly tokens: readonly IngestToken[];
}

export interface IngestLimits {
  /** One limit before and after inflation, per request. */
  readonly maxRequestBytes: number;
  /** Bodies held by all requests of both transports together, compressed and inflated bytes both counted. */
  readonly maxInFlightBytes: number;
  /** Per listener; a connection over it is closed unanswered. */
  readonly maxConnections: number;
  /** From the connection (or the previous answer) to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** From the headers to the end of the body. */
  readonly bodyTimeoutMs: number;
  /** How long an answer waits for the bus; then the exporter is told to come again. */
  readonly publishTimeoutMs: number;
  /** gRPC calls at once per connection. */
  readonly maxConcurrentStreams: number;
}

export interface IngestOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly host: string;
  /** Port 0 takes any free one. */
  readonly http: {
    readonly port: number;
    readonly tls?: IngestTls | undefined;
    /** Browser origins allowed to export, compared whole (`https://shop.example`); `*` allows every one. */
    readonly corsOrigins: readonly string[];
  };
  readonly grpc: { readonly port: number; readonly tls?: IngestTls | undefined };
  readonly limits: IngestLimits;
  readonly auth: IngestAuth;
}

export interface Ingest {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Bytes of bodies held right now; 0 when nothing is under way. */
  inFlightBytes(): number;
  /** Stops accepting, finishes what is under way, then resolves. Calling it again waits for the same end. */
  close(): Promise<void>;
}
