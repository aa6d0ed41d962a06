/** An HTTP proxy that may look into, change, hold back or lose what passes. */
import { createServer as createHttpServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Passing {
  readonly url: URL;
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Changed = Partial<Passing> | { readonly answer: Answer } | 'never';

export interface ProxyOptions {
  readonly tls?: ServerOptions;
  /** What is sent on, as it came unless given. An answer is sent back at once; `never` leaves the client waiting. */
  readonly request?: (passing: Passing) => Changed | Promise<Changed>;
  /** What is sent back; undefined: the connection is cut instead. */
  readonly answer?: (answer: Answer, passing: Passing) => Answer | undefined;
}

export interface Proxy {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export async function startProxy(target: string, options: ProxyOptions = {}): Promise<Proxy> {
  const handler: Parameters<typeof createHttpServer>[1] = async (incoming, outgoing) => {
    try {
      const headers = incoming.headers;
      const url = new URL(incoming.url ?? '/', target);
      const passing = { url, body: await collect(incoming), headers };
      const changed = (await options.request?.(passing)) ?? {};
      if (changed === 'never') return;
      const answer =
        'answer' in changed ? changed.answer : await send(incoming.method ?? 'POST', { ...passing, ...changed });
      const given = options.answer === undefined ? answer : options.answer(answer, passing);
      if (given === undefined) {
        outgoing.destroy();
        return;
      }
      const { 'transfer-encoding': _chunked, connection: _hop, ...rest } = given.headers;
      outgoing.writeHead(given.status, { ...rest, 'content-length': given.body.length }).end(given.body);
    } catch {
      outgoing.destroy();
    }
  };
  const server = options.tls === undefined ? createHttpServer(handler) : createHttpsServer(options.tls, handler);
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    async close() {
      const closed = new Promise(done => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function send(method: string, { url, body, headers }: Passing): Promise<Answer> {
  const { 'transfer-encoding': _chunked, host: _host, connection: _hop, ...rest } = headers;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { method, headers: { ...rest, 'content-length': body.length }, agent: false });
    outgoing.on('error', reject).on('response', async answer => {
      const received = { status: answer.statusCode ?? 0, headers: answer.headers };
      collect(answer).then(bytes => resolve({ ...received, body: bytes }), reject);
    });
    outgoing.end(body);
  });
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
