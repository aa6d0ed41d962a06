/** Cells of `slo_rollup` as tests write them, and what they add up to by stretches, as one would on paper. */
import type { Store } from '../../../../store/index.js';

export const CELLS = { tenant: 'default', slo: 'fast', definition: 'd' };

export type Cell = readonly [minute: number, group: string, seen: number, good: number, bad: number, unknown: number];

export type CellsToInsert = [cells: readonly Cell[], of?: Partial<typeof CELLS> & { objective?: number }];

/** Without events: deleted. */
export async function insertSloCells(store: Store, ...[cells, of = {}]: CellsToInsert): Promise<void> {
  const { tenant, slo, definition, objective = 0 } = { ...CELLS, ...of };
  const rows = cells.map(([minute, group, seen, good, bad, unknown]) => {
    const total = good + bad + unknown;
    return `('${tenant}', '${slo}', '${definition}', ${objective}, toDateTime(${minute * 60}), '${group}', ${seen}, ${total === 0}, ${total}, ${good}, ${bad}, ${unknown}, now())`;
  });
  await store.command(
    `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, received) VALUES ${rows.join(', ')}`,
  );
}

export function stretchesOnPaper(
  cells: readonly Cell[],
  span: { fromMinute: number; toMinute: number },
  edges: readonly number[],
  step: number | null,
) {
  const sums = new Map<string, number[]>();
  for (const [minute, group, , ...counts] of cells) {
    if (minute < span.fromMinute || minute >= span.toMinute) continue;
    const below = [0, ...edges, step === null ? 0 : Math.floor(minute / step) * step].filter(edge => edge <= minute);
    const key = `${group} ${Math.max(...below)}`;
    sums.set(
      key,
      counts.map((count, index) => count + (sums.get(key)?.[index] ?? 0)),
    );
  }
  return [...sums]
    .filter(([, counts]) => counts.some(count => count > 0))
    .map(([key, counts]) => [key.split(' ')[0], Number(key.split(' ')[1]), ...counts] as [string, number, ...number[]])
    .sort((a, b) => (a[0] < b[0] ? -1 : Number(a[0] > b[0])) || a[1] - b[1]);
}
