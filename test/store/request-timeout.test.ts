import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openStore, type Store, StoreError } from '../../store/index.js';
import { SILENT } from './support.js';

const TIMEOUT_MS = 300;

let server: Server;
let store: Store;
/** Of each request that came, its text. */
const requests: string[] = [];

/** A server that is given each request once it is whole. */
async function serve(answer: (text: string, response: ServerResponse) => void): Promise<void> {
  requests.length = 0;
  server = createServer((request: IncomingMessage, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://server');
    let text = searchParams.get('query') ?? '';
    request.on('data', chunk => {
      text += chunk;
    });
    request.on('end', () => {
      requests.push(text);
      answer(text, response);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  store = openStore({
    url: `http://127.0.0.1:${port}`,
    database: 'throughline',
    logger: SILENT,
    requestTimeoutMs: TIMEOUT_MS,
  });
}

afterEach(async () => {
  await store.close();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

const COLUMN = { name: 'n', type: 'UInt8', data: { kind: 'fixed', width: 1, bytes: new Uint8Array(1) } } as const;

test('a query that gets no answer is given up after the time of one try, and killed', async () => {
  await serve((text, response) => {
    if (text.startsWith('KILL')) response.end();
  });
  const failure = await store.query('SELECT 1').catch(error => error);
  expect(failure).toBeInstanceOf(StoreError);
  expect(failure).toMatchObject({ code: 'STORE_TIMEOUT' });
  await expect.poll(() => requests.some(text => text.startsWith('KILL QUERY'))).toBe(true);
});

test('an insert that gets no answer is given up and repeated, the same block', async () => {
  const inserts = () => requests.filter(text => text.includes('INSERT'));
  await serve((text, response) => {
    if (!text.includes('INSERT') || inserts().length > 2) response.end();
  });
  await store.insert('t', [COLUMN], 1);
  expect(inserts()).toHaveLength(3);
  expect(new Set(inserts()).size).toBe(1);
});
