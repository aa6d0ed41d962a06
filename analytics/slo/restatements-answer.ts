/** GET /api/v1/slos/{name}/restatements: what was counted anew, and why. */
import {
  RESTATEMENTS,
  type Restatement,
  type SloRestatementsAnswer,
  type SloRestatementsParameters,
} from '../../schemas/index.js';
import { type SloRestatement, sloRestatements } from '../../store/index.js';
import type { Parts } from '../settings.js';
import { instantOf, minuteOf, minuteText, msOf } from './times.js';

const END_OF_TIME_MINUTE = (2 ** 32 - 1) / 60;

export async function answerRestatements(
  { store, tenant }: Pick<Parts, 'store' | 'tenant'>,
  name: string,
  { from, to, limit }: SloRestatementsParameters,
): Promise<SloRestatementsAnswer> {
  const found = await sloRestatements(store, {
    tenant,
    slo: name,
    fromMinute: from === undefined ? 0 : minuteOf(msOf(from)),
    toMinute: to === undefined ? END_OF_TIME_MINUTE : Math.ceil(msOf(to) / 60_000),
    limit: limit ?? RESTATEMENTS,
  });
  return { name, restatements: found.map(restatementOf) };
}

export function restatementOf({
  atMs,
  minute,
  groupKey,
  objective,
  old,
  new: now,
  cause,
}: SloRestatement): Restatement {
  return {
    at: instantOf(atMs),
    minute: minuteText(minute),
    key: JSON.parse(groupKey),
    objective,
    old,
    new: now,
    cause: { ...cause, traces: [...cause.traces] },
  };
}
