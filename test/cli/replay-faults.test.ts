import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ReplayOptions, replayFiles } from '../../cli/replay.js';
import { readRequests } from '../../cli/replay-source.js';
import { newestEndNsOfProtobuf, shiftProtobufTimes } from '../../cli/shift-protobuf.js';
import { newestEndNs, shiftTimes } from '../../cli/shift-times.js';
import { encodeTraceResponse, jsonToProtobuf } from '../../otlp/index.js';

const NS = 1_764_000_000_000_000_001n;

function request(spanId: string, endNs = NS): object {
  const span = { traceId: '5b8efff798038103d269b633813fc60c', spanId, name: 'a', endTimeUnixNano: String(endNs) };
  const events = [{ timeUnixNano: String(endNs - 3n), name: 'e' }];
  return { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, startTimeUnixNano: String(endNs - 5n), events }] }] }] };
}

const ONE = request('00000000000000a1');
const TWO = request('00000000000000a2');
const lines = (...requests: object[]) => `${requests.map(one => JSON.stringify(one)).join('\n')}\n`;
const protobuf = (one: object) => Buffer.from(jsonToProtobuf(Buffer.from(JSON.stringify(one))));

let directory: string;
let sink: Server;
let bodies: Buffer[];
let attempts: number;
/** Answers in order, by writing to the response or destroying its socket; then 200. */
let script: ((response: ServerResponse) => void)[];
let options: ReplayOptions;
let printed: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-replay-'));
  bodies = [];
  attempts = 0;
  script = [];
  printed = '';
  sink = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    attempts++;
    const act = script.shift();
    if (act !== undefined) return act(response);
    bodies.push(Buffer.concat(chunks));
    response.writeHead(200).end();
  });
  await new Promise<void>(listening => sink.listen(0, '127.0.0.1', listening));
  const { port } = sink.address() as AddressInfo;
  options = { endpoint: `http://127.0.0.1:${port}`, concurrency: 1, shiftToNow: false, skipBad: false };
  vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    printed += String(text);
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
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

const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end(body);

describe('a receiver', () => {
  test('that hangs up without an answer gets the request again', async () => {
    script = [response => response.socket?.destroy()];
    expect(await replayFiles([file('a.jsonl', lines(ONE))], options)).toBe(true);
    expect(attempts).toBe(2);
    expect(bodies.map(body => JSON.parse(body.toString()))).toEqual([ONE]);
  });

  test.each([
    ['no Retry-After', {}],
    ['a date in the past', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }],
    ['what is neither seconds nor a date', { 'retry-after': 'soon' }],
  ])('that is busy with %s gets the request once more', async (_case, headers) => {
    script = [status(503, headers)];
    expect(await replayFiles([file('a.jsonl', lines(ONE))], options)).toBe(true);
    expect(attempts).toBe(2);
  });

  test('that says Retry-After 1 is left alone for a second', async () => {
    script = [status(429, { 'retry-after': '1' })];
    const startedMs = performance.now();
    expect(await replayFiles([file('a.jsonl', lines(ONE))], options)).toBe(true);
    expect(performance.now() - startedMs).toBeGreaterThan(990);
  });

  test('whose 200 is no OTLP is not taken for one', async () => {
    script = [status(200, {}, '<html>')];
    await expect(replayFiles([file('a.jsonl', lines(ONE))], options)).rejects.toThrow(/a\.jsonl:1: .*no OTLP/);
  });

  test('that refuses one request stops the replay, after what was accepted has been printed', async () => {
    script = [status(200), status(413, {}, 'too large')];
    const path = file('a.jsonl', lines(ONE, TWO, ONE));
    await expect(replayFiles([path], options)).rejects.toThrow(/a\.jsonl:2: .*413: too large/);
    expect(attempts).toBe(2);
    expect(printed).toMatch(/^accepted 1 of 1 spans \(0 rejected\) in 1 requests \(1 refused\)/);
  });

  test('that refuses one request is sent the others with --skip-bad, and the replay still fails', async () => {
    script = [status(413)];
    expect(await replayFiles([file('a.jsonl', lines(ONE, TWO))], { ...options, skipBad: true })).toBe(false);
    expect(bodies).toHaveLength(1);
  });

  test('that wants a token is not asked again, --skip-bad or not', async () => {
    script = [status(401, {}, 'give a token')];
    const path = file('a.jsonl', lines(ONE, TWO));
    await expect(replayFiles([path], { ...options, skipBad: true })).rejects.toThrow(/401: give a token/);
    expect(attempts).toBe(1);
  });

  test('gets the bearer token', async () => {
    let authorization: string | undefined;
    sink.prependListener('request', message => {
      authorization = message.headers.authorization;
    });
    await replayFiles([file('a.jsonl', lines(ONE))], { ...options, token: 'abc' });
    expect(authorization).toBe('Bearer abc');
  });
});

