/**
 * Strings as numbers, for the columns of open traces. Index 0 is ''. Grows with what is seen; its owner empties it
 * together with every table that holds its numbers (see Stitcher memory in runtime.ts).
 */
export class Interner {
  readonly #indexes = new Map<string, number>([['', 0]]);
  readonly #texts: string[] = [''];
  #bytes = 0;

  index(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    const index = this.#texts.length;
    this.#indexes.set(text, index);
    this.#texts.push(text);
    // Two references, a map entry and the characters: an estimate that errs upwards for ASCII.
    this.#bytes += 96 + text.length * 2;
    return index;
  }

  text(index: number): string {
    const text = this.#texts[index];
    if (text === undefined) throw new Error(`no interned string ${index} (have ${this.#texts.length})`);
    return text;
  }

  get size(): number {
    return this.#texts.length;
  }

  /** Estimated bytes held. */
  get byteLength(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#indexes.clear();
    this.#indexes.set('', 0);
    this.#texts.length = 1;
    this.#bytes = 0;
  }
}
