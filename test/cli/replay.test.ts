import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ReplayOptions, replayFiles } from '../../cli/replay.js';
import { readRequests } from '../../cli/replay-source.js';
import { newestEndNs, shiftTimes } from '../../cli/shift-times.js';
import { encodeTraceResponse, jsonToProtobuf } from '../../otlp/index.js';

const NS = 1_764_000_000_000_000_001n;

function request(spanId: string, endNs = NS): object {
  const span = { traceId: '5b8efff798038103d269b633813fc60c', spanId, name: 'a', endTimeUnixNano: String(endNs) };
  return { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, startTimeUnixNano: String(endNs - 5n) }] }] }] };
}

let directory: string;
let sink: Server;
let received: { contentType: string | undefined; body: string }[];
/** What the receiver answers, in order; then 200. */
let answers: { status: number; body?: Uint8Array }[];
let options: ReplayOptions;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-replay-'));
  received = [];
  answers = [];
  sink = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const { status, body } = answers.shift() ?? { status: 200 };
    if (status === 200) {
      received.push({ contentType: message.headers['content-type'], body: Buffer.concat(chunks).toString('latin1') });
    }
    response.writeHead(status, { 'retry-after': '0' }).end(body);
  });
  await new Promise<void>(listening => sink.listen(0, '127.0.0.1', listening));
  const { port } = sink.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  options = { endpoint, concurrency: 1, shiftToNow: false, skipBad: false };
});

afterEach(async () => {
  await new Promise(closed => {
    sink.close(closed);
    sink.closeAllConnections();
  });
  await rm(directory, { recursive: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const lines = (...requests: object[]) => `${requests.map(one => JSON.stringify(one)).join('\n')}\n`;
const ONE = request('00000000000000a1');
const TWO = request('00000000000000a2');

describe('files', () => {
  test.each<[string, () => string | Uint8Array, string, number]>([
    ['lines.jsonl', () => lines(ONE, TWO), 'application/json', 2],
    ['lines-without-last-newline.jsonl', () => lines(ONE, TWO).trimEnd(), 'application/json', 2],
    ['empty-lines.jsonl', () => `\n${lines(ONE)}\n\n${lines(TWO)}\n`, 'application/json', 2],
    ['lines.jsonl.gz', () => gzipSync(lines(ONE, TWO)), 'application/json', 2],
    ['pretty.json', () => JSON.stringify(ONE, null, 2), 'application/json', 1],
    ['one.pb', () => jsonToProtobuf(Buffer.from(JSON.stringify(ONE))), 'application/x-protobuf', 1],
    ['one.pb.gz', () => gzipSync(jsonToProtobuf(Buffer.from(JSON.stringify(ONE)))), 'application/x-protobuf', 1],
  ])('%s', async (name, content, contentType, count) => {
    expect(await replayFiles([file(name, content())], options)).toBe(true);
    expect(received.map(one => one.contentType)).toEqual(new Array(count).fill(contentType));
  });

  test('a protobuf message is read as it is, newlines within it included', async () => {
    const body = jsonToProtobuf(Buffer.from(JSON.stringify(request('0a0a0a0a0a0a0a0a'))));
    const read = [];
    for await (const one of readRequests(file('newlines.pb', body))) read.push(one);
    expect(read.map(one => Buffer.compare(one.body, body))).toEqual([0]);
  });
});

describe('a receiver that', () => {
  test('is busy gets the request again', async () => {
    answers = [{ status: 503 }, { status: 429 }];
    expect(await replayFiles([file('a.jsonl', lines(ONE))], options)).toBe(true);
    expect(received).toHaveLength(1);
  });

  test('rejects spans makes the replay fail', async () => {
    answers = [{ status: 200, body: encodeTraceResponse('json', 1, 'no such id '.repeat(40)) }];
    expect(await replayFiles([file('a.jsonl', lines(ONE, TWO))], options)).toBe(false);
    answers = [{ status: 200, body: encodeTraceResponse('protobuf', 1, 'no such id '.repeat(40)) }];
    const body = jsonToProtobuf(Buffer.from(JSON.stringify(ONE)));
    expect(await replayFiles([file('a.pb', body)], options)).toBe(false);
  });

  test('refuses ends it, with its words', async () => {
    answers = [{ status: 401, body: Buffer.from('give a token') }];
    await expect(replayFiles([file('a.jsonl', lines(ONE))], options)).rejects.toThrow(/a\.jsonl:1.*401.*give a token/);
  });

  test('is not there is named', async () => {
    const endpoint = 'http://127.0.0.1:9';
    await expect(replayFiles([file('a.jsonl', lines(ONE))], { ...options, endpoint })).rejects.toThrow(
      /nothing listens/,
    );
  });
});

describe('a line that is no OTLP', () => {
  const BAD = { resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 'SERVER' }] }] }] };

  test('ends it, naming file and line', async () => {
    await expect(replayFiles([file('a.jsonl', lines(ONE, BAD))], options)).rejects.toThrow(/a\.jsonl:2: .*kind/);
  });

  test('that is not even JSON has its number too', async () => {
    const path = file('a.jsonl', `${lines(ONE)}{"resourceSpans":\n${lines(TWO)}`);
    await expect(replayFiles([path], options)).rejects.toThrow(/a\.jsonl:2: /);
  });

  test('is passed over with --skip-bad, and the replay still fails', async () => {
    expect(await replayFiles([file('a.jsonl', lines(BAD, ONE))], { ...options, skipBad: true })).toBe(false);
    expect(received).toHaveLength(1);
  });
});

describe('--shift-to-now', () => {
  test('moves every time by the same nanoseconds, and leaves unknown times alone', () => {
    const json = `{"startTimeUnixNano":"0","endTimeUnixNano":"${NS}","events":[{"timeUnixNano": ${NS - 1n}}],"name":"timeUnixNano"}`;
    expect(newestEndNs(json)).toBe(NS);
    expect(JSON.parse(shiftTimes(json, 999n))).toEqual({
      startTimeUnixNano: '0',
      endTimeUnixNano: String(NS + 999n),
      events: [{ timeUnixNano: String(NS + 998n) }],
      name: 'timeUnixNano',
    });
  });

  test('lets the newest span of all files end now, the others as long before as they did', async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    const files = [file('a.jsonl', lines(request('00000000000000a1', NS - 1_000n))), file('b.jsonl', lines(TWO))];
    expect(await replayFiles(files, { ...options, shiftToNow: true })).toBe(true);
    const [older, newest] = received.map(one => newestEndNs(one.body));
    expect(newest - older).toBe(1_000n);
    expect(newest >= before && newest <= BigInt(Date.now()) * 1_000_000n).toBe(true);
  });
});