describe('what was accepted', () => {
  test('is counted without the spans that were rejected', async () => {
    script = [response => response.writeHead(200).end(encodeTraceResponse('json', 1, 'bad id'))];
    expect(await replayFiles([file('a.jsonl', lines(ONE, TWO))], options)).toBe(false);
    expect(printed).toMatch(
      /^accepted 1 of 2 spans \(1 rejected\) in 2 requests \(0 refused\), \d+\.\d s, \d+ spans\/s\n$/,
    );
  });

  test('is everything once, whatever the concurrency', async () => {
    const all = Array.from({ length: 60 }, (_, i) => request((i + 1).toString(16).padStart(16, '0')));
    expect(await replayFiles([file('a.jsonl', lines(...all))], { ...options, concurrency: 8 })).toBe(true);
    const sent = bodies.map(body => body.toString()).sort();
    expect(sent).toEqual(all.map(one => JSON.stringify(one)).sort());
  });

  test('comes in the order of the files where requests go one by one', async () => {
    await replayFiles([file('b.jsonl', lines(TWO)), file('a.jsonl', lines(ONE, TWO))], options);
    expect(bodies.map(body => JSON.parse(body.toString()))).toEqual([TWO, ONE, TWO]);
  });
});

describe('a damaged file', () => {
  test('whose first line is cut off is still read line by line', async () => {
    const path = file('a.jsonl', `{"resourceSpans":[{"sco\n${lines(ONE, TWO)}`);
    await expect(replayFiles([path], options)).rejects.toThrow(/a\.jsonl:1: /);
    expect(await replayFiles([path], { ...options, skipBad: true })).toBe(false);
    expect(bodies.map(body => JSON.parse(body.toString()))).toEqual([ONE, TWO]);
  });

  test('that is gzip and cut off names itself', async () => {
    const path = file('a.jsonl.gz', gzipSync(lines(ONE, TWO)).subarray(0, -12));
    await expect(replayFiles([path], options)).rejects.toThrow(/a\.jsonl\.gz: unexpected end of file/);
  });

  test('that is not there names itself', async () => {
    await expect(replayFiles([join(directory, 'none.jsonl')], options)).rejects.toThrow(/none\.jsonl: ENOENT/);
  });

  test('that is something else says what would be valid', async () => {
    const path = file('a.csv', 'trace,span,start\n1,2,3\n');
    await expect(replayFiles([path], options)).rejects.toThrow(
      /a\.csv: .*valid are OTLP trace requests as JSON, JSON lines or protobuf/s,
    );
  });

  test.each([
    ['a byte order mark', `\u{FEFF}${lines(ONE)}`],
    ['Windows line ends', lines(ONE).replace('\n', '\r\n\r\n')],
    ['blanks only between lines', `${lines(ONE)}  \n\t\n`],
  ])('is none with %s', async (_case, content) => {
    expect(await replayFiles([file('a.jsonl', content)], options)).toBe(true);
    expect(bodies.map(body => JSON.parse(body.toString()))).toEqual([ONE]);
  });
});

describe('lines that fall on the borders of read chunks', () => {
  test('are read as they are, from a file larger than several chunks', async () => {
    const path = file('big.jsonl', '');
    const expected: number[] = [];
    for (let i = 0; i < 40; i++) {
      const pad = 'x'.repeat(1 + ((i * 104_729) % 190_000));
      appendFileSync(path, `${JSON.stringify({ resourceSpans: [], pad })}\n`);
      expected.push(pad.length);
    }
    const read: number[] = [];
    for await (const { body } of readRequests(path)) read.push(JSON.parse(body.toString()).pad.length);
    expect(read).toEqual(expected);
  });
});

