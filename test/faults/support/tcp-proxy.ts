/**
 * A TCP proxy that delays, cuts, and swallows what a server answers. What it does is decided anew for each piece of data,
 * so a test may change its mind while connections are open.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * pass: as it comes, after `delayMs`. swallow: requests get through, answers do not. cut: connections are reset, new ones
 * too. hold: nothing moves in either direction.
 */
export type ProxyMode = 'pass' | 'swallow' | 'cut' | 'hold';

export class TcpProxy {
  readonly port: number;
  delayMs = 0;
  /** Bytes of answers that nobody got. */
  swallowedBytes = 0;
  #mode: ProxyMode = 'pass';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
    return new TcpProxy(server, targetPort);
  }

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    server.on('connection', client => this.#join(client, targetPort));
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  /** Whoever is connected in a mode that lets nothing through must connect again once it is over. */
  set mode(mode: ProxyMode) {
    if (mode === 'cut' || (this.#mode !== 'pass' && mode !== this.#mode)) this.#cutAll();
    this.#mode = mode;
  }

  async close(): Promise<void> {
    const closed = new Promise(done => this.#server.close(done));
    this.#cutAll();
    await closed;
  }

  #join(client: Socket, targetPort: number): void {
    if (this.#mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(targetPort, '127.0.0.1');
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => {
          this.#sockets.delete(socket);
          client.destroy();
          server.destroy();
        });
    }
    client.on('data', data => this.#send(server, data, this.#mode === 'hold'));
    server.on('data', data => {
      const isLost = this.#mode === 'hold' || this.#mode === 'swallow';
      if (isLost) this.swallowedBytes += data.length;
      this.#send(client, data, isLost);
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
  }

  /** Timers of one delay fire in order. */
  #send(to: Socket, data: Buffer, isLost: boolean): void {
    if (isLost) return;
    if (this.delayMs === 0) to.write(data);
    else setTimeout(() => to.write(data), this.delayMs);
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}
