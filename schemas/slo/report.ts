/** What is found while documents are resolved against each other, and the documents themselves by kind and name. */

import { nearestName } from '../suggestion.js';
import type { SloDocumentKind, SloDocumentOf } from './documents.js';
import type { Path, SloProblem } from './problems.js';
import { locate, type SloSource } from './read.js';

/** A part of a document. */
export interface Place {
  readonly source: SloSource;
  readonly path: Path;
}

export interface Located<Value> {
  readonly value: Value;
  readonly place: Place;
}

export const inside = (place: Place, ...keys: Path): Place => ({ ...place, path: [...place.path, ...keys] });

/** `unsupported`: good OpenSLO that asks for what this program does not do. */
export type Severity = 'problem' | 'unsupported' | 'warning';

export class Report {
  readonly problems: SloProblem[] = [];
  readonly unsupported: SloProblem[] = [];
  readonly warnings: SloProblem[] = [];

  add(severity: Severity, { source, path }: Place, message: string, value?: unknown): void {
    const lists = { problem: this.problems, unsupported: this.unsupported, warning: this.warnings };
    lists[severity].push(locate({ path, message, value }, source));
  }
}

export class DocumentIndex {
  readonly #byName = new Map<string, SloSource>();
  /** Documents whose name another of their kind had before. */
  readonly duplicates: SloSource[] = [];

  constructor(sources: readonly SloSource[]) {
    for (const source of sources) {
      const { kind, metadata } = source.document;
      const key = `${kind}/${metadata.name}`;
      if (this.#byName.has(key)) this.duplicates.push(source);
      else this.#byName.set(key, source);
    }
  }

  find<Kind extends SloDocumentKind>(kind: Kind, name: string): Located<SloDocumentOf<Kind>> | undefined {
    const source = this.#byName.get(`${kind}/${name}`);
    if (source === undefined) return undefined;
    return { value: source.document as SloDocumentOf<Kind>, place: { source, path: [] } };
  }

  /** As `find`; where there is none it is said what was probably meant. */
  follow<Kind extends SloDocumentKind>(
    kind: Kind,
    name: string,
    from: Place,
    report: Report,
  ): Located<SloDocumentOf<Kind>> | undefined {
    const found = this.find(kind, name);
    if (found === undefined) report.add('problem', from, `names no ${kind}; ${this.#known(kind, name)}`, name);
    return found;
  }

  #known(kind: SloDocumentKind, name: string): string {
    const names = [...this.#byName.values()].flatMap(({ document }) =>
      document.kind === kind ? [document.metadata.name] : [],
    );
    if (names.length === 0) return `there is no document of this kind: give one, or write it in line`;
    const nearest = nearestName(name, names);
    return nearest === undefined ? `there are ${names.slice(0, 10).join(', ')}` : `did you mean ${nearest}?`;
  }
}
