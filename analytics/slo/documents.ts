/** SLO documents as people put them: checked against all there are, stored, listed, deleted. */
import {
  readSloDocuments,
  type SloResolution,
  type SloSource,
  type SloSummary,
  type SloWindow,
  shorthandText,
  sloFindingText,
  sloProblemText,
} from '../../schemas/index.js';
import { currentSloDocuments, deleteSloDocument, putSloDocument, type SloDocumentVersion } from '../../store/index.js';
import { ApiError } from '../errors.js';
import type { Parts } from '../settings.js';
import {
  contentOf,
  entriesOf,
  isRedacted,
  isStored,
  nameOf,
  redacted,
  resolveAll,
  type SetEntry,
  storedEntries,
} from './document-set.js';

type DocumentParts = Pick<Parts, 'store' | 'tenant' | 'slo'>;

export interface Standing {
  readonly versions: ReadonlyMap<string, SloDocumentVersion>;
  readonly entries: ReadonlyMap<string, SetEntry>;
}

export class SloDocuments {
  readonly #parts: DocumentParts;
  /** Changes one after the other: each is checked against what the one before left. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(parts: DocumentParts) {
    this.#parts = parts;
  }

  async list(): Promise<SloSummary[]> {
    const { versions, entries } = await this.read();
    const slos = resolveAll(entries);
    return [...versions.values()]
      .filter(({ kind }) => kind === 'SLO')
      .map(each => summaryOf(each, slos.get(each.name)));
  }

  /** The document, without secrets. */
  async get(name: string): Promise<Record<string, unknown>> {
    const { entries } = await this.read('SLO');
    const entry = entries.get(nameOf({ kind: 'SLO', name }));
    if (entry === undefined) throw noSuchSlo(name);
    return redacted(entry.source.document);
  }

