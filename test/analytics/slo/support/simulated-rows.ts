/** Rows of traces as simulated stitchers wrote them, in that order, put into a real store. */
import type { Store } from '../../../../store/index.js';
import type { Row } from '../../../stitcher/memory-store.js';
import { literal } from '../../support/rows.js';

export async function revisionTypes(store: Store): Promise<ReadonlyMap<string, string>> {
  const rows = await store.queryRows(
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'trace_revisions'",
  );
  return new Map(rows.map(([name, type]) => [String(name), String(type)]));
}

export async function insertSimulated(
  store: Store,
  types: ReadonlyMap<string, string>,
  rows: readonly Row[],
): Promise<void> {
  if (rows.length === 0) return;
  const names = Object.keys(rows[0]).filter(name => types.has(name));
  const values = rows.map(row => `(${names.map(name => expression(row[name], types.get(name)!)).join()})`);
  await store.command(`INSERT INTO trace_revisions (${names.join()}) VALUES ${values.join()}`);
}

function expression(value: unknown, type: string): string {
  if (type.startsWith('DateTime64(9')) return `fromUnixTimestamp64Nano(${value}, 'UTC')`;
  if (type.startsWith('DateTime64(3')) return `fromUnixTimestamp64Milli(${value}, 'UTC')`;
  if (type.startsWith('DateTime')) return `toDateTime(${value}, 'UTC')`;
  if (type === 'UInt128') return `toUInt128('${value}')`;
  return `CAST(${literal(value as Parameters<typeof literal>[0])} AS ${type})`;
}
