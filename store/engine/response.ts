/** Answers as ClickHouse's HTTP interface gives them. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { createGzip, constants as zlib } from 'node:zlib';
import { codeOf, messageOf, statusOf } from './exceptions.js';
import type { JobCounts } from './executor.js';

/** Fits ClickHouse's tags: 16 letters. */
const TAG_BYTES = 8;

/**
 * Sends a result while it is made. The first piece is held back until a second one comes or the end: an error before that
 * gets a status of its own.
 */
export class ResultWriter {
  readonly #response: ServerResponse;
  readonly #isGzipped: boolean;
  /** Marks an error behind the beginning of a result. */
  readonly #exceptionTag = randomBytes(TAG_BYTES).toString('hex');
  #gzip: ReturnType<typeof createGzip> | undefined;
  #held: Uint8Array | undefined;
  #hasBegun = false;

  constructor(response: ServerResponse, isGzipped: boolean) {
    this.#response = response;
    this.#isGzipped = isGzipped;
  }

  /** Waits while the client is slower than the engine. */
  async write(bytes: Uint8Array): Promise<void> {
    const held = this.#held;
    this.#held = bytes;
    if (held !== undefined) await this.#send(held);
  }

  /** `counts` come too late where the result has been begun. */
  async end(verb: string, counts: JobCounts): Promise<void> {
    if (!this.#hasBegun) this.#response.setHeader('X-ClickHouse-Summary', summary(verb, counts));
    if (this.#held !== undefined) await this.#send(this.#held);
    await this.#endGzip();
    this.#response.end();
  }

  async fail(error: unknown, version: string): Promise<void> {
    const message = `${messageOf(error)} (version ${version} (official build))`;
    if (this.#hasBegun) {
      await this.#breakOff(message);
      return;
    }
    const code = codeOf(error);
    this.#response.statusCode = statusOf(code);
    this.#response.removeHeader('X-ClickHouse-Format');
    this.#response.setHeader('X-ClickHouse-Exception-Code', String(code));
    this.#response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    this.#response.end(`${message}\n`);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#begin();
    const target = this.#gzip ?? this.#response;
    if (target.write(bytes)) return;
    const gone = new AbortController();
    const leave = () => gone.abort();
    this.#response.once('close', leave);
    // Whoever has left is noticed by the job's signal.
    await once(target, 'drain', { signal: gone.signal }).catch(() => {});
    this.#response.off('close', leave);
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#response.setHeader('X-ClickHouse-Exception-Tag', this.#exceptionTag);
    if (!this.#isGzipped) return;
    this.#response.setHeader('Content-Encoding', 'gzip');
    this.#gzip = createGzip({ level: zlib.Z_BEST_SPEED });
    this.#gzip.on('error', () => this.#response.destroy());
    // Whether the answer ends properly is decided apart from that.
    this.#gzip.pipe(this.#response, { end: false });
  }

  /** The error goes behind what was sent, as the server puts it; the answer is left without its proper end. */
  async #breakOff(message: string): Promise<void> {
    const tag = this.#exceptionTag;
    const text = Buffer.from(`${message}\n`);
    const mark = `\r\n__exception__\r\n${tag}\r\n${text}${text.length} ${tag}\r\n__exception__\r\n`;
    if (this.#gzip === undefined) this.#response.write(mark);
    await this.#endGzip(mark);
    this.#response.socket?.destroySoon();
  }

  async #endGzip(last = ''): Promise<void> {
    if (this.#gzip === undefined) return;
    this.#gzip.end(last);
    // Nobody reads it to its end once the client has left.
    await Promise.race([finished(this.#gzip), once(this.#response, 'close')]).catch(() => {});
  }
}

function summary(verb: string, { rows, bytes }: JobCounts): string {
  const isInsert = verb === 'INSERT';
  return JSON.stringify({
    read_rows: String(isInsert ? 0 : rows),
    read_bytes: String(isInsert ? 0 : bytes),
    written_rows: String(isInsert ? rows : 0),
    written_bytes: String(isInsert ? bytes : 0),
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: '0',
  });
}
