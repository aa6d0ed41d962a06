/** The SLOs of a report, as they were defined when its window ended. */
import { nearestName } from '../../schemas/index.js';
import {
  type CountedSlo,
  countedSlos,
  currentSloDocuments,
  type Store,
  sloDocumentHistory,
} from '../../store/index.js';
import { ApiError } from '../errors.js';
import { inForce } from '../slo/in-force.js';
import { inOrder } from './in-order.js';

/** All that are counted, or those named, by name. Throws an ApiError for a name that is none of them. */
export async function slosOfReport(
  store: Store,
  tenant: string,
  names: readonly string[],
  atMs: number,
): Promise<CountedSlo[]> {
  const counted = (await countedSlos(store)).filter(slo => slo.tenant === tenant);
  const wanted = names.length === 0 ? counted : await named(store, tenant, counted, [...new Set(names)].sort());
  return inOrder(wanted, slo => asDefinedAt(store, slo, atMs));
}

async function named(store: Store, tenant: string, counted: readonly CountedSlo[], names: readonly string[]) {
  const missing = names.find(name => !counted.some(slo => slo.name === name));
  if (missing === undefined) return counted.filter(({ name }) => names.includes(name));
  const documents = await currentSloDocuments(store, tenant, 'SLO');
  if (documents.some(({ name }) => name === missing)) {
    throw new ApiError('API_PARAMETER_INVALID', `the SLO ${missing} is for another data source: it is not counted`);
  }
  const known = counted.map(({ name }) => name);
  const nearest = nearestName(missing, known);
  const there = known.length === 0 ? 'there is none yet' : `there are: ${known.slice(0, 20).join(', ')}`;
  const hint = nearest === undefined ? there : `did you mean ${nearest}?`;
  throw new ApiError('API_NOT_FOUND', `there is no SLO ${JSON.stringify(missing.slice(0, 100))}; ${hint}`);
}

async function asDefinedAt(store: Store, slo: CountedSlo, atMs: number): Promise<CountedSlo> {
  const { tenant, name } = slo;
  return inForce(await sloDocumentHistory(store, { tenant, kind: 'SLO', name }), atMs);
}
