/** The three OTLP services as grpc-js wants them described: messages are the bytes they came as. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { Signal } from './accept.js';

/** Fully qualified names, of opentelemetry/proto/collector/<signal>/v1/<signal>_service.proto. */
export const GRPC_SERVICES: ReadonlyMap<Signal, string> = new Map<Signal, string>([
  ['traces', 'opentelemetry.proto.collector.trace.v1.TraceService'],
  ['metrics', 'opentelemetry.proto.collector.metrics.v1.MetricsService'],
  ['logs', 'opentelemetry.proto.collector.logs.v1.LogsService'],
]);

type ExportService = ServiceDefinition & { readonly Export: MethodDefinition<Buffer, Buffer> };

export function exportService(name: string): ExportService {
  return {
    Export: {
      path: `/${name}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
