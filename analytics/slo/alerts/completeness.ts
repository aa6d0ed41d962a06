/** How many of the traces that an SLO may be about were incomplete, minute by minute. */
import type { SloDefinition } from '../../../schemas/index.js';
import type { Completeness } from '../../../store/index.js';

/**
 * Above this share of incomplete traces a minute is not judged: more of them lack spans than not, and those that are
 * missing are those that would say who failed.
 */
export const MAX_INCOMPLETE_SHARE = 0.5;

/** A trace without a root says neither service nor operation: it may be any SLO's. */
export function incompleteShares(
  rows: readonly Completeness[],
  { selection: { services, operations } }: Pick<SloDefinition, 'selection'>,
): ReadonlyMap<number, number> {
  const among = (values: readonly string[], value: string) =>
    values.length === 0 || value === '' || values.includes(value);
  const sums = new Map<number, { traces: number; incomplete: number }>();
  for (const { minute, service, operation, traces, incomplete } of rows) {
    if (!among(services, service) || !among(operations, operation)) continue;
    const sum = sums.get(minute) ?? { traces: 0, incomplete: 0 };
    sums.set(minute, { traces: sum.traces + traces, incomplete: sum.incomplete + incomplete });
  }
  return new Map([...sums].map(([minute, sum]) => [minute, sum.traces === 0 ? 0 : sum.incomplete / sum.traces]));
}
