/** What is wrong with SLO documents, and how it is told. */

export type Path = readonly (string | number)[];

/** Something wrong, or worth a warning, at a place within one document. */
export interface Finding {
  readonly path: Path;
  /** What is there; undefined where it is missing or must not be shown. */
  readonly value?: unknown;
  /** What is wrong about it and what would be valid. */
  readonly message: string;
}

/** A finding with the file it is in. Plain data. */
export interface SloProblem {
  /** As the caller names it. */
  readonly file: string;
  /** Which document of the file, from 1. */
  readonly document: number;
  /** From 1; null where it is not known. */
  readonly line: number | null;
  /** `spec.objectives.0.target`; '' for the document as a whole. */
  readonly path: string;
  /** As JSON, cut where it is long; '' where there is nothing to show. */
  readonly value: string;
  readonly message: string;
}

/** Documents that cannot be used: all that is wrong with them at once. */
export class SloDocumentError extends Error {
  override readonly name = 'SloDocumentError';
  readonly code = 'SLO_DOCUMENT_INVALID';
  readonly retryable = false;
  readonly problems: readonly SloProblem[];

  constructor(problems: readonly SloProblem[]) {
    super(problems.map(problemText).join('\n'));
    this.problems = problems;
  }
}

const MAX_VALUE_LENGTH = 80;

export const dotted = (path: Path): string => path.join('.');

export function valueText(value: unknown): string {
  if (value === undefined) return '';
  const text = JSON.stringify(value) ?? '';
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH - 1)}…`;
}

/** `slo.yaml, document 2, line 7: spec.objectives.0.target is 0: give …` */
export function problemText({ file, document, line, path, value, message }: SloProblem): string {
  const place = [file, `document ${document}`, line === null ? '' : `line ${line}`].filter(part => part !== '');
  return `${place.join(', ')}: ${findingText({ path, value, message })}`;
}

/** The same without its file. */
export function findingText({ path, value, message }: Pick<SloProblem, 'path' | 'value' | 'message'>): string {
  const subject = value === '' ? path : `${path === '' ? 'the document' : path} is ${value}`;
  return subject === '' ? message : `${subject}: ${message}`;
}
