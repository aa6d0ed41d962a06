/**
 * Which trace to look at next: a binary heap of (due time, slot). A slot's due time stands in `dueMs`; an entry that
 * disagrees with it, or with the slot's generation, is stale and skipped, so bringing a date forward is just another push.
 */
export class DueQueue {
  #due = new Float64Array(1 << 10);
  #slot = new Int32Array(1 << 10);
  #generation = new Uint32Array(1 << 10);
  #size = 0;

  /** The entry that `pop` took last. */
  poppedSlot = 0;
  poppedGeneration = 0;
  poppedDueMs = 0;

  push(dueMs: number, slot: number, generation: number): void {
    if (this.#size === this.#due.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#due[parent] <= dueMs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, dueMs, slot, generation);
  }

  /** Takes the earliest entry if it is due strictly before `nowMs`; false if there is none. */
  pop(nowMs: number): boolean {
    if (this.#size === 0 || this.#due[0] >= nowMs) return false;
    this.poppedDueMs = this.#due[0];
    this.poppedSlot = this.#slot[0];
    this.poppedGeneration = this.#generation[0];
    const last = --this.#size;
    if (last > 0) this.#sink(this.#due[last], this.#slot[last], this.#generation[last]);
    return true;
  }

  get size(): number {
    return this.#size;
  }

  get byteLength(): number {
    return this.#due.length * 16;
  }

  #sink(dueMs: number, slot: number, generation: number): void {
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#due[child + 1] < this.#due[child]) child++;
      if (this.#due[child] >= dueMs) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, dueMs, slot, generation);
  }

  #move(from: number, to: number): void {
    this.#due[to] = this.#due[from];
    this.#slot[to] = this.#slot[from];
    this.#generation[to] = this.#generation[from];
  }

  #set(at: number, dueMs: number, slot: number, generation: number): void {
    this.#due[at] = dueMs;
    this.#slot[at] = slot;
    this.#generation[at] = generation;
  }

  #grow(): void {
    const due = new Float64Array(this.#due.length * 2);
    due.set(this.#due);
    this.#due = due;
    const slot = new Int32Array(this.#slot.length * 2);
    slot.set(this.#slot);
    this.#slot = slot;
    const generation = new Uint32Array(this.#generation.length * 2);
    generation.set(this.#generation);
    this.#generation = generation;
  }
}
