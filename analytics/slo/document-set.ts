/**
 * All SLO documents of a tenant as one set, in which references are followed: what is stored, and what is to be. Pure.
 * A document is kept as JSON, whatever it was written in.
 */
import {
  countingHash,
  definitionHash,
  readSloDocuments,
  resolveSloDocuments,
  type SloDocument,
  type SloResolution,
  type SloSource,
} from '../../schemas/index.js';
import type { SloDocumentContent, SloDocumentKey, SloDocumentSource, SloDocumentVersion } from '../../store/index.js';

export interface SetEntry {
  readonly kind: string;
  readonly name: string;
  readonly source: SloSource;
  /** The text to be stored. */
  readonly document: string;
  readonly origin: SloDocumentSource;
}

export const nameOf = ({ kind, name }: Pick<SloDocumentKey, 'kind' | 'name'>) => `${kind}/${name}`;

/** In the order of the sources; of several with one name the first. */
export function entriesOf(sources: readonly SloSource[], origin: SloDocumentSource): Map<string, SetEntry> {
  const entries = new Map<string, SetEntry>();
  for (const source of sources) {
    const { kind, metadata } = source.document;
    const entry = { kind, name: metadata.name, source, document: JSON.stringify(source.document), origin };
    if (!entries.has(nameOf(entry))) entries.set(nameOf(entry), entry);
  }
  return entries;
}

/** What is stored; documents that this program cannot read (a later one wrote them) are left out. */
export function storedEntries(versions: readonly SloDocumentVersion[]): Map<string, SetEntry> {
  const entries = new Map<string, SetEntry>();
  for (const { kind, name, document, source: origin } of versions) {
    const [reading] = readSloDocuments(document, `${kind} ${name} as it is stored`);
    if (reading?.source === null || reading === undefined) continue;
    entries.set(nameOf({ kind, name }), { kind, name, source: reading.source, document, origin });
  }
  return entries;
}

/** By name of the SLO. */
export function resolveAll(entries: ReadonlyMap<string, SetEntry>): Map<string, SloResolution> {
  const { slos } = resolveSloDocuments([...entries.values()].map(({ source }) => source));
  return new Map(slos.map(slo => [slo.name, slo]));
}

export function contentOf({ kind, name, document, origin }: SetEntry, slos: ReadonlyMap<string, SloResolution>) {
  const definition = kind === 'SLO' ? (slos.get(name)?.definition ?? null) : null;
  return {
    document,
    definition,
    definitionHash: definition === null ? '' : definitionHash(definition),
    countingHash: definition === null ? '' : countingHash(definition),
    source: origin,
  } satisfies SloDocumentContent;
}

/** Whether storing the content would change anything. */
export function isStored(content: SloDocumentContent, current: SloDocumentVersion | undefined): boolean {
  return (
    current !== undefined &&
    current.document === content.document &&
    current.definitionHash === content.definitionHash &&
    current.countingHash === content.countingHash &&
    current.source === content.source
  );
}

const HIDDEN = '***';
/** Of these every path may be a secret: a webhook's is its password. */
const URL_KEYS: ReadonlySet<string> = new Set(['target', 'throughline.dev/url']);

/** The document without what only its reader may know: paths of webhooks, passwords in URLs, how to reach data sources. */
export function redacted(document: SloDocument): Record<string, unknown> {
  return hide('', document) as Record<string, unknown>;
}

export function isRedacted(document: SloDocument): boolean {
  return JSON.stringify(document).includes(`/${HIDDEN}"`);
}

function hide(key: string, value: unknown): unknown {
  if (key === 'connectionDetails') return HIDDEN;
  if (Array.isArray(value)) return value.map(each => hide('', each));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hide(name, inner)]));
  }
  return typeof value === 'string' && /^https?:\/\//i.test(value) ? hiddenUrl(key, value) : value;
}

function hiddenUrl(key: string, text: string): string {
  if (!URL.canParse(text)) return HIDDEN;
  const { origin, pathname, search, hash, username, password } = new URL(text);
  const isSecret = URL_KEYS.has(key) ? pathname !== '/' || search + hash !== '' : search !== '';
  return isSecret || username + password !== '' ? `${origin}/${HIDDEN}` : text;
}
