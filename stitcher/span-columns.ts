/**
 * A block of decoded spans as the columns of tables `spans` and `trace_arrivals`: mostly the block's own memory, plus
 * hex ids, row versions and per-column dictionaries. No per-span objects.
 */
import type { SpanBlock } from '../otlp/index.js';
import type { NativeColumn } from '../store/index.js';
import { DictionaryCompactor, fixedColumn, hexBytes, optionalIdStrings, stringColumn } from './native-columns.js';
import { hashTraceId } from './trace-id-set.js';

const LC = 'LowCardinality(String)';
const TIME = "DateTime64(9, 'UTC')";
const RECEIVED = "DateTime64(3, 'UTC')";

/** Received times count in a version from here (2020-09-13), in 40 bits of milliseconds: good until 2055. */
export const VERSION_EPOCH_MS = 1_600_000_000_000;
const MAX_40_BITS = 2 ** 40 - 1;

/** The part of a span's version that prefers the earlier received of two equal records. */
export function invertedReceived(receivedMs: number): number {
  return MAX_40_BITS - Math.min(MAX_40_BITS, Math.max(0, receivedMs - VERSION_EPOCH_MS));
}

const compactor = new DictionaryCompactor();

/** Columns of `spans`; they borrow the block's memory. */
export function spanColumns(block: SpanBlock): NativeColumn[] {
  const rows = block.rows;
  const low = (name: string, indexes: Uint32Array): NativeColumn => ({
    name,
    type: LC,
    data: compactor.compact(block.dictionary, indexes, rows),
  });
  const map = (name: string, column: SpanBlock['attributes']): NativeColumn => ({
    name,
    type: 'Map(LowCardinality(String), String)',
    data: {
      kind: 'map',
      ends: column.ends,
      keys: compactor.compact(column.keyDictionary, column.keys, column.pairCount),
      values: { kind: 'string', values: column.values },
    },
  });
  return [
    low('tenant', perRow(block, block.recordTenant)),
    fixedColumn('trace_id', 'FixedString(32)', 32, hexBytes(block.traceId, rows * 16)),
    fixedColumn('span_id', 'FixedString(16)', 16, hexBytes(block.spanId, rows * 8)),
    stringColumn('parent_span_id', optionalIdStrings(block.parentSpanId, block.parentSpanIdWords, rows)),
    low('name', block.name),
    fixedColumn('kind', KIND_TYPE, 1, block.kind),
    low('service', block.service),
    low('tier', block.tier),
    fixedColumn('start', TIME, 8, block.startTimeUnixNano),
    fixedColumn('status', STATUS_TYPE, 1, block.statusCode),
    stringColumn('status_message', block.statusMessage),
    map('attributes', block.attributes),
    low('resource_json', block.resource),
    low('scope_name', block.scopeName),
    low('scope_version', block.scopeVersion),
    low('environment', block.environment),
    low('host', block.host),
    low('peer_service', block.peerService),
    low('locality', block.locality),
    low('region', block.region),
    low('country', block.country),
    fixedColumn('location_rank', 'UInt8', 1, block.locationRank),
    stringColumn('trace_state', block.traceState),
    stringColumn('events', block.events),
    stringColumn('links', block.links),
    fixedColumn('span_flags', 'UInt32', 4, block.spanFlags),
    fixedColumn('flags', 'UInt16', 2, block.flags),
    fixedColumn('is_database_call', 'Bool', 1, block.isDatabaseCall),
    fixedColumn('dropped_attributes_count', 'UInt32', 4, block.droppedAttributesCount),
    fixedColumn('received', RECEIVED, 8, receivedTicks(block)),
    fixedColumn('version', 'UInt128', 16, spanVersions(block)),
  ];
}

const KIND_TYPE =
  "Enum8('UNSPECIFIED' = 0, 'INTERNAL' = 1, 'SERVER' = 2, 'CLIENT' = 3, 'PRODUCER' = 4, 'CONSUMER' = 5)";
const STATUS_TYPE = "Enum8('UNSET' = 0, 'OK' = 1, 'ERROR' = 2)";

function perRow(block: SpanBlock, recordValues: Uint32Array): Uint32Array {
  const values = new Uint32Array(block.rows);
  const record = block.record;
  for (let row = 0; row < block.rows; row++) values[row] = recordValues[record[row]];
  return values;
}

function receivedTicks(block: SpanBlock): BigInt64Array {
  const perRecord = new BigInt64Array(block.recordCount);
  for (let i = 0; i < block.recordCount; i++) perRecord[i] = BigInt(block.recordAppendTimeMs[i]);
  const ticks = new BigInt64Array(block.rows);
  const record = block.record;
  for (let row = 0; row < block.rows; row++) ticks[row] = perRecord[record[row]];
  return ticks;
}

