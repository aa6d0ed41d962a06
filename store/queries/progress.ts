/** Rows of `progress`: where stitchers and rollup jobs have got to. */
import type { Store } from '../types.js';
import { LOOKUP } from './lookup.js';

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
  const [[rows, now]] = await store.queryRows(
    `SELECT groupArray((name, instance, toUnixTimestamp64Milli(at), state)), toUnixTimestamp64Milli(now64(3))
     FROM progress FINAL`,
    {},
    LOOKUP,
  );
  const progress = (rows as string[][]).map(([name, instance, at, state]) => ({
    name,
    instance,
    atMs: storedMs(state) ?? Number(at),
    state,
  }));
  return { rows: progress, serverNowMs: Number(now) };
}

/**
 * When the server took a row, by its clock. The version `at` only grows, also when that clock is set back: else a row from
 * before would stand for the newest until the clock has caught up. So the true time is in the state.
 */
function storedMs(state: string): number | undefined {
  const found = /"stored_ms":(\d+)\}$/.exec(state)?.[1];
  return found === undefined ? undefined : Number(found);
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
