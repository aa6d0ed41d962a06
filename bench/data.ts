/** What the benchmarks run on: recorded traces, as JSON bodies and as the protobuf an exporter would have sent. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { jsonToProtobuf, RequestScan, scanRequest } from '../otlp/index.js';

export interface BenchData {
  readonly name: string;
  readonly jsonBodies: readonly Uint8Array[];
  readonly bodies: readonly Uint8Array[];
  readonly spans: number;
  readonly bytes: number;
}

/** What a Collector sends at once at the least (its batch processor's default is 8,192). */
export const SPANS_PER_REQUEST = 1_000;

const FILE = '../shared/data/traces/onlineboutique.otlp.jsonl.gz';

/** `THROUGHLINE_BENCH_FILE` names another OTLP JSON-lines file, gzipped. */
export function loadData(): BenchData {
  const path = process.env.THROUGHLINE_BENCH_FILE ?? FILE;
  if (!existsSync(path)) throw new Error(`${path} is missing: name an OTLP .jsonl.gz in THROUGHLINE_BENCH_FILE`);
  const lines = gunzipSync(readFileSync(path)).toString('utf8').split('\n').filter(Boolean);
  const jsonBodies = lines.map(line => Buffer.from(line));
  const bodies = jsonBodies.map(jsonToProtobuf);
  const scan = new RequestScan();
  let spans = 0;
  let bytes = 0;
  for (const body of bodies) {
    if (!scanRequest(body, scan)) throw new Error(scan.error);
    spans += scan.spans;
    bytes += body.length;
  }
  return { name: path.slice(path.lastIndexOf('/') + 1), jsonBodies, bodies, spans, bytes };
}

/** The same requests with other trace ids: what a receiver has not seen yet. `round`: below 65,536. */
export function bodiesWithOtherIds(data: BenchData, round: number): readonly Uint8Array[] {
  if (round === 0) return data.bodies;
  // The first digits differ first: ids of two rounds that lay side by side would be stored as one and a bit.
  const digits = ((round & 0xff) << 8) | (round >> 8);
  const change = (_: string, hex: string) =>
    `"traceId":"${(Number.parseInt(hex, 16) ^ digits).toString(16).padStart(4, '0')}`;
  return data.jsonBodies.map(body =>
    jsonToProtobuf(
      Buffer.from(
        Buffer.from(body)
          .toString('utf8')
          .replace(/"traceId":"([0-9a-fA-F]{4})/g, change),
      ),
    ),
  );
}

/** Requests of about `spans` spans each: messages one after the other are one message with all their ResourceSpans. */
export function batched(bodies: readonly Uint8Array[], spans: number, data: BenchData): readonly Uint8Array[] {
  const together = Math.max(1, Math.round((spans * data.bodies.length) / data.spans));
  const requests: Uint8Array[] = [];
  for (let at = 0; at < bodies.length; at += together) requests.push(Buffer.concat(bodies.slice(at, at + together)));
  return requests;
}