/** end (64 bits), checksum (upper 24), inverted receive time (40): see docs/stitching.md, Identity. */
function spanVersions(block: SpanBlock): Uint32Array {
  const invertedLow = new Uint32Array(block.recordCount);
  const invertedHigh = new Uint32Array(block.recordCount);
  for (let i = 0; i < block.recordCount; i++) {
    const inverted = invertedReceived(block.recordAppendTimeMs[i]);
    invertedLow[i] = inverted % 2 ** 32;
    invertedHigh[i] = Math.floor(inverted / 2 ** 32);
  }
  const versions = new Uint32Array(block.rows * 4);
  const { record, checksum, endWords } = block;
  for (let row = 0; row < block.rows; row++) {
    versions[row * 4] = invertedLow[record[row]];
    versions[row * 4 + 1] = (checksum[row] & 0xffffff00) | invertedHigh[record[row]];
    versions[row * 4 + 2] = endWords[row * 2];
    versions[row * 4 + 3] = endWords[row * 2 + 1];
  }
  return versions;
}

/** Counts spans per (record, trace) of a block: the rows of `trace_arrivals`. Reused between blocks. */
export class ArrivalCounter {
  /** Open addressing: row of the first span of the pair + 1, 0 for empty. */
  #index = new Int32Array(1 << 12);
  #firstRow = new Uint32Array(1 << 11);
  #spans = new Uint32Array(1 << 11);

  columns(block: SpanBlock): { columns: NativeColumn[]; rows: number } {
    const pairs = this.#count(block);
    const traceIds = new Uint8Array(pairs * 16);
    const tenant = new Uint32Array(pairs);
    const partition = new Uint16Array(pairs);
    const offset = new BigUint64Array(pairs);
    const received = new BigInt64Array(pairs);
    for (let pair = 0; pair < pairs; pair++) {
      const row = this.#firstRow[pair];
      const record = block.record[row];
      traceIds.set(block.traceId.subarray(row * 16, row * 16 + 16), pair * 16);
      tenant[pair] = block.recordTenant[record];
      partition[pair] = block.recordPartition[record];
      offset[pair] = BigInt(block.recordOffset[record]);
      received[pair] = BigInt(block.recordAppendTimeMs[record]);
    }
    const columns: NativeColumn[] = [
      { name: 'tenant', type: LC, data: compactor.compact(block.dictionary, tenant, pairs) },
      fixedColumn('trace_id', 'FixedString(32)', 32, hexBytes(traceIds, pairs * 16)),
      fixedColumn('partition', 'UInt16', 2, partition),
      fixedColumn('offset', 'UInt64', 8, offset),
      fixedColumn('spans', 'UInt32', 4, this.#spans.subarray(0, pairs)),
      fixedColumn('received', RECEIVED, 8, received),
    ];
    return { columns, rows: pairs };
  }

  #count(block: SpanBlock): number {
    const rows = block.rows;
    this.#reserve(rows);
    const index = this.#index;
    const mask = index.length - 1;
    const words = block.traceIdWords;
    const record = block.record;
    const firstRow = this.#firstRow;
    const spans = this.#spans;
    let pairs = 0;
    for (let row = 0; row < rows; row++) {
      const w = row * 4;
      let at = (hashTraceId(words[w], words[w + 1], words[w + 2], words[w + 3]) ^ Math.imul(record[row], 40503)) & mask;
      for (;;) {
        const pair = index[at] - 1;
        if (pair < 0) {
          index[at] = ++pairs;
          firstRow[pairs - 1] = row;
          spans[pairs - 1] = 1;
          break;
        }
        const f = firstRow[pair] * 4;
        if (
          record[firstRow[pair]] === record[row] &&
          words[f] === words[w] &&
          words[f + 1] === words[w + 1] &&
          words[f + 2] === words[w + 2] &&
          words[f + 3] === words[w + 3]
        ) {
          spans[pair]++;
          break;
        }
        at = (at + 1) & mask;
      }
    }
    return pairs;
  }

  #reserve(rows: number): void {
    let length = this.#index.length;
    while (length < rows * 2) length *= 2;
    if (length > this.#index.length) {
      this.#index = new Int32Array(length);
      this.#firstRow = new Uint32Array(length / 2);
      this.#spans = new Uint32Array(length / 2);
    } else {
      this.#index.fill(0);
    }
  }
}
