/**
 * Fault 11: 10,000 idle connections over both transports, headers and bodies that come a byte at a time, answers that
 * nobody reads. Good clients, those with a connection and new ones, are answered as before; compared within the run only.
 */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawConnection, requestHead } from '../ingest/support/raw-http.js';
import { field, requestOf, spanContent, text } from '../otlp/message-bytes.js';
import { Throughline } from '../support/throughline.js';

const IDLE = 10_000;
const SLOW = 200;
const MUTE = 50;
const UNREAD_REQUESTS = 200;
const REQUESTS = 60;
/** Of the median: far above what it is, far below what waiting behind the others would make of it. */
const MAX_FACTOR = 10;

let throughline: Throughline;
const sockets: Socket[] = [];

beforeAll(async () => {
  throughline = await Throughline.start({
    settings: {
      THROUGHLINE_INGEST_MAX_CONNECTIONS: '12000',
      THROUGHLINE_INGEST_HEADERS_TIMEOUT: '2m',
      THROUGHLINE_INGEST_BODY_TIMEOUT: '2m',
    },
  });
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await throughline?.destroy();
});

const good = Buffer.from(requestOf(spanContent(field(5, text('good')))));
const request = Buffer.concat([Buffer.from(requestHead({ 'content-length': String(good.length) })), good]);
const portOf = (url: string) => Number(new URL(url).port);

/** Milliseconds: the median of requests on one connection, and of those that each make one. */
async function medians(): Promise<{ kept: number; fresh: number }> {
  const port = portOf(throughline.otlpHttp);
  const kept = await RawConnection.open(port);
  const times: { kept: number[]; fresh: number[] } = { kept: [], fresh: [] };
  for (let i = 0; i < REQUESTS; i++) {
    times.kept.push(await timed(kept));
    const fresh = await RawConnection.open(port);
    times.fresh.push(await timed(fresh));
    fresh.destroy();
  }
  kept.destroy();
  return { kept: median(times.kept), fresh: median(times.fresh) };
}

async function timed(connection: RawConnection): Promise<number> {
  const startMs = performance.now();
  connection.write(request);
  expect((await connection.answer())?.status).toBe(200);
  return performance.now() - startMs;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

async function open(port: number, count: number): Promise<Socket[]> {
  const opened: Socket[] = [];
  while (opened.length < count) {
    const batch = Array.from(
      { length: Math.min(200, count - opened.length) },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket)).once('error', reject);
        }),
    );
    opened.push(...(await Promise.all(batch)));
  }
  for (const socket of opened) socket.on('error', () => {});
  sockets.push(...opened);
  return opened;
}

/** A byte every now and then, for as long as the test lasts. */
function drip(socket: Socket, bytes: Buffer): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || sent === bytes.length) clearInterval(timer);
    else socket.write(bytes.subarray(sent, ++sent));
  }, 100);
  socket.once('close', () => clearInterval(timer));
}

test(`${IDLE} idle connections and ${2 * SLOW + MUTE} slow ones do not slow good clients down`, async () => {
  const http = portOf(throughline.otlpHttp);
  await medians();
  const before = await medians();
  const idle = [...(await open(http, IDLE / 2)), ...(await open(portOf(throughline.otlpGrpc), IDLE / 2))];
  for (const socket of await open(http, SLOW)) drip(socket, Buffer.from(requestHead({ 'content-length': '10' })));
  for (const socket of await open(http, SLOW)) {
    socket.write(requestHead({ 'content-length': String(good.length) }));
    drip(socket, good);
  }
  for (const socket of await open(http, MUTE)) {
    socket.pause();
    for (let i = 0; i < UNREAD_REQUESTS; i++) socket.write(request);
  }
  const during = await medians();
  expect(idle.filter(socket => socket.destroyed)).toEqual([]);
  for (const socket of sockets) socket.destroy();
  const after = await medians();
  expect(during.kept).toBeLessThan(MAX_FACTOR * Math.max(before.kept, after.kept));
  expect(during.fresh).toBeLessThan(MAX_FACTOR * Math.max(before.fresh, after.fresh));
});
