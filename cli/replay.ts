/** `throughline replay`: sends recorded requests as an exporter would, and says what became of them. */
import { jsonToProtobuf, RequestScan, scanRequest } from '../otlp/index.js';
import { OtlpSender, RefusedError, type SenderOptions } from './otlp-sender.js';
import { ProgressLine } from './progress-line.js';
import { type RecordedRequest, readRequests } from './replay-source.js';
import { newestEndOf, nowNs, shiftedBody } from './shift-times.js';

export interface ReplayOptions extends SenderOptions {
  readonly shiftToNow: boolean;
  readonly skipBad: boolean;
}

interface Totals {
  /** Requests taken, and the spans in them. */
  requests: number;
  spans: number;
  /** Of the spans: not accepted, by partial success. */
  rejected: number;
  /** Requests that could not be read, or that the receiver did not take. */
  refused: number;
}

const PROGRESS_EVERY_MS = 2_000;
const VALID = 'valid are OTLP trace requests as JSON, JSON lines or protobuf; --skip-bad goes on';

/** True if everything was accepted. Rejects where it had to stop, after the summary of what had been accepted until then. */
export async function replayFiles(files: readonly string[], options: ReplayOptions): Promise<boolean> {
  const shiftNs = options.shiftToNow ? await distanceToNow(files) : 0n;
  const replay = new Replay(options, shiftNs);
  try {
    for (const file of files) await replay.file(file);
  } finally {
    replay.end();
  }
  return replay.totals.rejected === 0 && replay.totals.refused === 0;
}

/** From the end of the newest span of all files. What cannot be read is found when it is sent. */
async function distanceToNow(files: readonly string[]): Promise<bigint> {
  let newest = 0n;
  for (const file of files) {
    for await (const request of requestsOf(file)) {
      const end = newestEndOf(request);
      if (end > newest) newest = end;
    }
  }
  return newest === 0n ? 0n : nowNs(Date.now()) - newest;
}

/** Failures of the file itself (not there, damaged gzip) name it. */
async function* requestsOf(file: string): AsyncGenerator<RecordedRequest> {
  try {
    yield* readRequests(file);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

class Replay {
  readonly totals: Totals = { requests: 0, spans: 0, rejected: 0, refused: 0 };
  readonly #options: ReplayOptions;
  readonly #shiftNs: bigint;
  readonly #sender: OtlpSender;
  readonly #progress = new ProgressLine(PROGRESS_EVERY_MS);
  readonly #startedMs = performance.now();

  constructor(options: ReplayOptions, shiftNs: bigint) {
    this.#options = options;
    this.#shiftNs = shiftNs;
    this.#sender = new OtlpSender(options);
  }

  /** Requests start in the file's order, `concurrency` at once. At a failure those under way are waited for. */
  async file(file: string): Promise<void> {
    const before = { ...this.totals };
    const requests = requestsOf(file);
    let isStopped = false;
    const work = async () => {
      try {
        for (let next = await requests.next(); !next.done && !isStopped; next = await requests.next()) {
          await this.#request(next.value);
        }
      } finally {
        isStopped = true;
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: this.#options.concurrency }, work));
    this.#progress.end(`${file}: ${sentence(difference(this.totals, before))}`);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  end(): void {
    this.#sender.close();
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    const { spans, rejected } = this.totals;
    const speed = Math.round((spans - rejected) / seconds);
    process.stdout.write(`${sentence(this.totals)}, ${seconds.toFixed(1)} s, ${speed} spans/s\n`);
  }

  async #request(recorded: RecordedRequest): Promise<void> {
    const { totals } = this;
    try {
      const body = shiftedBody(recorded, this.#shiftNs);
      const spans = countSpans(body, recorded.contentType);
      const { rejectedSpans, message } = await this.#sender.send(body, recorded.contentType);
      totals.requests++;
      totals.spans += spans;
      totals.rejected += rejectedSpans;
      if (rejectedSpans > 0) this.#progress.end(`${recorded.place}: ${rejectedSpans} spans rejected: ${message}`);
    } catch (error) {
      this.#refuse(recorded.place, error);
    }
    this.#progress.show(() => sentence(totals));
  }

  #refuse(place: string, error: unknown): void {
    this.totals.refused++;
    const isBad = error instanceof BadRequestError;
    const message = `${place}: ${error instanceof Error ? error.message : error}`;
    const maySkip = isBad || (error instanceof RefusedError && error.isRequestAlone);
    if (!maySkip || !this.#options.skipBad) throw new Error(isBad ? `${message}\n${VALID}` : message, { cause: error });
    this.#progress.end(message);
  }
}

/** What the file has at a place is no OTLP trace request. */
class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
}

/** Spans of a request, those with impossible ids included. Throws a BadRequestError where it cannot be decoded. */
function countSpans(body: Buffer, contentType: RecordedRequest['contentType']): number {
  const scan = new RequestScan();
  let bytes: Uint8Array = body;
  try {
    if (contentType === 'application/json') bytes = jsonToProtobuf(body);
  } catch (error) {
    throw new BadRequestError(error instanceof Error ? error.message : String(error));
  }
  if (!scanRequest(bytes, scan)) throw new BadRequestError(scan.error);
  return scan.spans + scan.rejected;
}

function difference(after: Totals, before: Totals): Totals {
  return {
    requests: after.requests - before.requests,
    spans: after.spans - before.spans,
    rejected: after.rejected - before.rejected,
    refused: after.refused - before.refused,
  };
}

function sentence({ requests, spans, rejected, refused }: Totals): string {
  return `accepted ${spans - rejected} of ${spans} spans (${rejected} rejected) in ${requests} requests (${refused} refused)`;
}
