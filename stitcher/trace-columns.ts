/** The columns of `trace_revisions` in the making: name, ClickHouse type and growing data of each, in one place. */
import type { NativeColumn, NativeData } from '../store/index.js';
import type { Interner } from './interner.js';
import { HexColumn, LongColumn, LowCardinalityColumn, NumberColumn, TextColumn } from './row-columns.js';
import { SectionColumn } from './section-column.js';

const LC = 'LowCardinality(String)';
const ID = 'FixedString(16)';

/** Elements of all rows, and their cumulative count after each row. */
export class ArrayColumn<Element extends NumberColumn | LongColumn | LowCardinalityColumn | SectionColumn | HexColumn> {
  readonly #ends = new LongColumn();
  readonly element: Element;

  constructor(element: Element) {
    this.element = element;
  }

  endRow(): void {
    this.#ends.push(this.element.count);
  }

  take(): NativeData {
    const ends = this.#ends.take();
    if (ends.kind !== 'fixed') throw new Error('ends are numbers');
    return { kind: 'array', ends: new BigUint64Array(ends.bytes.buffer), element: this.element.take() };
  }
}

export type TraceColumns = ReturnType<typeof createTraceColumns>;

export function createTraceColumns(interner: Interner) {
  const low = () => new LowCardinalityColumn(interner);
  const u8 = () => new NumberColumn(new Uint8Array(64));
  const u32 = () => new NumberColumn(new Uint32Array(64));
  const long = () => new LongColumn();
  const lowArray = () => new ArrayColumn(low());
  const longArray = () => new ArrayColumn(long());
  return {
    tenant: low(),
    end_minute: u32(),
    country: low(),
    region: low(),
    locality: low(),
    trace_id: new HexColumn(32),
    /** Pushed as two halves, the lower first. */
    version: long(),
    is_deleted: u8(),
    revision: long(),
    received: long(),
    complete: u8(),
    has_root: u8(),
    error: u8(),
    service: low(),
    operation: low(),
    environment: low(),
    error_service: low(),
    error_operation: low(),
    error_tier: low(),
    root_span_id: new TextColumn(),
    error_span_id: new TextColumn(),
    start: long(),
    end: long(),
    duration_ns: long(),
    span_count: u32(),
    service_count: u32(),
    orphan_count: u32(),
    duplicate_count: u32(),
    late_span_count: u32(),
    too_late_count: u32(),
    arrivals: u32(),
    flags: lowArray(),
    tier_names: lowArray(),
    tier_ns: longArray(),
    path_services: low(),
    path_sections: new ArrayColumn(new SectionColumn(interner)),
    path_span_id: new ArrayColumn(new HexColumn(16)),
    path_self_ns: longArray(),
    corrections: new TextColumn(),
  };
}

const NUMBER_TYPES: Readonly<Partial<Record<keyof TraceColumns, string>>> = {
  end_minute: "DateTime('UTC')",
  version: 'UInt128',
  is_deleted: 'UInt8',
  received: "DateTime64(3, 'UTC')",
  complete: 'Bool',
  has_root: 'Bool',
  error: 'Bool',
  start: "DateTime64(9, 'UTC')",
  end: "DateTime64(9, 'UTC')",
  span_count: 'UInt32',
  service_count: 'UInt32',
  orphan_count: 'UInt32',
  duplicate_count: 'UInt32',
  late_span_count: 'UInt32',
  too_late_count: 'UInt32',
  arrivals: 'UInt32',
};

function typeOf(name: keyof TraceColumns, column: TraceColumns[keyof TraceColumns]): string {
  if (column instanceof ArrayColumn) return `Array(${elementType(name, column.element)})`;
  return elementType(name, column);
}

function elementType(
  name: keyof TraceColumns,
  column: NumberColumn | LongColumn | LowCardinalityColumn | SectionColumn | HexColumn | TextColumn,
): string {
  if (column instanceof LowCardinalityColumn || column instanceof SectionColumn) return LC;
  if (column instanceof TextColumn) return 'String';
  if (column instanceof HexColumn) return name === 'trace_id' ? 'FixedString(32)' : ID;
  return NUMBER_TYPES[name] ?? 'UInt64';
}

/** Everything pushed so far as one block's columns; empties them. */
export function takeTraceColumns(columns: TraceColumns): NativeColumn[] {
  return (Object.keys(columns) as (keyof TraceColumns)[]).map(name => {
    const column = columns[name];
    const data = column.take();
    // The two halves of each version are one value of 16 bytes.
    const whole = name === 'version' && data.kind === 'fixed' ? { ...data, width: 16 } : data;
    return { name, type: typeOf(name, column), data: whole };
  });
}
