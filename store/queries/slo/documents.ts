/** SLO documents, their history, and the definitions that are in force. */
import type { SloDefinition } from '../../../schemas/index.js';
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import { LOOKUP } from '../lookup.js';

export type SloDocumentSource = 'api' | 'folder';

export interface SloDocumentKey {
  readonly tenant: string;
  /** OpenSLO's: SLO, SLI, Service, … */
  readonly kind: string;
  readonly name: string;
}

/** What a document says. Of an SLO that is counted it has a definition; of all else null and empty hashes. */
export interface SloDocumentContent {
  readonly document: string;
  readonly definition: SloDefinition | null;
  readonly definitionHash: string;
  readonly countingHash: string;
  readonly source: SloDocumentSource;
}

export interface SloDocumentVersion extends SloDocumentKey, SloDocumentContent {
  /** Epoch milliseconds of the change; those of one name ascend. It is in force until the next one. */
  readonly version: number;
  readonly isDeleted: boolean;
}

/** An SLO that is to be counted. */
export interface CountedSlo {
  readonly tenant: string;
  readonly name: string;
  /** Its counting hash: the `definition` of its cells. */
  readonly definition: string;
  readonly spec: SloDefinition;
  /** The version since which it has been there without a break and been counted in this way. */
  readonly countedSince: number;
}

const COLUMNS = 'tenant, kind, name, version, document, definition, definition_hash, counting_hash, source, is_deleted';

/** Those of a tenant that are not deleted, by kind and name. */
export async function currentSloDocuments(store: Store, tenant: string, kind?: string): Promise<SloDocumentVersion[]> {
  const versions = await read(
    store,
    `tenant = {tenant:String} AND ({kind:String} = '' OR kind = {kind:String})`,
    'ORDER BY version DESC LIMIT 1 BY tenant, kind, name',
    { tenant, kind: kind ?? '' },
  );
  const current = versions.filter(({ isDeleted }) => !isDeleted);
  return current.sort((a, b) => compare(a.kind, b.kind) || compare(a.name, b.name));
}

/** Every version of one document, deletions included, the oldest first. */
export async function sloDocumentHistory(store: Store, key: SloDocumentKey): Promise<SloDocumentVersion[]> {
  return read(store, WHERE_KEY, 'ORDER BY version', { ...key });
}

/**
 * Makes it the current version, unless it says what the current one says. Returns the version that is in force then.
 * Of two writers within a millisecond the later one counts.
 */
export async function putSloDocument(store: Store, key: SloDocumentKey, content: SloDocumentContent): Promise<number> {
  const { current, nextVersion } = await standing(store, key);
  if (current !== undefined && !current.isDeleted && isSame(current, content)) return current.version;
  await append(store, { ...key, ...content, version: nextVersion, isDeleted: false });
  return nextVersion;
}

/** Returns its last version, or undefined if there is no such document. What was counted for it stays for its time. */
export async function deleteSloDocument(
  store: Store,
  key: SloDocumentKey,
  source: SloDocumentSource,
): Promise<number | undefined> {
  const { current, nextVersion } = await standing(store, key);
  if (current === undefined || current.isDeleted) return undefined;
  const nothing = { document: '', definition: null, definitionHash: '', countingHash: '' };
  await append(store, { ...key, ...nothing, source, version: nextVersion, isDeleted: true });
  return nextVersion;
}

/** The SLOs of all tenants. Those whose definition this program cannot read are left out. */
export async function countedSlos(store: Store): Promise<CountedSlo[]> {
  const rows = await store.queryRows(
    `SELECT tenant, name, newest.2, newest.3, arrayMin(arrayFilter(at -> at > broken, versions)) FROM (
       SELECT tenant, name, max((version, counting_hash, definition, is_deleted)) AS newest,
              groupArray((version, counting_hash, is_deleted)) AS all,
              arrayMap(each -> each.1, all) AS versions,
              arrayMax(arrayPushBack(arrayMap(each -> if(each.2 != newest.2 OR each.3 = 1, each.1, 0), all), 0)) AS broken
       FROM slo_documents FINAL WHERE kind = 'SLO' GROUP BY tenant, name)
     WHERE newest.4 = 0 AND newest.3 != '' ORDER BY tenant, name`,
  );
  return rows.flatMap(row => {
    const spec = definitionOf(String(row[3]));
    if (spec === null) return [];
    return {
      tenant: String(row[0]),
      name: String(row[1]),
      definition: String(row[2]),
      spec,
      countedSince: Number(row[4]),
    };
  });
}

const WHERE_KEY = 'tenant = {tenant:String} AND kind = {kind:String} AND name = {name:String}';

async function read(
  store: Store,
  where: string,
  order: string,
  parameters: Readonly<Record<string, string>>,
): Promise<SloDocumentVersion[]> {
  const rows = await store.queryRows(
    `SELECT ${COLUMNS} FROM slo_documents FINAL WHERE ${where} ${order}`,
    parameters,
    LOOKUP,
  );
  return rows.map(row => ({
    tenant: String(row[0]),
    kind: String(row[1]),
    name: String(row[2]),
    version: Number(row[3]),
    document: String(row[4]),
    definition: definitionOf(String(row[5])),
    definitionHash: String(row[6]),
    countingHash: String(row[7]),
    source: row[8] === 'folder' ? 'folder' : 'api',
    isDeleted: Number(row[9]) === 1,
  }));
}

/** Written by us, but perhaps by a later version of us. */
function definitionOf(text: string): SloDefinition | null {
  if (text === '') return null;
  try {
    return JSON.parse(text) as SloDefinition;
  } catch {
    return null;
  }
}

/** By the store's clock, since several programs may write. */
async function standing(store: Store, key: SloDocumentKey) {
  const [[now]] = await store.queryRows('SELECT toUnixTimestamp64Milli(now64(3))');
  const current = (await sloDocumentHistory(store, key)).at(-1);
  return { current, nextVersion: Math.max(Number(now), (current?.version ?? 0) + 1) };
}

function isSame(current: SloDocumentVersion, content: SloDocumentContent): boolean {
  return (
    current.document === content.document &&
    current.definitionHash === content.definitionHash &&
    current.countingHash === content.countingHash &&
    current.source === content.source
  );
}

async function append(store: Store, version: SloDocumentVersion): Promise<void> {
  const { definition } = version;
  const texts = [
    version.document,
    definition === null ? '' : JSON.stringify(definition),
    version.definitionHash,
    version.countingHash,
    version.source,
  ];
  const key = [version.tenant, version.kind, version.name].map(literal).join(', ');
  const values = `${key}, ${version.version}, ${texts.map(literal).join(', ')}, ${Number(version.isDeleted)}`;
  // As values in the text: documents are longer than a parameter may be.
  await store.command(`INSERT INTO slo_documents (${COLUMNS}) VALUES (${values})`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
