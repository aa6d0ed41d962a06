/** Calls of a server that answers in ways in which the engine does not (what it does: client.test.ts, connection.test.ts). */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { HttpTransport, type TransportOptions } from '../../store/http-transport.js';

let server: Server;
let transport: HttpTransport;

async function serve(listener: RequestListener, path = '', options: TransportOptions = {}): Promise<void> {
  server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  transport = new HttpTransport({ url, database: 'd', username: 'u', password: 'p' }, options);
}

afterEach(async () => {
  transport.close();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

const ask = () => transport.send({ sql: 'SELECT 1', queryId: 'id', settings: {} });

test.each([
  ['plain', (body: Buffer) => body, {}],
  ['gzipped', gzipSync, { 'content-encoding': 'gzip' }],
])('an answer that is larger than it may be, %s, is not read to its end', async (_name, pack, headers) => {
  await serve((_request, response) => response.writeHead(200, headers).end(pack(Buffer.alloc(1 << 20))), '', {
    maxResultBytes: 1 << 16,
  });
  await expect(ask().answer).rejects.toMatchObject({ code: 'STORE_TOO_LARGE', retryable: false });
});

test.each([
  ['plain', {}],
  ['gzipped', { 'content-encoding': 'gzip' }],
])('an answer that breaks off, %s, is an error and not a short answer', async (_name, headers) => {
  await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '1000', ...headers });
    response.write(gzipSync(Buffer.from('[1]')).subarray(0, 10), () => response.destroy());
  });
  await expect(ask().answer).rejects.toThrow();
});

test('a call that is stopped rejects with the reason, and its connection is closed', async () => {
  let left = false;
  await serve(request => {
    request.once('close', () => {
      left = true;
    });
  });
  const call = ask();
  setTimeout(() => call.stop(new Error('enough')), 50);
  await expect(call.answer).rejects.toThrow('enough');
  await expect.poll(() => left).toBe(true);
});

test('a connection serves one call after the other', async () => {
  const ports = new Set<number | undefined>();
  await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end('[]');
  });
  for (let call = 0; call < 5; call++) await ask().answer;
  expect(ports.size).toBe(1);
});

test('a path before the interface, as behind a proxy, is kept; login and database go with every call', async () => {
  const seen: unknown[] = [];
  await serve(
    (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://server');
      seen.push([request.method, pathname, searchParams.get('database'), request.headers.authorization]);
      response.end('Ok.');
    },
    '/clickhouse/',
    { database: 'd' },
  );
  await ask().answer;
  expect(await transport.ping(5_000)).toBe(true);
  const login = `Basic ${Buffer.from('u:p').toString('base64')}`;
  expect(seen[0]).toEqual(['POST', '/clickhouse/', 'd', login]);
  expect(seen[1]).toEqual(['GET', '/clickhouse/ping', null, login]);
});

test('a server that answers no ping in time is not there', async () => {
  await serve(() => {});
  expect(await transport.ping(100)).toBe(false);
});