describe('--shift-to-now of protobuf', () => {
  const recorded = () => readFileSync('../shared/data/traces/opentelemetry-demo.otlp.jsonl.gz');

  test('moves the same times by the same nanoseconds as in JSON, on recorded requests with events and links', async () => {
    const path = file('demo.jsonl.gz', recorded());
    let events = 0;
    for await (const { body } of readRequests(path)) {
      const json = body.toString();
      events += json.match(/"timeUnixNano"/g)?.length ?? 0;
      for (const byNs of [-1_234_567_890_123_456_789n, 1n, 86_400_000_000_001n]) {
        const moved = Buffer.from(jsonToProtobuf(body));
        shiftProtobufTimes(moved, ns => ns + byNs);
        expect(Buffer.compare(moved, jsonToProtobuf(Buffer.from(shiftTimes(json, byNs))))).toBe(0);
      }
      expect(newestEndNsOfProtobuf(jsonToProtobuf(body))).toBe(newestEndNs(json));
    }
    expect(events).toBeGreaterThan(0);
  });

  test('changes no byte but the times, and moving back restores the request', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 1n << 40n }),
        fc.bigInt({ min: 1n << 50n, max: 1n << 61n }),
        (byNs, endNs) => {
          const original = protobuf(request('00000000000000a1', endNs));
          const moved = Buffer.from(original);
          shiftProtobufTimes(moved, ns => ns + byNs);
          expect(Buffer.compare(moved, protobuf(request('00000000000000a1', endNs + byNs)))).toBe(0);
          shiftProtobufTimes(moved, ns => ns - byNs);
          expect(Buffer.compare(moved, original)).toBe(0);
        },
      ),
    );
  });

  test('leaves a time that is not known, and bytes that are no request', () => {
    const unknown = protobuf(request('00000000000000a1', 5n));
    shiftProtobufTimes(unknown, ns => ns + 7n);
    // Its start is 0, which proto3 writes here as a field: end 12, event 9, start still 0.
    expect(
      Buffer.compare(
        unknown,
        protobuf({
          resourceSpans: [
            {
              scopeSpans: [
                {
                  spans: [
                    {
                      traceId: '5b8efff798038103d269b633813fc60c',
                      spanId: '00000000000000a1',
                      name: 'a',
                      endTimeUnixNano: '12',
                      startTimeUnixNano: '0',
                      events: [{ timeUnixNano: '9', name: 'e' }],
                    },
                  ],
                },
              ],
            },
          ],
        }),
      ),
    ).toBe(0);
    const garbage = Buffer.from('not protobuf at all');
    shiftProtobufTimes(garbage, ns => ns + 7n);
    expect(garbage.toString()).toBe('not protobuf at all');
  });

  test('lets the newest span of JSON and protobuf files together end now', async () => {
    const beforeNs = BigInt(Date.now()) * 1_000_000n;
    const files = [
      file('a.pb.gz', gzipSync(protobuf(request('00000000000000a1', NS - 1_000n)))),
      file('b.jsonl', lines(TWO)),
    ];
    expect(await replayFiles(files, { ...options, shiftToNow: true })).toBe(true);
    const older = newestEndNsOfProtobuf(bodies[0]);
    const newest = newestEndNs(bodies[1].toString());
    expect(newest - older).toBe(1_000n);
    expect(newest >= beforeNs && newest <= BigInt(Date.now()) * 1_000_000n).toBe(true);
  });
});

test("the response of the official serializer's counterpart is understood: rejected spans of a protobuf request", async () => {
  // Hand-made: partial_success = 1 { rejected_spans = 1: varint 2, error_message = 2: "no" }
  const answer = Buffer.from([0x0a, 0x06, 0x08, 0x02, 0x12, 0x02, 0x6e, 0x6f]);
  expect(ProtobufTraceSerializer.deserializeResponse(answer).partialSuccess?.errorMessage).toBe('no');
  script = [response => response.writeHead(200).end(answer)];
  expect(await replayFiles([file('a.pb', protobuf(ONE))], options)).toBe(false);
  expect(printed).toMatch(/\(2 rejected\)/);
});