  /** An SLO with whatever it refers to that is to be stored with it. */
  put(name: string, text: string): Promise<{ readonly summary: SloSummary; readonly warnings: readonly string[] }> {
    return this.change(async () => {
      const given = entriesOf(parsed(text, name), 'api');
      const before = await this.read();
      const wanted = new Map([...before.entries, ...this.#newOnes(given, before)]);
      const slos = resolveAll(wanted);
      refuseInvalid(name, slos, before.entries);
      await this.store(wanted, before);
      const [version] = (await currentSloDocuments(this.#parts.store, this.#parts.tenant, 'SLO')).filter(
        each => each.name === name,
      );
      const resolution = slos.get(name);
      return {
        summary: summaryOf(version, resolution),
        warnings: (resolution?.warnings ?? []).map(sloFindingText),
      };
    });
  }

  /** Of the SLO alone: others may use what came with it. */
  delete(name: string): Promise<void> {
    return this.change(async () => {
      const { store, tenant } = this.#parts;
      const { versions } = await this.read('SLO');
      const version = versions.get(nameOf({ kind: 'SLO', name }));
      if (version === undefined) throw noSuchSlo(name);
      if (this.#isHeld(version.source)) throw new ApiError('API_REQUEST_INVALID', heldMessage('SLO', name));
      await deleteSloDocument(store, { tenant, kind: 'SLO', name }, 'api');
    });
  }

  /** What is stored. Of one kind: references cannot be followed then. */
  async read(kind?: string): Promise<Standing> {
    const versions = await currentSloDocuments(this.#parts.store, this.#parts.tenant, kind);
    return { versions: new Map(versions.map(each => [nameOf(each), each])), entries: storedEntries(versions) };
  }

  /**
   * Stores what differs from what there is: also SLOs whose meaning changes because of what they refer to. One that has
   * become invalid stays what it was, and goes on being counted so.
   */
  async store(wanted: ReadonlyMap<string, SetEntry>, before: Standing): Promise<number> {
    const { store, tenant } = this.#parts;
    const slos = resolveAll(wanted);
    // SLOs last: what they refer to is there when they are.
    const inOrder = [...wanted.values()].sort((a, b) => Number(a.kind === 'SLO') - Number(b.kind === 'SLO'));
    let stored = 0;
    for (const entry of inOrder) {
      if (entry.kind === 'SLO' && slos.get(entry.name)?.outcome === 'invalid') continue;
      const content = contentOf(entry, slos);
      if (isStored(content, before.versions.get(nameOf(entry)))) continue;
      await putSloDocument(store, { tenant, kind: entry.kind, name: entry.name }, content);
      stored++;
    }
    return stored;
  }

  change<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#changes.then(work);
    this.#changes = done.catch(() => undefined);
    return done;
  }

  /** Those that the folder holds may come along, if they say what it says. */
  #newOnes(given: ReadonlyMap<string, SetEntry>, { entries }: Standing): Map<string, SetEntry> {
    const fresh = new Map<string, SetEntry>();
    const held: string[] = [];
    for (const [key, entry] of given) {
      const known = entries.get(key);
      if (known === undefined || !this.#isHeld(known.origin)) fresh.set(key, entry);
      else if (known.document !== entry.document || entry.kind === 'SLO')
        held.push(heldMessage(entry.kind, entry.name));
    }
    if (held.length > 0) throw new ApiError('API_BODY_INVALID', held.join('\n'));
    return fresh;
  }

  #isHeld(origin: SetEntry['origin']): boolean {
    return origin === 'folder' && this.#parts.slo.directory !== undefined;
  }
}

export function noSuchSlo(name: string): ApiError {
  return new ApiError('API_NOT_FOUND', `there is no SLO ${name}; GET /api/v1/slos lists them`);
}

function heldMessage(kind: string, name: string): string {
  return `${kind} ${name} is in the folder of slo.directory: change its file there`;
}

/** Throws an ApiError with everything that is wrong with the text by itself. */
function parsed(text: string, name: string): SloSource[] {
  const readings = readSloDocuments(text, 'the body');
  const problems = readings.flatMap(reading => reading.problems.map(sloProblemText));
  if (readings.length === 0) problems.push('the body is empty: give an SLO in YAML or JSON');
  const sources = readings.flatMap(({ source }) => source ?? []);
  const names = sources.filter(({ document }) => document.kind === 'SLO').map(({ document }) => document.metadata.name);
  if (problems.length === 0 && (names.length !== 1 || names[0] !== name)) {
    const there = names.length === 0 ? 'none' : names.join(', ');
    problems.push(`give one SLO with metadata.name: ${name}, as in the path, and what it refers to; there is ${there}`);
  }
  const twice = duplicates(sources);
  if (twice.length > 0) problems.push(`these are given twice: ${twice.join(', ')}`);
  if (sources.some(({ document }) => isRedacted(document))) {
    problems.push('an URL is hidden (***), as answers show it: give the URL itself');
  }
  if (problems.length > 0) throw new ApiError('API_BODY_INVALID', problems.join('\n'));
  return sources;
}

function duplicates(sources: readonly SloSource[]): string[] {
  const names = sources.map(({ document }) => `${document.kind} ${document.metadata.name}`);
  return [...new Set(names.filter((name, index) => names.indexOf(name) < index))];
}

/** The SLO that was given, and those that would be broken by what came with it. */
function refuseInvalid(name: string, slos: ReadonlyMap<string, SloResolution>, before: Standing['entries']): void {
  const was = resolveAll(before);
  const problems = [...slos.values()].flatMap(({ name: each, outcome, reasons }) => {
    if (outcome !== 'invalid') return [];
    if (each === name) return reasons.map(sloProblemText);
    if (was.get(each)?.outcome === 'invalid') return [];
    return reasons.map(reason => `SLO ${each} would be invalid: ${sloFindingText(reason)}`);
  });
  if (problems.length > 0) throw new ApiError('API_BODY_INVALID', problems.join('\n'));
}

function summaryOf(version: SloDocumentVersion, resolution: SloResolution | undefined): SloSummary {
  const { name, definition, source } = version;
  const metadata = resolution?.source.document.metadata;
  const spec = resolution?.source.document.spec as { readonly service?: string } | undefined;
  const reasons = (resolution?.reasons ?? []).map(sloFindingText);
  return {
    name,
    display_name: definition?.displayName ?? metadata?.displayName ?? name,
    service: definition?.service ?? spec?.service ?? '',
    objective_ppm: definition?.objectives[0].targetPpm ?? null,
    window: definition === null ? '' : windowText(definition.window),
    source,
    version: version.version,
    counted: definition !== null,
    reason: definition !== null ? '' : reasons.join('; ') || 'this version of Throughline cannot read it',
  };
}

/** `30d rolling`, `1 month from 2026-01-01T00:00:00 America/New_York`. */
function windowText(window: SloWindow): string {
  if (window.kind === 'rolling') return `${shorthandText(window.minutes)} rolling`;
  const { count, unit, start, timeZone } = window;
  return `${count} ${unit}${count === 1 ? '' : 's'} from ${start} ${timeZone}`;
}
