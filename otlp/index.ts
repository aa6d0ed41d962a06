/**
 * The OTLP wire format. What is received is bytes: a request is scanned, its spans are found and routed without ever
 * becoming objects (`scanRequest`, `splitRequest`); JSON becomes the same protobuf first (`jsonToProtobuf`). What is
 * read back from the log becomes columns (`SpanReader` fills a `SpanBlock`). Answers to exporters are encoded here too.
 *
 * In: bodies of exporters, records of the log. Out: records for the log, columns, response bodies. Nothing here knows
 * HTTP, gRPC, Kafka or ClickHouse, does I/O, keeps anything from one request to the next, or trusts a length it read.
 */
export { createSpanBlock } from './columns.js';
export { OtlpDecodeError, type OtlpErrorCode } from './errors.js';
export { jsonToProtobuf } from './json/json-to-protobuf.js';
export {
  encodeLogsResponse,
  encodeMetricsResponse,
  encodeRetryInfo,
  encodeStatus,
  encodeTraceResponse,
  type OtlpFormat,
} from './responses.js';
export { RequestScan, scanRequest } from './scan.js';
export * from './span-block.js';
export { type ReadResult, type RecordOrigin, SpanReader, type SpanReaderOptions } from './span-reader.js';
export { type SplitRecord, splitRequest } from './split.js';
export { partitionOf } from './trace-hash.js';
