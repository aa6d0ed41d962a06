import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import type { Answer, Signal } from './accept.js';
import { encodeAnswer } from './answers.js';
import { IngestError } from './errors.js';
import { GrpcCall } from './grpc-call.js';
import { exportService, GRPC_SERVICES } from './grpc-services.js';
import { type Listener, listen } from './listen.js';
import { LAST_ANSWERS_MS, type Receiver } from './receiver.js';
import type { TlsMaterial } from './tls.js';
import { UnderWay } from './under-way.js';

/** Exporters send every few seconds: who has been silent for this long comes again by itself. */
const IDLE_CONNECTION_MS = 300_000;
/** Finds peers that went away without a word. */
const PING_EVERY_MS = 60_000;
const PING_TIMEOUT_MS = 20_000;

/** OTLP/gRPC. Calls are unary and their messages stay bytes; `GrpcCall` does what HTTP does before a handler runs. */
export function createGrpcServer(receiver: Receiver, tls: TlsMaterial | undefined): Listener {
  return new GrpcServer(receiver, tls);
}

class GrpcServer implements Listener {
  private readonly receiver: Receiver;
  private readonly server: Server;
  private readonly acceptor: NetServer;
  private readonly sockets = new Set<Socket>();
  private readonly underWay = new UnderWay();

  constructor(receiver: Receiver, tls: TlsMaterial | undefined) {
    this.receiver = receiver;
    this.server = new Server({
      'grpc.max_receive_message_length': receiver.limits.maxRequestBytes,
      'grpc.max_concurrent_streams': receiver.limits.maxConcurrentStreams,
      'grpc.max_connection_idle_ms': IDLE_CONNECTION_MS,
      'grpc.keepalive_time_ms': PING_EVERY_MS,
      'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
      'grpc.enable_channelz': 0,
      interceptors: [watchCalls(receiver, this.underWay)],
    });
    for (const [signal, name] of GRPC_SERVICES) {
      this.server.addService(exportService(name), { Export: exportSignal(receiver, signal) });
    }
    this.acceptor = this.acceptConnections(tls, receiver.limits.maxConnections);
  }

  listen(host: string, port: number): Promise<number> {
    return listen(this.acceptor, host, port, 'ingest.grpc.port');
  }

  async close(): Promise<void> {
    const stopped = new Promise<void>(resolve => this.acceptor.close(() => resolve()));
    const shutDown = new Promise<void>(resolve => this.server.tryShutdown(() => resolve()));
    await this.underWay.idle(this.receiver.drainTimeoutMs);
    await Promise.race([shutDown, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
    for (const socket of this.sockets) socket.destroy();
    await stopped;
  }

  /** grpc-js does not bound its connections, so they are accepted here and handed to it. */
  private acceptConnections(tls: TlsMaterial | undefined, maxConnections: number): NetServer {
    const injector = this.server.createConnectionInjector(credentialsOf(tls));
    const acceptor = createServer(socket => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      // A reset is nobody's business, but must not be uncaught.
      socket.on('error', () => {});
      injector.injectConnection(socket);
    });
    acceptor.maxConnections = maxConnections;
    return acceptor;
  }
}

function credentialsOf(tls: TlsMaterial | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key, clientCa } = tls;
  return ServerCredentials.createSsl(
    clientCa ?? null,
    [{ cert_chain: cert, private_key: key }],
    clientCa !== undefined,
  );
}

/** Puts a GrpcCall in front of every call; the handler then gets it as the call's request. */
function watchCalls(receiver: Receiver, underWay: UnderWay): ServerInterceptor {
  return (_method, call) => {
    const watched = new GrpcCall(receiver, underWay, call);
    return new ServerInterceptingCall(call, {
      start: next => next(watched.listener),
      sendStatus: (status, next) => {
        watched.end();
        next(status);
      },
    });
  };
}

function exportSignal(receiver: Receiver, signal: Signal): handleUnaryCall<GrpcCall, Buffer> {
  return async ({ request }, respond) => {
    try {
      const answer = await acceptBody(receiver, signal, request);
      if (request.ended) return;
      receiver.answered('grpc', 'OK');
      respond(null, encodeAnswer(signal, answer, 'protobuf'));
    } catch (thrown) {
      if (!request.ended) respond(request.refusal(thrown));
    }
  };
}

/** Not an async function, for the reason that `Acceptor.accept` gives. */
function acceptBody(receiver: Receiver, signal: Signal, request: GrpcCall): Promise<Answer> {
  return request.takeBody().then(body => {
    if (request.ended) throw new IngestError('INGEST_CLIENT_GONE', 'the call ended before it was answered');
    request.lease.resize(body.length);
    return receiver.acceptor.accept(signal, body, 'protobuf', request.sender, request.lease);
  });
}
