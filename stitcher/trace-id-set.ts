/**
 * Trace ids that have been seen before and whose spans are in the store, not in memory: a bounded set of (tenant, trace
 * id). Two generations: when the younger is full, the older is forgotten. Forgetting one is safe, only slower: a late
 * span then looks like a new trace until the auditor restitches it.
 */

/** 32-bit mix of a trace id's four words; ids are mostly random, but 64-bit ids have a zero half. */
export function hashTraceId(word0: number, word1: number, word2: number, word3: number): number {
  let hash = Math.imul(word0 ^ (word2 * 3), 0x9e3779b1) ^ Math.imul(word1 ^ (word3 * 5), 0x85ebca77);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

const WORDS = 5;

class Generation {
  readonly #mask: number;
  /** Tenant + 1 (0: empty slot), then the four words of the id. */
  readonly #slots: Uint32Array;
  size = 0;

  constructor(capacityBits: number) {
    this.#mask = (1 << capacityBits) - 1;
    this.#slots = new Uint32Array(WORDS << capacityBits);
  }

  /** Half full is full: probes stay short. */
  get isFull(): boolean {
    return this.size * 2 > this.#mask;
  }

  has(tenant: number, w0: number, w1: number, w2: number, w3: number): boolean {
    return this.#slots[this.#find(tenant, w0, w1, w2, w3)] !== 0;
  }

  add(tenant: number, w0: number, w1: number, w2: number, w3: number): void {
    const at = this.#find(tenant, w0, w1, w2, w3);
    const slots = this.#slots;
    if (slots[at] !== 0) return;
    slots[at] = tenant + 1;
    slots[at + 1] = w0;
    slots[at + 2] = w1;
    slots[at + 3] = w2;
    slots[at + 4] = w3;
    this.size++;
  }

  clear(): void {
    this.#slots.fill(0);
    this.size = 0;
  }

  #find(tenant: number, w0: number, w1: number, w2: number, w3: number): number {
    const slots = this.#slots;
    let slot = hashTraceId(w0, w1, w2, w3) & this.#mask;
    for (;;) {
      const at = slot * WORDS;
      if (slots[at] === 0) return at;
      if (
        slots[at] === tenant + 1 &&
        slots[at + 1] === w0 &&
        slots[at + 2] === w1 &&
        slots[at + 3] === w2 &&
        slots[at + 4] === w3
      ) {
        return at;
      }
      slot = (slot + 1) & this.#mask;
    }
  }
}

export class TraceIdSet {
  #young: Generation;
  #old: Generation;

  /** Holds at least 2^(capacityBits − 1) of the latest ids, in 40 bytes × 2^capacityBits. */
  constructor(capacityBits = 20) {
    this.#young = new Generation(capacityBits);
    this.#old = new Generation(capacityBits);
  }

  has(tenant: number, w0: number, w1: number, w2: number, w3: number): boolean {
    return this.#young.has(tenant, w0, w1, w2, w3) || this.#old.has(tenant, w0, w1, w2, w3);
  }

  add(tenant: number, w0: number, w1: number, w2: number, w3: number): void {
    if (this.#young.isFull) {
      const forgotten = this.#old;
      forgotten.clear();
      this.#old = this.#young;
      this.#young = forgotten;
    }
    this.#young.add(tenant, w0, w1, w2, w3);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
