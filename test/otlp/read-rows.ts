/** A SpanBlock as plain rows, and what has to be in them according to a naive decoder of protobufjs objects. */
import {
  createSpanBlock,
  NO_LOCATION_RANK,
  type SpanBlock,
  SpanReader,
  type SpanReaderOptions,
} from '../../otlp/index.js';
import type { MapColumn, StringDictionary, VarStrings } from '../../otlp/span-block.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../../schemas/index.js';
import type { JsonRequest } from './readable-spans.js';
import { encodeTraces, type ProtoMessage } from './trace-proto.js';

export const ORIGIN = { partition: 0, offset: 0, appendTimeMs: 0, tenant: 'default' };

export interface Row {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: number;
  readonly statusCode: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly duration: bigint;
  readonly spanFlags: number;
  readonly droppedAttributesCount: number;
  readonly flags: number;
  readonly checksum: number;
  readonly name: string;
  readonly service: string;
  readonly tier: string;
  readonly scopeName: string;
  readonly scopeVersion: string;
  readonly environment: string;
  readonly host: string;
  readonly peerService: string;
  readonly place: readonly [rank: number, locality: string, region: string, country: string];
  readonly isDatabaseCall: boolean;
  readonly statusMessage: string;
  readonly traceState: string;
  readonly events: string;
  readonly links: string;
  readonly attributes: readonly (readonly [string, string])[];
  readonly resource: Readonly<Record<string, string>>;
  readonly record: { readonly partition: number; offset: number; appendTimeMs: number; tenant: string };
}

export function readerOf(options: Partial<SpanReaderOptions> = {}): SpanReader {
  return new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER, ...options });
}

/** The rows of one payload, which must be decodable. */
export function readRows(payload: Uint8Array, options: Partial<SpanReaderOptions> = {}): Row[] {
  const block = createSpanBlock();
  const { error } = readerOf(options).read(payload, ORIGIN, block);
  if (error !== '') throw new Error(error);
  return rowsOf(block);
}

/** OTLP JSON (hex ids, of any length) by protobufjs. */
export function encodeRequest(request: JsonRequest): Uint8Array {
  const withBytes = JSON.parse(JSON.stringify(request), (key, value: unknown) =>
    /^(traceId|spanId|parentSpanId)$/.test(key) ? Buffer.from(value as string, 'hex').toString('base64') : value,
  ) as ProtoMessage;
  return encodeTraces(withBytes);
}

/** Every string of the column, read by its length prefixes. */
export function stringsOf({ bytes, byteLength, count }: VarStrings): string[] {
  const strings: string[] = [];
  let at = 0;
  while (at < byteLength) {
    let length = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = bytes[at++];
      length += (byte & 0x7f) * 2 ** shift;
    }
    strings.push(Buffer.from(bytes.subarray(at, at + length)).toString('utf8'));
    at += length;
  }
  if (strings.length !== count || at !== byteLength) throw new Error(`${strings.length} strings of ${count}`);
  return strings;
}

export function rowsOf(block: SpanBlock): Row[] {
  const texts = stringsOf(block.dictionary);
  const statusMessages = stringsOf(block.statusMessage);
  const traceStates = stringsOf(block.traceState);
  const events = stringsOf(block.events);
  const links = stringsOf(block.links);
  const attributes = mapsOf(block.attributes, block.rows);
  const hex = (ids: Uint8Array, width: number, row: number): string =>
    Buffer.from(ids.subarray(row * width, row * width + width)).toString('hex');
  return Array.from({ length: block.rows }, (_, row) => ({
    traceId: hex(block.traceId, 16, row),
    spanId: hex(block.spanId, 8, row),
    parentSpanId: hex(block.parentSpanId, 8, row).replace(/^0+$/, ''),
    kind: block.kind[row],
    statusCode: block.statusCode[row],
    start: block.startTimeUnixNano[row],
    end: block.endTimeUnixNano[row],
    duration: block.durationNano[row],
    spanFlags: block.spanFlags[row],
    droppedAttributesCount: block.droppedAttributesCount[row],
    flags: block.flags[row],
    checksum: block.checksum[row],
    name: texts[block.name[row]],
    service: texts[block.service[row]],
    tier: texts[block.tier[row]],
    scopeName: texts[block.scopeName[row]],
    scopeVersion: texts[block.scopeVersion[row]],
    environment: texts[block.environment[row]],
    host: texts[block.host[row]],
    peerService: texts[block.peerService[row]],
    place: [block.locationRank[row], texts[block.locality[row]], texts[block.region[row]], texts[block.country[row]]],
    isDatabaseCall: block.isDatabaseCall[row] === 1,
    statusMessage: statusMessages[row],
    traceState: traceStates[row],
    events: events[row],
    links: links[row],
    attributes: attributes[row],
    resource: JSON.parse(texts[block.resource[row]] || '{}') as Record<string, string>,
    record: {
      partition: block.recordPartition[block.record[row]],
      offset: block.recordOffset[block.record[row]],
      appendTimeMs: block.recordAppendTimeMs[block.record[row]],
      tenant: texts[block.recordTenant[block.record[row]]],
    },
  }));
}

function mapsOf(column: MapColumn, rows: number): [string, string][][] {
  const keys = stringsOf(column.keyDictionary as StringDictionary);
  const values = stringsOf(column.values);
  if (values.length !== column.pairCount) throw new Error(`${values.length} values of ${column.pairCount} pairs`);
  let from = 0;
  return Array.from({ length: rows }, (_, row) => {
    const to = Number(column.ends[row]);
    const pairs = values.slice(from, to).map((value, i): [string, string] => [keys[column.keys[from + i]], value]);
    from = to;
    return pairs;
  });
}

export const NOWHERE = [NO_LOCATION_RANK, '', '', ''] as const;
