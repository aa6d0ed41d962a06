/**
 * Rows of `trace_revisions` by the parts that hold them. What a part holds never changes, and what a merge makes of several
 * has a name of its own: so whoever remembers what it has read is brought up to date by the parts that it does not know.
 */
import type { Store } from '../types.js';
import { literal } from './literal.js';
import { ofFewRows } from './lookup.js';

export interface PartRow {
  /** The name of its part: `<partition>_<first block>_<last block>_<level>`, perhaps `_<mutation>`. */
  readonly part: string;
  /** Start of the minute in which it ends, epoch seconds. */
  readonly endMinute: number;
  readonly country: string;
  readonly region: string;
  readonly locality: string;
  /** The same in lower case, as the engine makes it. */
  readonly lowerCase: readonly [country: string, region: string, locality: string];
  readonly traceId: string;
  /** Hexadecimal digits without leading zeros. */
  readonly version: string;
  readonly isDeleted: boolean;
  /** Since the start of the minute that was asked from: exact for 104 days. */
  readonly endNs: number;
  readonly durationNs: number;
  readonly hasRoot: boolean;
  readonly complete: boolean;
  readonly error: boolean;
  readonly service: string;
  readonly operation: string;
  readonly environment: string;
}

export interface PartsQuestion {
  readonly tenant: string;
  /** Of traces that end in this minute or later: its start, epoch seconds. */
  readonly fromMinute: bigint;
  /** Names of the parts that have been read. */
  readonly known: Iterable<string>;
}

const NS_PER_S = 1_000_000_000n;
/** Of numbers that a double holds, or rounds as `Number` would: as text they would take longer to read. */
const AS_NUMBERS = { output_format_json_quote_64bit_integers: 0 };

/** Rows as they are stored, superseded ones and tombstones included. Undefined: more would have to be read than `limit`. */
export async function rowsOfNewParts(
  store: Store,
  { tenant, fromMinute, known }: PartsQuestion,
  limit: number,
): Promise<PartRow[] | undefined> {
  const names = Array.from(known, literal);
  const unknown = names.length === 0 ? '1' : `_part NOT IN (${names})`;
  const ask = (settings: Readonly<Record<string, string | number>>) =>
    store.queryRows(
      `SELECT _part, end_minute, country, region, locality, lowerUTF8(country), lowerUTF8(region), lowerUTF8(locality), trace_id,
              hex(version), is_deleted, toUnixTimestamp64Nano(end) - ${fromMinute * NS_PER_S}, duration_ns,
              has_root, complete, error, service, operation, environment
       FROM trace_revisions WHERE tenant = {tenant:String} AND end_minute >= toDateTime(${fromMinute}) AND ${unknown}`,
      { tenant },
      { settings: { ...AS_NUMBERS, date_time_output_format: 'unix_timestamp', ...settings } },
    );
  const rows = await ofFewRows(ask, limit);
  return rows?.map(partRow);
}

function partRow(row: readonly unknown[]): PartRow {
  const [part, endMinute, country, region, locality, lowerCountry, lowerRegion, lowerLocality, traceId] = row;
  const [version, isDeleted, endNs, durationNs, hasRoot, complete, error, service, operation, environment] =
    row.slice(9);
  return {
    part: part as string,
    endMinute: Number(endMinute),
    country: country as string,
    region: region as string,
    locality: locality as string,
    lowerCase: [lowerCountry as string, lowerRegion as string, lowerLocality as string],
    traceId: traceId as string,
    version: version as string,
    isDeleted: isDeleted !== 0,
    endNs: endNs as number,
    durationNs: durationNs as number,
    hasRoot: hasRoot as boolean,
    complete: complete as boolean,
    error: error as boolean,
    service: service as string,
    operation: operation as string,
    environment: environment as string,
  };
}
