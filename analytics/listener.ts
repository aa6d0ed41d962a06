/** The server below fastify: plain or TLS, with bounds on connections and on the time a request may take to arrive. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createSecureContext } from 'node:tls';
import { ApiError } from './errors.js';

/** Longer than the idle time of common load balancers, so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;

/** PEM files, read once at the start. With `clientCaFile` a client must present a certificate signed by it. */
export interface ApiTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

export interface ApiLimits {
  /** Beyond it a connection is closed unanswered. */
  readonly maxConnections: number;
  /** From the connection (or the previous answer) to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** From the connection (or the previous answer) to the end of the body. */
  readonly requestTimeoutMs: number;
}

/** People, dashboards and probes. A body has 256 KiB at most: who takes longer to send it is not there to ask. */
export const DEFAULT_API_LIMITS: ApiLimits = {
  maxConnections: 1_024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};

/** Throws an ApiError API_TLS_UNREADABLE that names the setting. */
export function makeHttpServer(
  handler: http.RequestListener,
  tls: ApiTls | undefined,
  limits: ApiLimits,
): http.Server | https.Server {
  const { maxConnections, headersTimeoutMs, requestTimeoutMs } = limits;
  const options: http.ServerOptions = {
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(5_000, headersTimeoutMs / 2)),
  };
  const server =
    tls === undefined
      ? http.createServer(options, handler)
      : https.createServer({ ...options, ...tlsOptions(tls) }, handler);
  server.maxConnections = maxConnections;
  return server;
}

/** With an authority for clients a client must show a certificate signed by it. */
function tlsOptions({ certFile, keyFile, clientCaFile }: ApiTls): https.ServerOptions {
  const cert = readPem(certFile, 'certFile');
  const key = readPem(keyFile, 'keyFile');
  const ca = clientCaFile === undefined ? undefined : readPem(clientCaFile, 'clientCaFile');
  try {
    createSecureContext({ cert, key, ca });
  } catch (cause) {
    throw unreadable('analytics.tls: the files are no certificate with its key', cause);
  }
  return ca === undefined ? { cert, key } : { cert, key, ca, requestCert: true, rejectUnauthorized: true };
}

function readPem(file: string, name: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unreadable(`analytics.tls.${name}: ${file} cannot be read`, cause);
  }
}

function unreadable(what: string, cause: unknown): ApiError {
  return new ApiError('API_TLS_UNREADABLE', `${what} (${cause instanceof Error ? cause.message : cause})`, cause);
}
