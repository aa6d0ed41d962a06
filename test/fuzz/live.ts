/** The live ports: each case over HTTP and, if it is protobuf, over gRPC too; a good request after each refusal. */
import type { ClientHttp2Session } from 'node:http2';
import { protobufRequest, someSpans } from '../ingest/support/otlp-messages.js';
import { openSession, RawGrpcCall } from '../ingest/support/raw-grpc.js';
import { RawConnection, requestHead } from '../ingest/support/raw-http.js';
import type { FuzzCase } from './case.js';
import { damageOf, frame } from './damage.js';
import { GRPC_CODE, HTTP_STATUS, hasGoodIds, isDeserved, type Verdict } from './verdict.js';

const GOOD_SPANS = 2;
const GOOD = protobufRequest(someSpans(GOOD_SPANS));
const CONTENT_TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;
const KINDS = ['ok', 'undecodable', 'too large'] as const;
/** One case in so many is followed by a request that is damaged outside of its body. */
const DAMAGE_EVERY = 16;
/** No answer within this time is a fault: the receivers' own limits are shorter. */
const ANSWER_MS = 30_000;

/** One after the other, on connections that it keeps. */
export class LiveLane {
  readonly #httpPort: number;
  readonly #session: ClientHttp2Session;
  #connection: RawConnection | undefined;
  /** Spans that the receivers must have published by now for what this lane sent. Damaged requests are not in it. */
  spans = 0;

  constructor(httpPort: number, grpcPort: number) {
    this.#httpPort = httpPort;
    this.#session = openSession(grpcPort);
  }

  /** '' or what was wrong. */
  async check(fuzzCase: FuzzCase, deserved: Verdict): Promise<string> {
    const problems = await Promise.all([
      this.#checkHttp(fuzzCase, deserved),
      fuzzCase.format === 'protobuf' ? this.#checkGrpc(fuzzCase, deserved) : '',
    ]);
    return problems.filter(Boolean).join('; ');
  }

  async close(): Promise<void> {
    this.#connection?.destroy();
    await new Promise<void>(resolve => this.#session.close(resolve));
  }

  async #checkHttp(fuzzCase: FuzzCase, deserved: Verdict): Promise<string> {
    const { format, encoding, body, seed, index } = fuzzCase;
    const headers = { 'content-type': CONTENT_TYPES[format], 'content-encoding': encoding };
    const status = await this.#post(body, headers);
    if (!KINDS.some(kind => HTTP_STATUS[kind] === status && isDeserved(kind, deserved)))
      return `HTTP ${status} for ${describe(deserved)}`;
    this.#count(deserved);
    if (index % DAMAGE_EVERY === 0) {
      const problem = await this.#checkBrokenHttp(seed, index);
      if (problem !== '') return problem;
    }
    if (deserved.kind === 'ok' && index % DAMAGE_EVERY !== 0) return '';
    const after = await this.#post(GOOD, { 'content-type': CONTENT_TYPES.protobuf });
    this.spans += GOOD_SPANS;
    return after === 200 ? '' : `HTTP ${after} for the good request after it`;
  }

  async #checkGrpc(fuzzCase: FuzzCase, deserved: Verdict): Promise<string> {
    const { encoding, body, seed, index } = fuzzCase;
    const code = await this.#call(frame(body, encoding === 'identity' ? 0 : 1), encoding);
    if (!KINDS.some(kind => GRPC_CODE[kind] === code && isDeserved(kind, deserved)))
      return `gRPC ${code} for ${describe(deserved)}`;
    this.#count(deserved);
    if (index % DAMAGE_EVERY === 0) {
      const { name, bytes, expected } = damageOf('grpc', seed, index, GOOD);
      const damaged = await this.#call(bytes, 'identity');
      if (!expected.includes(damaged)) return `gRPC ${damaged} for a frame with ${name}`;
    }
    if (deserved.kind === 'ok' && index % DAMAGE_EVERY !== 0) return '';
    const after = await this.#call(frame(GOOD, 0), 'identity');
    this.spans += GOOD_SPANS;
    return after === 0 ? '' : `gRPC ${after} for the good call after it`;
  }

  /** Its sender says no more after it, so it needs a connection of its own. */
  async #checkBrokenHttp(seed: number, index: number): Promise<string> {
    const { name, bytes, expected } = damageOf('http', seed, index, GOOD);
    const connection = await RawConnection.open(this.#httpPort);
    connection.socket.end(bytes);
    const answer = await inTime(connection.answer());
    connection.destroy();
    const status = answer === 'late' ? 'late' : (answer?.status ?? 'none');
    return (expected as readonly unknown[]).includes(status) ? '' : `HTTP ${status} for ${name}`;
  }

  async #post(body: Buffer, headers: Record<string, string>): Promise<number | 'none' | 'late'> {
    this.#connection ??= await RawConnection.open(this.#httpPort);
    const connection = this.#connection;
    const head = requestHead({ ...headers, 'content-length': String(body.length) });
    connection.write(Buffer.concat([Buffer.from(head), body]));
    const answer = await inTime(connection.answer());
    if (answer !== 'late' && answer?.headers.connection !== 'close') return answer?.status ?? this.#lost();
    this.#lost();
    connection.destroy();
    return answer === 'late' ? answer : (answer?.status ?? 'none');
  }

  #lost(): 'none' {
    this.#connection = undefined;
    return 'none';
  }

  async #call(bytes: Buffer, encoding: string): Promise<number> {
    const call = new RawGrpcCall(this.#session, { 'grpc-encoding': encoding });
    call.stream.end(bytes);
    const answer = await inTime(call.answer());
    return answer === 'late' ? Number.NaN : Number(answer.trailers['grpc-status'] ?? Number.NaN);
  }

  #count(deserved: Verdict): void {
    if (deserved.kind === 'ok') this.spans += deserved.ids.filter(hasGoodIds).length;
  }
}

function describe(verdict: Verdict): string {
  return verdict.kind === 'ok' ? 'what is good' : `what is ${verdict.kind} (${verdict.reason})`;
}

async function inTime<T>(answer: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>(resolve => {
    timer = setTimeout(() => resolve('late'), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
