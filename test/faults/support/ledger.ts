/**
 * What was sent and what was acknowledged: an append-only file of JSON lines, each on the disk before its writer goes on.
 * It is all that the judge knows of a load, so it holds the requests themselves.
 *
 *   {"batch": 7, "request": {…}}   about to be sent for the first time
 *   {"again": 7}                   about to be sent once more
 *   {"acked": 7}                   answered with 200, nothing rejected
 */
import { readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** An ExportTraceServiceRequest in OTLP JSON. */
export interface LedgerRequest {
  readonly resourceSpans: readonly object[];
}

export interface Batch {
  readonly id: number;
  readonly request: LedgerRequest;
  /** Times it was sent. */
  attempts: number;
  isAcked: boolean;
}

type Line =
  | { readonly batch: number; readonly request: LedgerRequest }
  | { readonly again: number }
  | { readonly acked: number };

/** Lines that come while others are being synced share the next sync. */
export class LedgerWriter {
  readonly #file: FileHandle;
  #waiting: { readonly text: string; readonly done: () => void; readonly failed: (error: unknown) => void }[] = [];
  #isWriting = false;

  static async open(path: string): Promise<LedgerWriter> {
    return new LedgerWriter(await open(path, 'a'));
  }

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Resolves once the line is on the disk. */
  append(line: Line): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ text: `${JSON.stringify(line)}\n`, done, failed });
      if (!this.#isWriting) void this.#write();
    });
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#file.write(group.map(({ text }) => text).join(''));
        await this.#file.datasync();
        for (const { done } of group) done();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.#isWriting = false;
  }
}

/** By batch id. A last line that a killed writer left unfinished counts for nothing: it was not yet acted upon. */
export function readLedger(path: string): Map<number, Batch> {
  const batches = new Map<number, Batch>();
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();
  for (const text of lines) {
    const line = JSON.parse(text) as Line;
    if ('batch' in line)
      batches.set(line.batch, { id: line.batch, request: line.request, attempts: 1, isAcked: false });
    else if ('again' in line) batches.get(line.again)!.attempts++;
    else batches.get(line.acked)!.isAcked = true;
  }
  return batches;
}
