/**
 * The receivers: OTLP/HTTP and OTLP/gRPC.
 *
 * In: export requests from strangers, on two ports. Out: records on the bus (spans cut by partition) and, only once the
 * bus has made them durable, an OTLP answer. Both transports read bodies under the same limits and hand the same bytes
 * to the same core, so a request gets the same verdict whichever way it came.
 *
 * Never builds span objects, never holds more than `limits.maxInFlightBytes` of bodies, never answers 500 (exporters
 * drop on it), never drops a span without counting it, never logs a payload or a token.
 */

export { IngestError, type IngestErrorCode } from './errors.js';
export type {
  Ingest,
  IngestAuth,
  IngestLimits,
  IngestOptions,
  IngestTls,
  IngestToken,
} from './options.js';
export { startIngest } from './start.js';
