/** How much a block held before a record, to go back to. Dictionaries keep what they have learnt. */

import type { SpanColumns } from './columns.js';

export class BlockMark {
  rows = 0;
  #attributePairs = 0;
  #attributeBytes = 0;
  #statusMessageBytes = 0;
  #traceStateBytes = 0;
  #eventBytes = 0;
  #linkBytes = 0;

  set(columns: SpanColumns): void {
    this.rows = columns.rows;
    this.#attributePairs = columns.attributes.pairCount;
    this.#attributeBytes = columns.attributes.values.byteLength;
    this.#statusMessageBytes = columns.statusMessage.byteLength;
    this.#traceStateBytes = columns.traceState.byteLength;
    this.#eventBytes = columns.events.byteLength;
    this.#linkBytes = columns.links.byteLength;
  }

  restore(columns: SpanColumns): void {
    columns.rows = this.rows;
    columns.attributes.truncate(this.#attributePairs, this.#attributeBytes);
    columns.statusMessage.truncate(this.#statusMessageBytes, this.rows);
    columns.traceState.truncate(this.#traceStateBytes, this.rows);
    columns.events.truncate(this.#eventBytes, this.rows);
    columns.links.truncate(this.#linkBytes, this.rows);
  }

  /** Bytes of text that the columns have gained. */
  textBytesSince(columns: SpanColumns): number {
    return (
      columns.attributes.values.byteLength -
      this.#attributeBytes +
      columns.statusMessage.byteLength -
      this.#statusMessageBytes +
      columns.traceState.byteLength -
      this.#traceStateBytes +
      columns.events.byteLength -
      this.#eventBytes +
      columns.links.byteLength -
      this.#linkBytes
    );
  }
}
