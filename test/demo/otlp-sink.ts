/** A receiver that takes everything and keeps it: OTLP/HTTP and OTLP/gRPC, decoded by protobufjs. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as GrpcServer, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { decodeTraces } from '../otlp/trace-proto.js';

export interface SunkSpan {
  /** Which way it came. */
  readonly protocol: 'http/protobuf' | 'http/json' | 'grpc';
  readonly receivedMs: number;
  readonly authorization: string | undefined;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

interface KeyValue {
  readonly key: string;
  readonly value?: Readonly<Record<string, unknown>>;
}
interface Span {
  readonly traceId: string | Uint8Array;
  readonly spanId: string | Uint8Array;
  readonly parentSpanId?: string | Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: unknown;
  readonly endTimeUnixNano: unknown;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly KeyValue[];
}
interface Request {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly Span[] }[];
  }[];
}

export class OtlpSink {
  readonly spans: SunkSpan[] = [];
  /** Answer of both receivers, instead of taking what comes: an HTTP status. */
  refusal: number | null = null;
  otlpHttp = '';
  otlpGrpc = '';
  readonly #http: Server;
  readonly #grpc = new GrpcServer();

  static async start(): Promise<OtlpSink> {
    const sink = new OtlpSink();
    await new Promise<void>(listening => sink.#http.listen(0, '127.0.0.1', listening));
    sink.otlpHttp = `http://127.0.0.1:${(sink.#http.address() as AddressInfo).port}`;
    const port = await new Promise<number>((resolve, reject) => {
      sink.#grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    sink.otlpGrpc = `http://127.0.0.1:${port}`;
    return sink;
  }

  private constructor() {
    this.#http = createServer(async (message, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of message) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      if (this.refusal !== null) return response.writeHead(this.refusal).end('refused by the sink');
      const isJson = message.headers['content-type'] === 'application/json';
      const request = isJson ? JSON.parse(body.toString()) : decodeTraces(body);
      this.#take(request, isJson ? 'http/json' : 'http/protobuf', message.headers.authorization);
      return response.writeHead(200, { 'content-type': message.headers['content-type'] ?? '' }).end(isJson ? '{}' : '');
    });
    const bytes = (value: Buffer) => value;
    const definition = {
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    this.#grpc.addService(
      { export: definition },
      {
        export: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          const [authorization] = call.metadata.get('authorization');
          this.#take(decodeTraces(call.request), 'grpc', authorization?.toString());
          answer(null, Buffer.alloc(0));
        },
      },
    );
  }

  async close(): Promise<void> {
    this.#grpc.forceShutdown();
    await new Promise(closed => {
      this.#http.close(closed);
      this.#http.closeAllConnections();
    });
  }

  #take(request: Request, protocol: SunkSpan['protocol'], authorization: string | undefined): void {
    for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
      for (const span of (scopeSpans ?? []).flatMap(scope => scope.spans ?? [])) {
        this.spans.push({
          protocol,
          receivedMs: performance.now(),
          authorization,
          traceId: hex(span.traceId),
          spanId: hex(span.spanId),
          parentSpanId: hex(span.parentSpanId ?? ''),
          name: span.name,
          kind: span.kind,
          startNs: BigInt(String(span.startTimeUnixNano)),
          endNs: BigInt(String(span.endTimeUnixNano)),
          isError: span.status?.code === 2,
          attributes: asRecord(span.attributes),
          resource: asRecord(resource?.attributes),
        });
      }
    }
  }
}

const hex = (id: string | Uint8Array) => (typeof id === 'string' ? id.toLowerCase() : Buffer.from(id).toString('hex'));

function asRecord(attributes: readonly KeyValue[] = []): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value = {} }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]),
  );
}
