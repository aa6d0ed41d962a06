/**
 * Numbers pairs of 32-bit ids 0, 1, 2… in order of first appearance, so that what is summed by them is an array.
 * Open addressing, grown with what is put in: clearing costs what the last use needed, not what the largest one did.
 */

const INITIAL_SLOTS = 32;

export class DenseIds {
  count = 0;
  /** The ids of each number. */
  first = new Uint32Array(INITIAL_SLOTS / 2);
  second = new Uint32Array(INITIAL_SLOTS / 2);

  /** Number + 1, 0 for empty; only the first `#mask + 1` slots are in use. */
  #slots = new Int32Array(INITIAL_SLOTS);
  #mask = INITIAL_SLOTS - 1;

  clear(): void {
    this.#mask = INITIAL_SLOTS - 1;
    this.#slots.fill(0, 0, INITIAL_SLOTS);
    this.count = 0;
  }

  index(first: number, second: number): number {
    let at = this.#probe(first, second);
    const known = this.#slots[at] - 1;
    if (known >= 0) return known;
    const number = this.count;
    if (number * 2 > this.#mask) {
      this.#grow();
      at = this.#probe(first, second);
    }
    this.first[number] = first;
    this.second[number] = second;
    this.#slots[at] = number + 1;
    this.count = number + 1;
    return number;
  }

  #probe(first: number, second: number): number {
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let at = (hash ^ (hash >>> 13)) & this.#mask;
    for (;;) {
      const number = this.#slots[at] - 1;
      if (number < 0 || (this.first[number] === first && this.second[number] === second)) return at;
      at = (at + 1) & this.#mask;
    }
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    this.#mask = size - 1;
    if (this.#slots.length < size) {
      this.#slots = new Int32Array(size);
      this.first = grown(this.first, size);
      this.second = grown(this.second, size);
    } else {
      this.#slots.fill(0, 0, size);
    }
    for (let number = 0; number < this.count; number++) {
      this.#slots[this.#probe(this.first[number], this.second[number])] = number + 1;
    }
  }
}

function grown(old: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const array = new Uint32Array(length);
  array.set(old);
  return array;
}
