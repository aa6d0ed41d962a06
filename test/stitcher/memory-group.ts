/**
 * A consumer group over the log in memory, with what makes real ones hard: partitions move at any moment, a member may
 * learn of it only later and until then goes on reading, and what it commits by then does not count.
 */
import { type Random, shuffle } from '../support/random.js';

const LATEST_NEWS_MS = 8_000;
const SESSION_TIMEOUT_MS = 10_000;

export class Member {
  /** What it believes to own, with the next offset it hands out. */
  readonly position = new Map<number, number>();
  revoked: number[] = [];
  /** The newest assignment it has not heard of yet. */
  news: { readonly atMs: number; readonly partitions: readonly number[] } | null = null;
  expiresAtMs = Number.POSITIVE_INFINITY;
}

export class MemoryGroup {
  readonly #random: Random;
  readonly #committed: readonly number[];
  readonly #scale: number;
  readonly #members: Member[] = [];
  readonly #owners: (Member | undefined)[] = [];

  constructor(random: Random, committed: readonly number[], scale: number) {
    this.#scale = scale;
    this.#random = random;
    this.#committed = committed;
  }

  join(nowMs: number): Member {
    const member = new Member();
    this.#members.push(member);
    this.rebalance(nowMs);
    return member;
  }

  leave(member: Member, nowMs: number): void {
    const at = this.#members.indexOf(member);
    if (at < 0) return;
    this.#members.splice(at, 1);
    this.rebalance(nowMs);
  }

  /** Its process died: the group notices after a while. */
  abandon(member: Member, nowMs: number): void {
    member.expiresAtMs = nowMs + Math.floor(this.#random() * SESSION_TIMEOUT_MS * this.#scale);
  }

  owns(member: Member, partition: number): boolean {
    return this.#owners[partition] === member;
  }

  rebalance(nowMs: number): void {
    const partitions = shuffle([...this.#committed.keys()], this.#random);
    this.#owners.length = 0;
    for (const [i, partition] of partitions.entries()) {
      this.#owners[partition] = this.#members[i % Math.max(1, this.#members.length)];
    }
    for (const member of this.#members) {
      const delayMs = this.#random() < 0.7 ? 0 : Math.floor(this.#random() * LATEST_NEWS_MS * this.#scale);
      member.news = { atMs: nowMs + delayMs, partitions: partitions.filter(p => this.#owners[p] === member) };
    }
  }

  /** What time brings: members that died are dropped, the others hear of their partitions. */
  advance(nowMs: number): void {
    for (const member of [...this.#members]) if (member.expiresAtMs <= nowMs) this.leave(member, nowMs);
    for (const member of this.#members) {
      if (member.news !== null && member.news.atMs <= nowMs) this.#hear(member, member.news.partitions);
    }
  }

  #hear(member: Member, partitions: readonly number[]): void {
    member.news = null;
    for (const partition of [...member.position.keys()]) {
      if (partitions.includes(partition)) continue;
      member.position.delete(partition);
      member.revoked.push(partition);
    }
    for (const partition of partitions) {
      member.position.set(partition, Math.max(member.position.get(partition) ?? 0, this.#committed[partition]));
    }
  }
}
