/**
 * What stands beside a payload in a Kafka record. The value is the payload as it is, so that anybody who reads OTLP can
 * read the topic; what only we need travels as headers, and records without them (other producers') are as welcome.
 *
 *   throughline.tenant         whose it is; absent: default
 *   throughline.tier           of whose token it came with: of all its items, whatever they say; absent: they say it
 *   throughline.items          how many items it holds, decimal; absent: to be counted
 *   throughline.tally.<name>   amount to add to a cumulative counter once the record is passed
 */
import type { IHeaders } from 'kafkajs';
import type { Tallies } from '../types.js';

const TENANT = 'throughline.tenant';
const TIER = 'throughline.tier';
const ITEMS = 'throughline.items';
const TALLY = 'throughline.tally.';
const DEFAULT_TENANT = 'default';
const NO_TALLIES: Tallies = {};

/** Bytes that headers and framing take at most beside a payload, for names as long as ours are. */
export const RECORD_OVERHEAD_BYTES = 2_048;

interface Ownership {
  readonly tenant: string;
  readonly tier?: string | undefined;
}

export function recordHeaders(
  { tenant, tier = '' }: Ownership,
  itemCount: number,
  tallies: Tallies = {},
): Record<string, string> {
  const headers: Record<string, string> = { [TENANT]: tenant, [ITEMS]: String(itemCount) };
  if (tier !== '') headers[TIER] = tier;
  for (const [name, amount] of Object.entries(tallies)) headers[TALLY + name] = String(amount);
  return headers;
}

export interface RecordFacts {
  readonly tenant: string;
  readonly tier: string | undefined;
  /** undefined: the record does not say. */
  readonly itemCount: number | undefined;
  readonly tallies: Tallies;
}

export function factsOf(headers: IHeaders | undefined): RecordFacts {
  const tenant = textOf(headers?.[TENANT]) ?? DEFAULT_TENANT;
  const tier = textOf(headers?.[TIER]);
  const itemCount = countOf(headers?.[ITEMS]);
  let tallies: Record<string, number> | undefined;
  for (const name in headers) {
    if (!name.startsWith(TALLY)) continue;
    const amount = countOf(headers[name]);
    if (amount === undefined) continue;
    tallies ??= {};
    tallies[name.slice(TALLY.length)] = amount;
  }
  return { tenant, tier, itemCount, tallies: tallies ?? NO_TALLIES };
}

function textOf(value: IHeaders[string]): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined ? undefined : first.toString();
}

function countOf(value: IHeaders[string]): number | undefined {
  const text = textOf(value);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
