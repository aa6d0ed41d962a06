/** Text → SLO documents, or all that is wrong with them. */

import { nearestName } from '../suggestion.js';
import { ruleFindings } from './document-rules.js';
import { API_VERSION, KINDS, type SloDocument, type SloDocumentKind } from './documents.js';
import { findingsOf, valueAt } from './explain.js';
import { dotted, type Finding, SloDocumentError, type SloProblem, valueText } from './problems.js';
import type { SourceDocument } from './source-nodes.js';
import { readSource } from './source-text.js';
import { valueFindings } from './value-rules.js';

/** A document that is valid by itself, and where it came from. */
export interface SloSource {
  readonly file: string;
  /** Which document of the file, from 1. */
  readonly position: number;
  readonly document: SloDocument;
  /** From 1, by dotted path. */
  readonly lines: ReadonlyMap<string, number>;
}

export interface SloReading {
  readonly position: number;
  /** '' where it is not known. */
  readonly kind: string;
  readonly name: string;
  /** null where there are problems. */
  readonly source: SloSource | null;
  readonly problems: readonly SloProblem[];
}

/** Of one document: nobody reads more of them at once. */
const MAX_PROBLEMS = 100;
const more = (count: number): Finding => ({ path: [], message: `has ${count - MAX_PROBLEMS} more faults` });

/** Every document of a text, valid or not; never throws. `file` is what the problems call it. */
export function readSloDocuments(text: string, file: string): SloReading[] {
  return readSource(text).map((source, index) => readOne(source, file, index + 1));
}

/** Throws an `SloDocumentError` with all problems of all documents. */
export function parseSloDocuments(text: string, file: string): SloSource[] {
  const readings = readSloDocuments(text, file);
  const problems = readings.flatMap(reading => reading.problems);
  if (problems.length > 0) throw new SloDocumentError(problems);
  return readings.flatMap(({ source }) => (source === null ? [] : [source]));
}

/** Where a finding is: the line of its path, or of the nearest one above that is in the text. */
export function locate(finding: Finding, source: Omit<SloSource, 'document'>): SloProblem {
  const { path, message, value } = finding;
  let line: number | undefined;
  for (let length = path.length; length >= 0 && line === undefined; length--) {
    line = source.lines.get(dotted(path.slice(0, length)));
  }
  const { file, position } = source;
  return { file, document: position, line: line ?? null, path: dotted(path), value: valueText(value), message };
}

function readOne(text: SourceDocument, file: string, position: number): SloReading {
  const { value, lines } = text;
  const named = (path: readonly string[]) => {
    const found = valueAt(value, path);
    return typeof found === 'string' ? found : '';
  };
  const findings = value === undefined ? text.findings : [...text.findings, ...documentFindings(text)];
  const reading = { position, kind: named(['kind']), name: named(['metadata', 'name']) };
  if (findings.length > 0) {
    const told =
      findings.length > MAX_PROBLEMS ? [...findings.slice(0, MAX_PROBLEMS), more(findings.length)] : findings;
    return { ...reading, source: null, problems: told.map(found => locate(found, { file, position, lines })) };
  }
  return { ...reading, source: { file, position, lines, document: value as SloDocument }, problems: [] };
}

function documentFindings({ value, written }: SourceDocument): Finding[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: [], value, message: `give a document with apiVersion: ${API_VERSION}, kind, metadata and spec` }];
  }
  const { apiVersion, kind } = value as Record<string, unknown>;
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind)) return [unknownKind(kind), ...wrongVersion(apiVersion)];
  const known = kind as SloDocumentKind;
  return [
    ...findingsOf(KINDS[known], value, []),
    ...ruleFindings(known, value),
    ...valueFindings(known, value, written),
  ];
}

function unknownKind(kind: unknown): Finding {
  const names = Object.keys(KINDS);
  const nearest = typeof kind === 'string' ? nearestName(kind, names) : undefined;
  const valid = nearest === undefined ? `give one of ${names.join(', ')}` : `did you mean ${nearest}?`;
  return { path: ['kind'], value: kind, message: kind === undefined ? `is missing: ${valid}` : valid };
}

function wrongVersion(version: unknown): Finding[] {
  if (version === API_VERSION) return [];
  const message = `give ${API_VERSION}`;
  return [
    { path: ['apiVersion'], value: version, message: version === undefined ? `is missing: ${message}` : message },
  ];
}
