/** What a list keeps for the next request; a hostile one must not pin its memory for ever. */
const KEPT_CAPACITY = 1 << 16;
const FIRST_CAPACITY = 64;

/** A growing column of unsigned 32-bit numbers. `values` may be replaced by the next `push`. */
export class NumberList {
  values = new Uint32Array(FIRST_CAPACITY);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) this.#grow();
    this.values[this.length++] = value;
  }

  clear(): void {
    this.length = 0;
    if (this.values.length > KEPT_CAPACITY) this.values = new Uint32Array(FIRST_CAPACITY);
  }

  #grow(): void {
    const larger = new Uint32Array(this.values.length * 2);
    larger.set(this.values);
    this.values = larger;
  }
}
