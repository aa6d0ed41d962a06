/** Nodes of a YAML document → plain values: aliases unfolded within bounds, null as if it were not there. */
import { isAlias, isMap, isSeq, type LineCounter, type Node, type Scalar, type YAMLMap } from 'yaml';
import { dotted, type Finding, type Path, valueText } from './problems.js';

export const MAX_DEPTH = 64;
const MAX_FINDINGS = 100;

export interface SourceDocument {
  /** undefined where the text could not be read. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** From 1, by dotted path. */
  readonly lines: ReadonlyMap<string, number>;
  /** Numbers whose text is not that of the value (1.0, 0x1F, more digits than a double keeps), by dotted path. */
  readonly written: ReadonlyMap<string, string>;
}

/** What the documents of one file share. */
export interface FileState {
  readonly lineCounter: LineCounter;
  /** Values that may still be made. */
  valuesLeft: number;
}

/** Ends the reading of a document. */
class TooLarge extends Error {}

export class NodeReader {
  #findings: Finding[] = [];
  #lines = new Map<string, number>();
  #written = new Map<string, string>();
  readonly #file: FileState;
  /** The latest of each name so far. The library looks through the whole document for each alias. */
  readonly #anchors = new Map<string, Node>();
  /** How many aliases are being unfolded: what they lead to has been passed before. */
  #unfolding = 0;

  constructor(file: FileState) {
    this.#file = file;
  }

  /** A document of its own; those of a list share their anchors. */
  read(node: Node): SourceDocument {
    this.#findings = [];
    this.#lines = new Map();
    this.#written = new Map();
    let value: unknown;
    try {
      value = this.#valueOf(node, []);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.#lines.set('', this.#lineOf(node));
      this.#find([], error.message);
      this.#unfolding = 0;
    }
    return { value, findings: this.#findings, lines: this.#lines, written: this.#written };
  }

  #valueOf(node: Node, path: Path): unknown {
    if (path.length + this.#unfolding > MAX_DEPTH) throw new TooLarge(`is nested more than ${MAX_DEPTH} deep`);
    if (--this.#file.valuesLeft < 0) throw new TooLarge('is too large, or its aliases unfold to too much: split it');
    const at = dotted(path);
    if (!this.#lines.has(at)) this.#lines.set(at, this.#lineOf(node));
    if (isAlias(node)) return this.#unfold(this.#anchored(node.source), path);
    this.#remember(node);
    if (isMap(node)) return this.#object(node, path);
    if (isSeq(node)) return (node.items as Node[]).map((item, index) => this.#valueOf(item, [...path, index]));
    const scalar = node as Scalar;
    const { source = '' } = scalar;
    if (typeof scalar.value === 'number' && String(scalar.value) !== source) this.#written.set(at, source);
    return scalar.value;
  }

  #remember(node: Node): void {
    const anchor = 'anchor' in node ? node.anchor : undefined;
    if (typeof anchor === 'string' && this.#unfolding === 0) this.#anchors.set(anchor, node);
  }

  #anchored(name: string): Node {
    const target = this.#anchors.get(name);
    if (target === undefined) throw new TooLarge(`has an alias *${name} without an anchor before it`);
    return target;
  }

  #unfold(node: Node, path: Path): unknown {
    this.#unfolding++;
    const value = this.#valueOf(node, path);
    this.#unfolding--;
    return value;
  }

  /** `path` is where it goes: what `<<` merges in lies there, too. */
  #object(map: YAMLMap, path: Path): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const merged: Record<string, unknown>[] = [];
    const seen = new Set<string>();
    for (const pair of map.items) {
      const key = this.#key(pair.key as Node, path);
      if (key === undefined) continue;
      if (seen.has(key)) this.#find([...path, key], 'is given twice: give it once', pair.key as Node);
      seen.add(key);
      const node = pair.value as Node | null;
      if (key === '<<' && node !== null) merged.push(...this.#merged(node, path));
      else if (node !== null) {
        const value = this.#valueOf(node, [...path, key]);
        // A key without a value says nothing.
        if (value !== null) object[key] = value;
      }
    }
    for (const [key, value] of merged.flatMap(Object.entries)) if (!Object.hasOwn(object, key)) object[key] = value;
    return object;
  }

  /** `<<: *defaults`, or a list of such: what the object does not have itself, the first of the list before the others. */
  #merged(node: Node, path: Path): Record<string, unknown>[] {
    const value = this.#valueOf(node, path);
    const objects = Array.isArray(value) ? value : [value];
    const isObject = (one: unknown) => typeof one === 'object' && one !== null && !Array.isArray(one);
    if (objects.every(isObject)) return objects;
    this.#find([...path, '<<'], 'give an alias of an object', node);
    return [];
  }

  #key(node: Node, path: Path): string | undefined {
    const { value, source } = (isAlias(node) ? this.#anchored(node.source) : node) as Scalar;
    if (!isAlias(node)) this.#remember(node);
    const key = typeof value === 'string' ? value : source;
    if (key !== undefined && value !== null && key !== '__proto__') return key;
    this.#find(path, `has a key that is no text: ${valueText(key ?? null)}`, node);
    return undefined;
  }

  #lineOf(node: Node): number {
    return this.#file.lineCounter.linePos(node.range?.[0] ?? 0).line;
  }

  #find(path: Path, message: string, node?: Node): void {
    if (node !== undefined) this.#lines.set(dotted(path), this.#lineOf(node));
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push({ path, message });
  }
}
