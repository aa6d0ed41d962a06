/** Nodes of a YAML document → plain values: aliases unfolded within bounds, null as if it were not there. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { isExact } from './decimals.js';
import { dotted, type Finding, type Path, valueText } from './problems.js';

export const MAX_DEPTH = 64;
const MAX_FINDINGS = 100;

export interface SourceDocument {
  /** undefined where the text could not be read. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** From 1, by dotted path. */
  readonly lines: ReadonlyMap<string, number>;
  /** Numbers of more digits than a double keeps, as written, by dotted path. */
  readonly inexact: ReadonlyMap<string, string>;
}

/** Ends the reading of a document. */
class TooLarge extends Error {}

export class NodeReader {
  readonly #findings: Finding[] = [];
  readonly #lines = new Map<string, number>();
  readonly #inexact = new Map<string, string>();
  readonly #document: Document.Parsed;
  readonly #lineCounter: LineCounter;
  /** Values that may still be made, of the whole file. */
  readonly #budget: { values: number };

  constructor(document: Document.Parsed, lineCounter: LineCounter, budget: { values: number }) {
    this.#document = document;
    this.#lineCounter = lineCounter;
    this.#budget = budget;
  }

  read(node: Node): SourceDocument {
    let value: unknown;
    try {
      value = this.#valueOf(node, []);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.#lines.set('', this.#lineOf(node));
      this.#find([], error.message);
    }
    return { value, findings: this.#findings, lines: this.#lines, inexact: this.#inexact };
  }

  #valueOf(node: Node, path: Path): unknown {
    if (path.length > MAX_DEPTH) throw new TooLarge(`is nested more than ${MAX_DEPTH} deep`);
    if (--this.#budget.values < 0) throw new TooLarge('is too large, or its aliases unfold to too much: split it');
    const at = dotted(path);
    if (!this.#lines.has(at)) this.#lines.set(at, this.#lineOf(node));
    if (isAlias(node)) return this.#valueOf(this.#resolved(node), path);
    if (isMap(node)) return this.#object(node, path);
    if (isSeq(node)) return (node.items as Node[]).map((item, index) => this.#valueOf(item, [...path, index]));
    const scalar = node as Scalar;
    if (typeof scalar.value === 'number' && !isExact(scalar.value, scalar.source ?? '')) {
      this.#inexact.set(at, scalar.source ?? '');
    }
    return scalar.value;
  }

  /** The library has seen to it that there is such an anchor. */
  #resolved(node: Node): Node {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (target === undefined) throw new TooLarge('has an alias without its anchor');
    return target;
  }

  /** `path` is where it goes: what `<<` merges in lies there, too. */
  #object(map: YAMLMap, path: Path): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const pair of map.items) {
      const key = this.#key(pair.key as Node, path);
      if (key === undefined) continue;
      if (seen.has(key)) this.#find([...path, key], 'is given twice: give it once', pair.key as Node);
      seen.add(key);
      const node = pair.value as Node | null;
      if (key === '<<' && node !== null) continue;
      const value = node === null ? null : this.#valueOf(node, [...path, key]);
      // A key without a value says nothing.
      if (value !== null) object[key] = value;
    }
    for (const pair of map.items) this.#merge(object, pair.key as Node, pair.value as Node | null, path);
    return object;
  }

  /** `<<: *defaults`: what the object does not have itself. */
  #merge(object: Record<string, unknown>, key: Node, node: Node | null, path: Path): void {
    if (!isScalar(key) || key.value !== '<<' || node === null) return;
    const resolved = this.#resolved(node);
    const sources = isSeq(resolved) ? (resolved.items as Node[]) : [node];
    for (const source of sources) {
      const merged = this.#valueOf(source, path);
      if (typeof merged !== 'object' || merged === null || Array.isArray(merged)) {
        this.#find([...path, '<<'], 'give an alias of an object', node);
        continue;
      }
      for (const [name, value] of Object.entries(merged)) if (!Object.hasOwn(object, name)) object[name] = value;
    }
  }

  #key(node: Node, path: Path): string | undefined {
    const { value, source } = this.#resolved(node) as Scalar;
    const key = typeof value === 'string' ? value : source;
    if (key !== undefined && value !== null && key !== '__proto__') return key;
    this.#find(path, `has a key that is no text: ${valueText(key ?? null)}`, node);
    return undefined;
  }

  #lineOf(node: Node): number {
    return this.#lineCounter.linePos(node.range?.[0] ?? 0).line;
  }

  #find(path: Path, message: string, node?: Node): void {
    if (node !== undefined) this.#lines.set(dotted(path), this.#lineOf(node));
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push({ path, message });
  }
}
