/**
 * One continuous ownership of a partition, as the stitcher sees it: from the moment it is told of the partition until it
 * is told that it is lost. Within that every record is handed out once, in order, whatever rebalances in between make
 * kafkajs fetch anew; and what was handed out can be committed with its counts. No I/O.
 */
import type { CommitPoint, Tallies } from '../types.js';
import { type PrefixCounts, plus } from './prefix-counts.js';

interface HandedOut {
  /** One past the record, and past what follows it without being a record (markers of transactions). */
  endOffset: number;
  readonly offset: number;
  readonly items: number;
  readonly tallies: Tallies;
  readonly appendTimeMs: number;
}

export interface Committable {
  readonly offset: number;
  readonly counts: PrefixCounts;
}

export class OwnedPartition {
  /** Next offset to hand out. */
  position: number;
  /** Append time of the newest record handed out. */
  lastAppendTimeMs: number;
  /** What the stitcher has stored, with its counts; ahead of what is committed while the group rebalances. */
  #stored: Committable;
  #committedOffset: number;
  /** Handed out and not stored, in order. */
  #open: HandedOut[] = [];

  constructor(offset: number, counts: PrefixCounts) {
    this.position = offset;
    this.lastAppendTimeMs = counts.lastAppendTimeMs;
    this.#stored = { offset, counts };
    this.#committedOffset = offset;
  }

  handOut(record: Omit<HandedOut, 'appendTimeMs'>, appendTimeMs: number): number {
    this.lastAppendTimeMs = Math.max(this.lastAppendTimeMs, appendTimeMs);
    this.#open.push({ ...record, appendTimeMs: this.lastAppendTimeMs });
    this.position = record.endOffset;
    return this.lastAppendTimeMs;
  }

  /**
   * Records below the point's offset are stored. Points below what is stored already, or beyond what was handed out (by
   * a former ownership), change nothing.
   */
  store({ offset, tallies = {} }: CommitPoint): void {
    if (offset <= this.#stored.offset || offset > this.position) return;
    let { counts } = this.#stored;
    let endOffset = offset;
    let passed = 0;
    for (const record of this.#open) {
      if (record.offset >= offset) break;
      counts = plus(counts, record.items, record.tallies, record.appendTimeMs);
      endOffset = record.endOffset;
      passed++;
    }
    this.#open.splice(0, passed);
    this.#stored = { offset: endOffset, counts: plus(counts, 0, tallies, 0) };
  }

  /** What is stored and not committed yet. */
  get committable(): Committable | undefined {
    return this.#stored.offset > this.#committedOffset ? this.#stored : undefined;
  }

  committed(offset: number): void {
    this.#committedOffset = Math.max(this.#committedOffset, offset);
  }

  /** Somebody else got further while the group could not reach us: goes on from there. */
  moveOn(offset: number, counts: PrefixCounts): void {
    this.position = offset;
    this.lastAppendTimeMs = Math.max(this.lastAppendTimeMs, counts.lastAppendTimeMs);
    this.#stored = { offset, counts };
    this.#committedOffset = offset;
    this.#open = [];
  }

  /**
   * There are no records between the position and this offset: retention has removed them, or they are markers of
   * transactions, or records of aborted ones. They are passed with the record before them.
   */
  skipTo(offset: number): void {
    if (offset <= this.position) return;
    this.position = offset;
    const last = this.#open.at(-1);
    if (last !== undefined) last.endOffset = offset;
    else this.#stored = { ...this.#stored, offset };
  }
}
