/** A grpc-js client whose messages are bytes. */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  type Metadata,
  Metadata as MetadataOf,
  type ServiceError,
} from '@grpc/grpc-js';

export const TRACE_EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
export const METRICS_EXPORT = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
export const LOGS_EXPORT = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

export interface GrpcAnswer {
  /** 0 is OK. */
  readonly code: number;
  readonly details: string;
  readonly body: Buffer;
  readonly trailers: Metadata;
}

const GZIP = 2;

export class GrpcClient {
  private readonly client: Client;

  constructor(
    address: string,
    options: ChannelOptions = {},
    channel: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.client = new Client(address, channel, {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
  }

  static withGzip(address: string): GrpcClient {
    return new GrpcClient(address, { 'grpc.default_compression_algorithm': GZIP });
  }

  export(body: Buffer, headers: Record<string, string> = {}, path = TRACE_EXPORT): Promise<GrpcAnswer> {
    const metadata = new MetadataOf();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new Promise(resolve => {
      const answer = (error: ServiceError | null, response?: Buffer) => {
        const { code, details, metadata: trailers } = error ?? { code: 0, details: '', metadata: new MetadataOf() };
        resolve({ code, details, trailers, body: response ?? Buffer.alloc(0) });
      };
      this.client.makeUnaryRequest(path, asIs, asIs, body, metadata, { deadline: Date.now() + 15_000 }, answer);
    });
  }

  close(): void {
    this.client.close();
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
