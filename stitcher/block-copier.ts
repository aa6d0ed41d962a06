/** Copies spans of a decoded block into a span table. Hot: once per span. */
import type { SpanBlock } from '../otlp/index.js';
import type { Interner } from './interner.js';
import type { SpanTable } from './span-table.js';

export class BlockCopier {
  readonly #spans: SpanTable;
  readonly #interner: Interner;
  /** The block's dictionary index → interned number, 0 where it was not needed yet. */
  #memo = new Uint32Array(1 << 12);

  constructor(spans: SpanTable, interner: Interner) {
    this.#spans = spans;
    this.#interner = interner;
  }

  /** To be called when another block begins, or the strings were forgotten. */
  begin(block: SpanBlock): void {
    const { count } = block.dictionary;
    if (this.#memo.length < count) this.#memo = new Uint32Array(count * 2);
    this.#memo.fill(0, 0, count);
  }

  /** Answers the new row; `next` is the caller's to set. */
  copy(block: SpanBlock, row: number): number {
    const spans = this.#spans;
    const at = spans.allocate();
    spans.spanId[at * 2] = block.spanIdWords[row * 2];
    spans.spanId[at * 2 + 1] = block.spanIdWords[row * 2 + 1];
    spans.parentId[at * 2] = block.parentSpanIdWords[row * 2];
    spans.parentId[at * 2 + 1] = block.parentSpanIdWords[row * 2 + 1];
    spans.kind[at] = block.kind[row];
    spans.status[at] = block.statusCode[row];
    spans.startLow[at] = block.startWords[row * 2];
    spans.startHigh[at] = block.startWords[row * 2 + 1];
    spans.endLow[at] = block.endWords[row * 2];
    spans.endHigh[at] = block.endWords[row * 2 + 1];
    spans.service[at] = this.#interned(block, block.service[row]);
    spans.name[at] = this.#interned(block, block.name[row]);
    spans.tier[at] = this.#interned(block, block.tier[row]);
    spans.environment[at] = this.#interned(block, block.environment[row]);
    spans.host[at] = this.#interned(block, block.host[row]);
    spans.peerService[at] = this.#interned(block, block.peerService[row]);
    spans.locality[at] = this.#interned(block, block.locality[row]);
    spans.region[at] = this.#interned(block, block.region[row]);
    spans.country[at] = this.#interned(block, block.country[row]);
    spans.locationRank[at] = block.locationRank[row];
    spans.isDatabaseCall[at] = block.isDatabaseCall[row];
    spans.flags[at] = block.flags[row];
    spans.checksum[at] = block.checksum[row] >>> 8;
    spans.receivedMs[at] = block.recordAppendTimeMs[block.record[row]];
    return at;
  }

  #interned(block: SpanBlock, index: number): number {
    if (index === 0) return 0;
    let interned = this.#memo[index];
    if (interned === 0) {
      interned = this.#interner.index(block.dictionary.text(index));
      this.#memo[index] = interned;
    }
    return interned;
  }
}
