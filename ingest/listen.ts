import type { Server } from 'node:net';
import { IngestError } from './errors.js';

/** One of the two ways in. */
export interface Listener {
  /** Resolves with the port. Rejects with INGEST_BIND_FAILED. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no more connections, finishes the requests under way, then ends the rest. */
  close(): Promise<void>;
}

/** `setting` names the port in the message. */
export function listen(server: Server, host: string, port: number, setting: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const message = `${setting}: cannot listen on ${host}:${port} (${cause.message})`;
      reject(new IngestError('INGEST_BIND_FAILED', message, cause));
    };
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
