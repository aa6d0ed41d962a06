/** Files in which the data of inserts waits for the engine, and how many bytes all of them may take together. */
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NOT_ENOUGH_SPACE, QUERY_IS_TOO_LARGE } from './exceptions.js';

/** Of one insert, whatever room there is. */
const MAX_INSERT_BYTES = 1 << 30;

export class Spool {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Writes `first` and the rest of the body into a file, never in this process's memory as a whole, for as long as `use`
   * takes. What can never fit is refused for good, what does not fit beside the others for now.
   */
  async with<Result>(
    first: Buffer,
    body: AsyncIterator<Buffer>,
    path: string,
    use: () => Promise<Result>,
  ): Promise<Result> {
    const taken = { bytes: 0 };
    try {
      const chunks = Readable.from(this.#counted(first, body, taken), { objectMode: false });
      await pipeline(chunks, createWriteStream(path, { flags: 'wx' }));
      return await use();
    } finally {
      await unlink(path).catch(() => {});
      this.#bytes -= taken.bytes;
    }
  }

  async *#counted(first: Buffer, body: AsyncIterator<Buffer>, taken: { bytes: number }) {
    try {
      if (first.length > 0) yield this.#take(first, taken);
      for (let next = await body.next(); !next.done; next = await body.next()) yield this.#take(next.value, taken);
    } catch (error) {
      // Who is refused half way still sends: read to its end it gets the answer, and keeps its connection.
      while (!(await body.next()).done);
      throw error;
    }
  }

  #take(chunk: Buffer, taken: { bytes: number }): Buffer {
    const limit = Math.min(MAX_INSERT_BYTES, this.#maxBytes);
    if (taken.bytes + chunk.length > limit) {
      throw QUERY_IS_TOO_LARGE(`The data of an INSERT may have ${limit} bytes here`);
    }
    if (this.#bytes + chunk.length > this.#maxBytes) {
      throw NOT_ENOUGH_SPACE(`Inserts that wait take ${this.#bytes} of ${this.#maxBytes} bytes; try again`);
    }
    taken.bytes += chunk.length;
    this.#bytes += chunk.length;
    return chunk;
  }
}
