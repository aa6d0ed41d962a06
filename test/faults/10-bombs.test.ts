/**
 * Fault 10: gzip bombs of 1000:1 and nested ones, values 100,000 levels deep, groups: 50 at a time over both transports,
 * at a whole Throughline. Each gets its verdict, nobody else waits, memory stays under its cap.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nestedAttribute } from '../fuzz/mutate-protobuf.js';
import { GrpcClient } from '../ingest/support/grpc-client.js';
import { openSession, RawGrpcCall } from '../ingest/support/raw-grpc.js';
import { field, requestOf, spanContent } from '../otlp/message-bytes.js';
import { Throughline } from '../support/throughline.js';

const AT_ONCE = 50;
const MAX_IN_FLIGHT_BYTES = 64 << 20;
/** Bodies in flight, and as much again for what becomes of them; V8 gives nothing back while it is busy. */
const MAX_GROWTH_BYTES = 6 * MAX_IN_FLIGHT_BYTES;

let throughline: Throughline;

beforeAll(async () => {
  throughline = await Throughline.start({
    settings: {
      THROUGHLINE_INGEST_MAX_REQUEST_BYTES: '16MiB',
      THROUGHLINE_INGEST_MAX_IN_FLIGHT_BYTES: '64MiB',
    },
  });
});

afterAll(() => throughline?.destroy());

const zeros = gzipSync(Buffer.alloc(256 << 20));
const deep = Buffer.from(requestOf(spanContent(field(9, nestedAttribute(100_000)))));
const group = Buffer.concat([requestOf(spanContent()), Buffer.from([0x2b, 0x08, 0x01, 0x2c])]);

/** HTTP statuses and gRPC codes that are right: under a flood of bombs 429 and UNAVAILABLE are, too. */
const ATTACKS: readonly [what: string, body: Buffer, http: readonly number[], grpc: readonly number[]][] = [
  ['a bomb of 1000:1', zeros, [413, 429], [8, 14]],
  ['a bomb in a bomb', gzipSync(zeros), [400], [3]],
  ['a value 100,000 levels deep', gzipSync(deep), [200, 429], [0, 14]],
  ['a group', gzipSync(group), [400, 429], [3, 14]],
];

function residentBytes(): number {
  const status = readFileSync(`/proc/${throughline.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function post(body: Buffer): Promise<number> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' };
  const response = await fetch(`${throughline.otlpHttp}/v1/traces`, {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  });
  await response.arrayBuffer();
  return response.status;
}

async function call(port: number, body: Buffer): Promise<number> {
  const session = openSession(port);
  const rpc = new RawGrpcCall(session, { 'grpc-encoding': 'gzip' });
  rpc.sendFrame(body, true);
  rpc.stream.end();
  const { trailers } = await rpc.answer();
  session.destroy();
  return Number(trailers['grpc-status']);
}

test.each(ATTACKS)(`%s, ${AT_ONCE} at a time over both transports`, async (_what, body, http, grpc) => {
  const before = residentBytes();
  const port = Number(new URL(throughline.otlpGrpc).port);
  const attacks = Array.from({ length: AT_ONCE }, (_, i) => (i % 2 === 0 ? post(body) : call(port, body)));
  const verdicts = await Promise.all(attacks);
  for (const [i, verdict] of verdicts.entries()) expect(i % 2 === 0 ? http : grpc).toContain(verdict);
  expect(residentBytes() - before).toBeLessThan(MAX_GROWTH_BYTES);
  const good = Buffer.from(requestOf(spanContent()));
  expect(await post(gzipSync(good))).toBe(200);
  const client = new GrpcClient(new URL(throughline.otlpGrpc).host);
  expect((await client.export(good)).code).toBe(0);
  client.close();
});

test('what was taken of it is stored, and nothing is left in flight', async () => {
  await throughline.settled();
  const ledger = await throughline.ledger();
  expect(ledger).toMatchObject({ in_flight: 0, dead_letter: 0 });
  expect(ledger.received).toBeGreaterThan(0);
});
