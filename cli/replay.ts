/** `throughline replay`: sends recorded requests as an exporter would, and says what became of them. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { jsonToProtobuf, RequestScan, scanRequest } from '../otlp/index.js';
import { type RecordedRequest, readRequests } from './replay-source.js';
import { newestEndNs, nowNs, shiftTimes } from './shift-times.js';

export interface ReplayOptions {
  readonly endpoint: string;
  readonly token?: string;
  readonly concurrency: number;
  readonly shiftToNow: boolean;
  readonly skipBad: boolean;
}

interface Totals {
  requests: number;
  spans: number;
  rejected: number;
  refused: number;
  bytes: number;
}

const PATIENCE_MS = 120_000;
const PROGRESS_EVERY_MS = 2_000;

/** True if everything was accepted. */
export async function replayFiles(files: readonly string[], options: ReplayOptions): Promise<boolean> {
  const shiftNs = options.shiftToNow ? await distanceToNow(files) : 0n;
  const totals: Totals = { requests: 0, spans: 0, rejected: 0, refused: 0, bytes: 0 };
  const startedMs = performance.now();
  const sender = new Sender(options);
  const report = setInterval(() => progress(totals, startedMs), PROGRESS_EVERY_MS);
  try {
    for (const file of files) {
      const before = { ...totals };
      await replayFile(file, shiftNs, sender, totals, options);
      process.stderr.write(
        `${file}: ${totals.spans - before.spans} spans in ${totals.requests - before.requests} requests\n`,
      );
    }
  } finally {
    clearInterval(report);
    sender.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const accepted = totals.spans - totals.rejected;
  process.stdout.write(
    `accepted ${accepted} of ${totals.spans} spans (${totals.rejected} rejected) in ${totals.requests} requests` +
      ` (${totals.refused} refused), ${seconds.toFixed(1)} s, ${Math.round(accepted / seconds)} spans/s\n`,
  );
  return totals.rejected === 0 && totals.refused === 0;
}

async function distanceToNow(files: readonly string[]): Promise<bigint> {
  let newest = 0n;
  for (const file of files) {
    for await (const { place, contentType, body } of readRequests(file)) {
      if (contentType !== 'application/json') throw new Error(`${place}: --shift-to-now works on JSON files`);
      const end = newestEndNs(body.toString('utf8'));
      if (end > newest) newest = end;
    }
  }
  return newest === 0n ? 0n : nowNs(Date.now()) - newest;
}

async function replayFile(
  file: string,
  shiftNs: bigint,
  sender: Sender,
  totals: Totals,
  options: ReplayOptions,
): Promise<void> {
  const requests = readRequests(file);
  const work = async () => {
    for (let next = await requests.next(); !next.done; next = await requests.next()) {
      await replayRequest(next.value, shiftNs, sender, totals, options);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
}

async function replayRequest(
  recorded: RecordedRequest,
  shiftNs: bigint,
  sender: Sender,
  totals: Totals,
  { skipBad }: ReplayOptions,
): Promise<void> {
  const { place, contentType } = recorded;
  const body = shiftNs === 0n ? recorded.body : Buffer.from(shiftTimes(recorded.body.toString('utf8'), shiftNs));
  let spans = 0;
  try {
    spans = countSpans(body, contentType);
  } catch (error) {
    const message = `${place}: ${error instanceof Error ? error.message : error}`;
    if (!skipBad) throw new Error(`${message}\nvalid are OTLP trace requests as JSON or protobuf; --skip-bad goes on`);
    process.stderr.write(`${message}\n`);
    totals.refused++;
    return;
  }
  const rejected = await sender.send(body, contentType, place);
  totals.requests++;
  totals.spans += spans;
  totals.rejected += rejected;
  totals.bytes += body.length;
}

/** Spans of a request, those with impossible ids included. Throws where it cannot be decoded. */
function countSpans(body: Buffer, contentType: RecordedRequest['contentType']): number {
  const scan = new RequestScan();
  if (!scanRequest(contentType === 'application/json' ? jsonToProtobuf(body) : body, scan)) throw new Error(scan.error);
  return scan.spans + scan.rejected;
}

function progress(totals: Totals, startedMs: number): void {
  const seconds = (performance.now() - startedMs) / 1000;
  process.stderr.write(
    `${totals.spans} spans in ${totals.requests} requests, ${Math.round(totals.spans / seconds)} spans/s\n`,
  );
}

class Sender {
  readonly #url: URL;
  readonly #headers: Record<string, string>;
  readonly #agent: Agent;

  constructor({ endpoint, token, concurrency }: ReplayOptions) {
    this.#url = new URL(endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint.replace(/\/$/, '')}/v1/traces`);
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const agentOptions = { keepAlive: true, maxSockets: concurrency };
    this.#agent = this.#url.protocol === 'https:' ? new HttpsAgent(agentOptions) : new Agent(agentOptions);
  }

  /** Returns how many spans were rejected; comes again for as long as the receiver is only busy. */
  async send(body: Buffer, contentType: string, place: string): Promise<number> {
    for (const deadline = performance.now() + PATIENCE_MS; ; ) {
      const { status, retryAfter, text } = await this.#post(body, contentType);
      if (status === 200) return rejectedSpans(text, contentType);
      const isBusy = status === 0 || status === 429 || (status >= 502 && status <= 504);
      if (!isBusy) throw new Error(`${place}: the receiver refused it with ${status}: ${text.toString('utf8')}`);
      if (performance.now() > deadline) {
        throw new Error(`${place}: no receiver took it at ${this.#url.href} for ${PATIENCE_MS / 1000} s (${text})`);
      }
      if (status === 0 && text.includes('ECONNREFUSED')) {
        throw new Error(`nothing listens at ${this.#url.href}: start it with \`throughline up\`, or give --endpoint`);
      }
      await sleep(Math.min(5, Number(retryAfter ?? 1)) * 1000);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Status 0: no answer. */
  async #post(body: Buffer, contentType: string): Promise<{ status: number; retryAfter?: string; text: Buffer }> {
    const headers = { ...this.#headers, 'content-type': contentType, 'content-length': String(body.length) };
    const request = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request(this.#url, { method: 'POST', agent: this.#agent, headers }, resolve).once('error', reject).end(body);
      });
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const retryAfter = response.headers['retry-after'];
      return { status: response.statusCode ?? 0, text: Buffer.concat(chunks), ...(retryAfter && { retryAfter }) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { status: 0, text: Buffer.from(code) };
    }
  }
}

/** What of a request the receiver did not take, as it says itself. */
function rejectedSpans(answer: Buffer, contentType: string): number {
  if (answer.length === 0) return 0;
  const serializer = contentType === 'application/json' ? JsonTraceSerializer : ProtobufTraceSerializer;
  return Number(serializer.deserializeResponse(answer).partialSuccess?.rejectedSpans ?? 0);
}
