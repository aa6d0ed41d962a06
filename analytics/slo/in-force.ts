/** The definition of an SLO that was in force at an instant (docs/slo.md). */
import { type CountedSlo, type SloDocumentVersion, sloDocumentHistory } from '../../store/index.js';
import { ApiError } from '../errors.js';
import type { Parts } from '../settings.js';
import { noSuchSlo } from './documents.js';

/** Throws an ApiError where there is no such SLO now, or it is not counted. */
export async function sloInForce(
  { store, tenant }: Pick<Parts, 'store' | 'tenant'>,
  name: string,
  atMs: number,
): Promise<CountedSlo> {
  const history = await sloDocumentHistory(store, { tenant, kind: 'SLO', name });
  const current = history.at(-1);
  if (current === undefined || current.isDeleted) throw noSuchSlo(name);
  if (current.definition === null) {
    throw new ApiError('API_NOT_FOUND', `${name} is kept as a document only, not counted: GET /api/v1/slos says why`);
  }
  return inForce(history, atMs);
}

/** The last version with a definition that was there then, else the first one there was. */
export function inForce(history: readonly SloDocumentVersion[], atMs: number): CountedSlo {
  const defined = history.filter(({ definition }) => definition !== null);
  const version = defined.findLast(each => each.version <= atMs) ?? defined[0];
  const { tenant, name, countingHash, definition } = version;
  if (definition === null) throw new Error('a history without a definition');
  return { tenant, name, definition: countingHash, spec: definition, countedSince: countedSince(history, version) };
}

/** The first of the versions without a break that are counted alike: those after count, too. */
function countedSince(history: readonly SloDocumentVersion[], version: SloDocumentVersion): number {
  const isAlike = (each: SloDocumentVersion) => !each.isDeleted && each.countingHash === version.countingHash;
  let first = history.indexOf(version);
  while (first > 0 && isAlike(history[first - 1])) first--;
  return history[first].version;
}
