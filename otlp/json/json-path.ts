/** Where in a document a reader is. Kept up to date at the cost of two stores a field, and spelled out only in errors. */
const NO_INDEX = -1;

export class JsonPath {
  readonly #names: string[] = [];
  readonly #indexes: number[] = [];
  #depth = 0;

  enter(name: string): void {
    this.#names[this.#depth] = name;
    this.#indexes[this.#depth] = NO_INDEX;
    this.#depth++;
  }

  /** Of the field that was entered last, the element at `index`. */
  element(index: number): void {
    this.#indexes[this.#depth - 1] = index;
  }

  leave(): void {
    this.#depth--;
  }

  /** `resourceSpans[0].scopeSpans[1].spans[3].kind`; '' for the document itself. */
  toString(): string {
    const parts: string[] = [];
    for (let level = 0; level < this.#depth; level++) {
      const index = this.#indexes[level];
      parts.push(index === NO_INDEX ? this.#names[level] : `${this.#names[level]}[${index}]`);
    }
    return parts.join('.');
  }
}
