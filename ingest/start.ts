import { createGrpcServer } from './grpc-server.js';
import { createHttpServer } from './http-server.js';
import type { Listener } from './listen.js';
import type { Ingest, IngestOptions } from './options.js';
import { Receiver } from './receiver.js';
import { readTls } from './tls.js';

/**
 * Starts both receivers; resolves once they listen. Rejects with an IngestError that names the setting: INGEST_BIND_FAILED,
 * INGEST_TLS_UNREADABLE, INGEST_TOKEN_INVALID. The bus stays the caller's, who closes it after the receivers.
 */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const { http, grpc, host, logger } = options;
  const httpTls = await readTls(http.tls, 'ingest.http.tls');
  const grpcTls = await readTls(grpc.tls, 'ingest.grpc.tls');
  const receiver = new Receiver(options);
  const httpServer = createHttpServer(receiver, { tls: httpTls, corsOrigins: http.corsOrigins });
  const grpcServer = createGrpcServer(receiver, grpcTls);
  const closeAll = () => closeReceivers(receiver, [httpServer, grpcServer]);
  try {
    const httpPort = await httpServer.listen(host, http.port);
    const grpcPort = await grpcServer.listen(host, grpc.port);
    logger.info({ host, httpPort, grpcPort }, 'receivers listen');
    return new RunningIngest(receiver, httpPort, grpcPort, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function closeReceivers(receiver: Receiver, listeners: readonly Listener[]): Promise<void> {
  receiver.startClosing();
  await Promise.all(listeners.map(listener => listener.close()));
  receiver.flushLog();
}

class RunningIngest implements Ingest {
  readonly httpPort: number;
  readonly grpcPort: number;
  private readonly receiver: Receiver;
  private readonly closeAll: () => Promise<void>;
  private closed: Promise<void> | undefined;

  constructor(receiver: Receiver, httpPort: number, grpcPort: number, closeAll: () => Promise<void>) {
    this.receiver = receiver;
    this.httpPort = httpPort;
    this.grpcPort = grpcPort;
    this.closeAll = closeAll;
  }

  inFlightBytes(): number {
    return this.receiver.inFlight.heldBytes;
  }

  close(): Promise<void> {
    this.closed ??= this.closeAll();
    return this.closed;
  }
}
