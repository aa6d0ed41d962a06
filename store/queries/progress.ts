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

/**
 * When the server took a row, by its clock. The version `at` only grows, also when that clock is set back: else a row from
 * before would stand for the newest until the clock has caught up. So the true time is in the state.
 */
const STORED_MS = "if(JSONHas(state, 'stored_ms'), JSONExtractInt(state, 'stored_ms'), toUnixTimestamp64Milli(at))";

/** The newest row of every name and instance, and the server's clock. */
export async function readProgress(store: Store): Promise<{ rows: ProgressRow[]; serverNowMs: number }> {
  const rows = await store.queryRows(
    `SELECT name, instance, ${STORED_MS}, state, toUnixTimestamp64Milli(now64(3)) FROM progress FINAL
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

/** `state`: a JSON object with something in it. */
export async function writeProgress(store: Store, name: string, instance: string, state: string): Promise<void> {
  await store.command(
    `INSERT INTO progress (name, instance, state, at)
     SELECT {name:String}, {instance:String},
            concat(substring({state:String}, 1, length({state:String}) - 1), ',"stored_ms":', toString(toUnixTimestamp64Milli(now64(3))), '}'),
            greatest(now64(3), (SELECT max(at) FROM progress WHERE name = {name:String} AND instance = {instance:String})
                               + toIntervalMillisecond(1))`,
    { name, instance, state },
  );
}
