/** Rows of `progress`: where stitchers and rollup jobs have got to. */
import type { Store } from '../types.js';

export interface ProgressRow {
  /** 'stitcher', 'rollup', … */
  readonly name: string;
  readonly instance: string;
  /** When the server took the row, its clock, epoch milliseconds. */
  readonly atMs: number;
  /** JSON; its shape is its writer's. */
  readonly state: string;
}

/** The newest row of every name and instance, and the server's clock. */
export async function readProgress(store: Store): Promise<{ rows: ProgressRow[]; serverNowMs: number }> {
  const rows = await store.queryRows(
    `SELECT name, instance, toUnixTimestamp64Milli(at), state, toUnixTimestamp64Milli(now64(3)) FROM progress FINAL
     UNION ALL SELECT '', '', 0, '', toUnixTimestamp64Milli(now64(3))`,
  );
  const progress = rows.map(row => ({
    name: String(row[0]),
    instance: String(row[1]),
    atMs: Number(row[2]),
    state: String(row[3]),
  }));
  return { rows: progress.filter(row => row.name !== ''), serverNowMs: Math.max(...rows.map(row => Number(row[4]))) };
}

export async function writeProgress(store: Store, name: string, instance: string, state: string): Promise<void> {
  await store.command(
    'INSERT INTO progress (name, instance, state) SELECT {name:String}, {instance:String}, {state:String}',
    { name, instance, state },
  );
}
