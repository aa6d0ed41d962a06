/** An OTLP/HTTP exporter with more patience than those of the SDKs: it comes again for as long as the receiver is only busy. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';

export interface SenderOptions {
  /** Base URL of the receiver, with or without `/v1/traces`. */
  readonly endpoint: string;
  readonly token?: string | undefined;
  /** Connections. */
  readonly concurrency: number;
}

export type OtlpContentType = 'application/json' | 'application/x-protobuf';

/** What a receiver says of a request that it took. */
export interface Verdict {
  readonly rejectedSpans: number;
  readonly message: string;
}

/** `isRequestAlone`: another request may well be taken; else there is no use in sending more. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly isRequestAlone: boolean;

  constructor(message: string, isRequestAlone: boolean) {
    super(message);
    this.isRequestAlone = isRequestAlone;
  }
}

/** Status 0: no answer, and the code of the failure as text. */
interface Answer {
  readonly status: number;
  readonly retryAfter?: string | undefined;
  readonly body: Buffer;
}

const PATIENCE_MS = 120_000;
const ANSWER_TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const BUSY: readonly number[] = [0, 429, 502, 503, 504];
/** Undecodable to this receiver, or too large for it. */
const REQUEST_ALONE: readonly number[] = [400, 413];

export class OtlpSender {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  /** A receiver that has answered once is waited for when it is gone. */
  #hasAnswered = false;

  constructor({ endpoint, token, concurrency }: SenderOptions) {
    this.#url = tracesUrl(endpoint);
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const options = { keepAlive: true, maxSockets: concurrency };
    this.#agent = this.#url.protocol === 'https:' ? new HttpsAgent(options) : new Agent(options);
  }

  /** Resolves once the receiver has taken the request. Rejects with a RefusedError. */
  async send(body: Buffer, contentType: OtlpContentType): Promise<Verdict> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      const answer = await this.#post(body, contentType);
      if (answer.status !== 0) this.#hasAnswered = true;
      if (answer.status === 200) return verdictOf(answer.body, contentType);
      this.#throwIfFinal(answer);
      const waitMs = retryAfterMs(answer.retryAfter, Date.now()) ?? pauseMs;
      if (performance.now() + waitMs > deadlineMs) {
        throw new RefusedError(
          `${this.#url.href} did not take it for ${PATIENCE_MS / 1_000} s (${wordsOf(answer)})`,
          false,
        );
      }
      await sleep(waitMs);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #throwIfFinal(answer: Answer): void {
    const { status, body } = answer;
    if (!BUSY.includes(status)) {
      throw new RefusedError(`the receiver refused it with ${wordsOf(answer)}`, REQUEST_ALONE.includes(status));
    }
    if (status !== 0 || this.#hasAnswered || !/ECONNREFUSED|ENOTFOUND/.test(body.toString())) return;
    throw new RefusedError(
      `nothing listens at ${this.#url.href}: start it with \`throughline up\`, or give --endpoint`,
      false,
    );
  }

  async #post(body: Buffer, contentType: OtlpContentType): Promise<Answer> {
    const headers = { ...this.#headers, 'content-type': contentType, 'content-length': String(body.length) };
    const start = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = start(this.#url, { method: 'POST', agent: this.#agent, headers }, resolve);
        request.setTimeout(ANSWER_TIMEOUT_MS, () => request.destroy(new Error('no answer in time')));
        request.once('error', reject).end(body);
      });
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const retryAfter = response.headers['retry-after'];
      return { status: response.statusCode ?? 0, retryAfter, body: Buffer.concat(chunks) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { status: 0, body: Buffer.from(code) };
    }
  }
}

function tracesUrl(endpoint: string): URL {
  const base = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new Error(`--endpoint ${endpoint}: give an http or https URL such as http://127.0.0.1:4318`);
  }
  return endpoint.endsWith('/v1/traces') ? base : new URL(`${endpoint.replace(/\/$/, '')}/v1/traces`);
}

/** Seconds or a date (RFC 9110, 10.2.3); undefined if it is neither. */
function retryAfterMs(header: string | undefined, clockMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - clockMs;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Error bodies are google.rpc.Status: in JSON as it is, in protobuf only its readable part. */
function wordsOf({ status, body }: Answer): string {
  const text = body
    .toString('utf8')
    .replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ')
    .trim();
  return status === 0 ? text : `${status}: ${text.slice(0, 500)}`;
}

function verdictOf(body: Buffer, contentType: OtlpContentType): Verdict {
  if (body.length === 0) return { rejectedSpans: 0, message: '' };
  try {
    // The official JSON deserializer takes what is no JSON for an empty answer.
    const answer: ReturnType<typeof ProtobufTraceSerializer.deserializeResponse> =
      contentType === 'application/json'
        ? JSON.parse(body.toString('utf8'))
        : ProtobufTraceSerializer.deserializeResponse(body);
    return {
      rejectedSpans: Number(answer.partialSuccess?.rejectedSpans ?? 0),
      message: answer.partialSuccess?.errorMessage ?? '',
    };
  } catch {
    throw new RefusedError('the answer is no OTLP: is this a receiver of OTLP/HTTP?', false);
  }
}
