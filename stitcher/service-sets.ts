/** The services on a trace's critical path as one interned text, `["cart","shop"]`: few sets among many traces. */
import type { AssembledTrace } from './assembly/index.js';
import type { Interner } from './interner.js';

export class ServiceSets {
  readonly #interner: Interner;
  /** By the services' numbers in order of appearance: the interned number of the set's text. */
  readonly #known = new Map<string, number>();

  constructor(interner: Interner) {
    this.#interner = interner;
  }

  /** Sorted, so that the text is the set's whatever the order of appearance. */
  index({ serviceIds, serviceLength }: AssembledTrace): number {
    const key = serviceIds.subarray(0, serviceLength).join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const names = Array.from(serviceIds.subarray(0, serviceLength), id => this.#interner.text(id));
    const index = this.#interner.index(JSON.stringify(names.sort()));
    this.#known.set(key, index);
    return index;
  }

  /** With every block of rows: interned numbers do not outlive the interner's owner. */
  clear(): void {
    this.#known.clear();
  }
}
