/**
 * The text of SLO documents (YAML or JSON, several after `---`, or in a list) → plain values, with where they stand and
 * what may be wrong about the text. It comes from strangers, so its size, its depth and what its aliases unfold to are
 * bounded, and keys are looked for in sets, since the library's own search for duplicates is quadratic.
 */
import { isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { Finding } from './problems.js';
import { MAX_DEPTH, NodeReader, type SourceDocument } from './source-nodes.js';

export const MAX_SOURCE_BYTES = 2 ** 20;

const MAX_DOCUMENTS = 1_000;
/** Of one file, with what aliases repeat. */
const MAX_VALUES = 100_000;
/** A file of a million errors needs no list of them. */
const MAX_FINDINGS = 20;

/** Never throws. */
export function readSource(text: string): SourceDocument[] {
  if (Buffer.byteLength(text) > MAX_SOURCE_BYTES) return [unreadable('is larger than 1 MiB: split it')];
  if (mayNestDeeper(text)) return [unreadable(TOO_DEEP)];
  if ((text.match(/^---/gm)?.length ?? 0) > MAX_DOCUMENTS) return [unreadable(TOO_MANY)];
  try {
    return readYaml(text);
  } catch (error) {
    // The parser is recursive: the stack is exhausted.
    if (error instanceof RangeError) return [unreadable(TOO_DEEP)];
    throw error;
  }
}

const TOO_MANY = `has more than ${MAX_DOCUMENTS} documents: split it`;
const TOO_DEEP = `is nested more than ${MAX_DEPTH} deep`;

/** Brackets in quotes count, too, so the limit is a wide one; far beyond it the parser would take seconds. */
const MAX_OPEN_BRACKETS = 1_000;
const DASHES_IN_A_ROW = new RegExp(`(?:[-?:][ \\t]+){${MAX_OPEN_BRACKETS}}`);

function mayNestDeeper(text: string): boolean {
  let open = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === '[' || char === '{') open++;
    else if ((char === ']' || char === '}') && open > 0) open--;
    if (open > MAX_OPEN_BRACKETS) return true;
  }
  return DASHES_IN_A_ROW.test(text);
}

function unreadable(message: string, line = 1): SourceDocument {
  return { value: undefined, findings: [{ path: [], message }], lines: new Map([['', line]]), written: new Map() };
}

function readYaml(text: string): SourceDocument[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    // Dates, sets and bytes are no part of a document; a tag that asks for them is refused.
    resolveKnownTags: false,
    uniqueKeys: false,
    lineCounter,
    prettyErrors: false,
    logLevel: 'silent',
  });
  if (!Array.isArray(documents)) return [];
  const file = { lineCounter, valuesLeft: MAX_VALUES };
  return documents.flatMap(document => {
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) return [faultyText(faults, lineCounter)];
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    const nodes = isSeq(contents) ? (contents.items as Node[]) : [contents as Node];
    if (nodes.length > MAX_DOCUMENTS) return [unreadable(TOO_MANY)];
    const reader = new NodeReader(file);
    return nodes.map(node => reader.read(node));
  });
}

interface Fault {
  readonly message: string;
  readonly pos: readonly [number, number];
}

function faultyText(faults: readonly Fault[], lineCounter: LineCounter): SourceDocument {
  const findings = faults.slice(0, MAX_FINDINGS).map(({ message, pos }): Finding => {
    const { line, col } = lineCounter.linePos(pos[0]);
    return { path: [], message: `is no YAML at line ${line}, column ${col}: ${message}` };
  });
  const { line } = lineCounter.linePos(faults[0].pos[0]);
  return { value: undefined, findings, lines: new Map([['', line]]), written: new Map() };
}
