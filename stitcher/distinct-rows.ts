/**
 * The distinct spans of one trace in memory, by the identity rule of docs/stitching.md. Duplicates are found when a
 * trace is assembled, not when they arrive, so taking in a span needs no lookup of its own.
 */

import { invertedReceived } from './span-columns.js';
import type { SpanTable } from './span-table.js';
import { NO_ROW } from './span-table.js';

export class DistinctRows {
  /** The rows found by `collect`, borrowed until its next call. */
  rows = new Int32Array(1 << 8);
  count = 0;
  /** Whether two records of one identity differed. */
  conflict = false;

  /** Open addressing by span id and kind: row + 1, 0 for empty. Only the first `#capacity` entries are in use. */
  #index = new Int32Array(1 << 9);
  #capacity = 1 << 9;

  /** Walks the chain from `head`; unlinks and releases the records that lose. Returns the head of what remains. */
  collect(table: SpanTable, head: number, rowCount: number): number {
    this.#reserve(rowCount);
    this.count = 0;
    this.conflict = false;
    const index = this.#index;
    const mask = this.#capacity - 1;
    for (let row = head; row !== NO_ROW; ) {
      const next = table.next[row];
      const w0 = table.spanId[row * 2];
      const w1 = table.spanId[row * 2 + 1];
      const kind = table.kind[row];
      let at = (Math.imul(w0 ^ Math.imul(w1, 0x9e3779b1), 0x85ebca77) >>> 7) ^ kind;
      for (;;) {
        at &= mask;
        const known = index[at] - 1;
        if (known < 0) {
          index[at] = row + 1;
          break;
        }
        if (table.spanId[known * 2] === w0 && table.spanId[known * 2 + 1] === w1 && table.kind[known] === kind) {
          if (this.#isBetter(table, row, known)) {
            index[at] = row + 1;
            table.release(known);
          } else {
            table.release(row);
          }
          break;
        }
        at++;
      }
      row = next;
    }
    return this.#relink(table);
  }

  /** Collects the survivors out of the index and chains them anew. */
  #relink(table: SpanTable): number {
    const index = this.#index;
    let head = NO_ROW;
    for (let at = 0; at < this.#capacity; at++) {
      if (index[at] === 0) continue;
      const row = index[at] - 1;
      index[at] = 0;
      this.rows[this.count++] = row;
      table.next[row] = head;
      head = row;
    }
    return head;
  }

  /** Whether record `a` beats record `b` of the same identity: as `version` in the store orders them. */
  #isBetter(table: SpanTable, a: number, b: number): boolean {
    const endsTogether = table.endHigh[a] === table.endHigh[b] && table.endLow[a] === table.endLow[b];
    if (table.checksum[a] !== table.checksum[b] || !endsTogether) this.conflict = true;
    if (table.endHigh[a] !== table.endHigh[b]) return table.endHigh[a] > table.endHigh[b];
    if (table.endLow[a] !== table.endLow[b]) return table.endLow[a] > table.endLow[b];
    if (table.checksum[a] !== table.checksum[b]) return table.checksum[a] > table.checksum[b];
    return invertedReceived(table.receivedMs[a]) > invertedReceived(table.receivedMs[b]);
  }

  #reserve(rowCount: number): void {
    if (this.rows.length < rowCount) this.rows = new Int32Array(rowCount * 2);
    // A small trace after a huge one must not pay for the huge one's index.
    this.#capacity = Math.max(1 << 4, 2 ** Math.ceil(Math.log2(rowCount * 2 + 1)));
    if (this.#index.length < this.#capacity) this.#index = new Int32Array(this.#capacity);
  }
}
