/**
 * The connections of one kafkajs client. kafkajs ends a client by waiting for answers, from brokers that may not give
 * any, and a request that timed out stays in the buffer of its connection; here they can be cut.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_MS = 30_000;

export class Sockets {
  readonly #open = new Set<Socket>();
  #isCut = false;

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    // Whatever kafkajs has in mind to try again: it is over.
    if (this.#isCut) throw new Error('this client is closed');
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
      : connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // Small requests wait for nothing.
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** Ends every connection at once; what waits for an answer is told that there is none. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy(new Error('this client is closed'));
  }
}
