/**
 * A store in memory with the semantics that docs/schema.md promises of the real one: ReplacingMergeTree by key and
 * version (never merged, so every read must deduplicate), rows visible once inserted. For the stitcher's simulator.
 */
import type {
  Audit,
  AuditFinding,
  LiveRow,
  NativeColumn,
  NativeData,
  NativeStrings,
  RestitchSelection,
  SeenTrace,
  SpanTuple,
  StitchedTable,
  TraceArrivals,
  TraceStore,
} from '../../store/index.js';

export type Row = Record<string, unknown>;

export class MemoryStore implements TraceStore {
  readonly tables: Record<StitchedTable, Row[]> = { spans: [], trace_arrivals: [], trace_revisions: [] };
  readonly progress = new Map<string, { instance: string; atMs: number; state: string }>();
  /** Called before and after every effect; throwing there simulates a crash at that point. */
  onEffect: (point: string) => void = () => {};
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async insert(table: StitchedTable, columns: readonly NativeColumn[], rows: number): Promise<void> {
    await this.#point(`before insert ${table}`);
    const at = this.#clock();
    for (const row of decodeRows(columns, rows)) {
      const derived = table === 'spans' ? derivedOf(row.version as bigint) : {};
      this.tables[table].push({ ...row, ...derived, insertedAtMs: at });
    }
    await this.#point(`after insert ${table}`);
  }

  async readArrivals(tenant: string, traceIds: readonly string[]): Promise<TraceArrivals[]> {
    await this.#point('readArrivals');
    return traceIds.map(traceId => ({ traceId, arrivals: this.#arrivalsOf(tenant, traceId).spans }));
  }

  async readSpans(tenant: string, traceIds: readonly string[]): Promise<SpanTuple[]> {
    await this.#point('readSpans');
    return this.distinctSpans(tenant, new Set(traceIds)).map(
      s =>
        [
          s.trace_id,
          s.span_id,
          s.parent_span_id,
          s.kind,
          s.status,
          String(s.start),
          String(s.end),
          s.service,
          s.name,
          s.tier,
          s.environment,
          s.host,
          s.peer_service,
          s.locality,
          s.region,
          s.country,
          s.location_rank,
          s.is_database_call,
          s.flags,
          s.checksum,
          String(s.received),
        ] as unknown as SpanTuple,
    );
  }

  async readConflicts(tenant: string, traceIds: readonly string[]): Promise<string[]> {
    const contents = new Map<string, Set<string>>();
    for (const s of this.tables.spans) {
      if (s.tenant !== tenant || !traceIds.includes(String(s.trace_id))) continue;
      const id = `${s.trace_id}/${s.span_id}/${s.kind}`;
      contents.set(id, (contents.get(id) ?? new Set()).add(`${s.end}/${s.checksum}`));
    }
    return [...new Set([...contents].filter(([, set]) => set.size > 1).map(([id]) => id.slice(0, 32)))];
  }

  async readLiveRows(tenant: string, traceIds: readonly string[]): Promise<LiveRow[]> {
    await this.#point('readLiveRows');
    const wanted = new Set(traceIds);
    return this.liveRevisions()
      .filter(row => row.tenant === tenant && wanted.has(String(row.trace_id)))
      .map(row => ({
        traceId: String(row.trace_id),
        endMinute: Number(row.end_minute),
        country: String(row.country),
        region: String(row.region),
        locality: String(row.locality),
        receivedMs: Number(row.received),
        version: row.version as bigint,
        flags: row.flags as string[],
      }));
  }

  async audit(sinceMs: number, limit: number): Promise<Audit> {
    await this.#point('audit');
    const serverNowMs = this.#clock();
    /** When each was touched last. */
    const touched = new Map<string, number>();
    for (const table of ['trace_arrivals', 'trace_revisions'] as const) {
      for (const row of this.tables[table]) {
        const key = `${row.tenant}/${row.trace_id}`;
        if (Number(row.insertedAtMs) < sinceMs) continue;
        touched.set(key, Math.max(touched.get(key) ?? 0, Number(row.insertedAtMs)));
      }
    }
    const live = new Map<string, Row[]>();
    for (const row of this.liveRevisions()) {
      const key = `${row.tenant}/${row.trace_id}`;
      live.set(key, [...(live.get(key) ?? []), row]);
    }
    const findings: AuditFinding[] = [];
    let untilMs = serverNowMs;
    for (const [key, lastMs] of touched) {
      const tenant = key.slice(0, -33);
      const traceId = key.slice(-32);
      const arrivals = this.#arrivalsOf(tenant, traceId);
      if (arrivals.spans === 0) continue;
      const rows = live.get(key) ?? [];
      const recorded = Math.max(0, ...rows.map(row => Number(row.arrivals)));
      if (rows.length === 1 && recorded >= arrivals.spans) continue;
      untilMs = Math.min(untilMs, lastMs);
      findings.push({ tenant, traceId, partitions: arrivals.partitions, lastReceivedMs: arrivals.lastReceivedMs });
    }
    findings.sort((a, b) => a.lastReceivedMs - b.lastReceivedMs);
    return { findings: findings.slice(0, limit), serverNowMs, untilMs };
  }

  async recentTraces(windowMs: number, limit: number, partitions: readonly number[]): Promise<SeenTrace[]> {
    await this.#point('recentTraces');
    const newest = Math.max(0, ...this.tables.trace_arrivals.map(row => Number(row.received)));
    const seen = new Map<string, SeenTrace>();
    for (const row of this.tables.trace_arrivals) {
      if (Number(row.received) < newest - windowMs || !partitions.includes(Number(row.partition))) continue;
      seen.set(`${row.tenant}/${row.trace_id}`, { tenant: String(row.tenant), traceId: String(row.trace_id) });
    }
    return [...seen.values()].slice(0, limit);
  }

  async selectTraces(selection: RestitchSelection): Promise<SeenTrace[]> {
    if (selection.kind === 'ids') return selection.traceIds.map(traceId => ({ tenant: selection.tenant, traceId }));
    return this.liveRevisions()
      .filter(row => selection.kind === 'range' || Number(row.too_late_count) > 0)
      .map(row => ({ tenant: String(row.tenant), traceId: String(row.trace_id) }));
  }

  async loadProgress(name: string): Promise<{ instance: string; atMs: number; state: string }[]> {
    await this.#point('loadProgress');
    return [...this.progress].filter(([key]) => key.startsWith(`${name}/`)).map(([, value]) => value);
  }

  async saveProgress(name: string, instance: string, state: string): Promise<void> {
    this.progress.set(`${name}/${instance}`, { instance, atMs: this.#clock(), state });
  }

  /** `trace_revisions FINAL` within partitions: the newest row per key, tombstones dropped. */
  liveRevisions(): Row[] {
    const newest = new Map<string, Row>();
    for (const row of this.tables.trace_revisions) {
      const day = Math.floor(Number(row.received) / 86_400_000);
      const key = [day, row.tenant, row.end_minute, row.country, row.region, row.locality, row.trace_id].join('|');
      const known = newest.get(key);
      if (known === undefined || (row.version as bigint) >= (known.version as bigint)) newest.set(key, row);
    }
    return [...newest.values()].filter(row => row.is_deleted === 0);
  }

  distinctSpans(tenant: string, traceIds: ReadonlySet<string>): Row[] {
    const newest = new Map<string, Row>();
    for (const row of this.tables.spans) {
      if (row.tenant !== tenant || !traceIds.has(String(row.trace_id))) continue;
      const key = `${row.trace_id}/${row.span_id}/${row.kind}`;
      const known = newest.get(key);
      if (known === undefined || (row.version as bigint) > (known.version as bigint)) newest.set(key, row);
    }
    return [...newest.values()];
  }

  #arrivalsOf(tenant: string, traceId: string): { spans: number; lastReceivedMs: number; partitions: number[] } {
    const records = new Map<string, Row>();
    for (const row of this.tables.trace_arrivals) {
      if (row.tenant === tenant && row.trace_id === traceId) records.set(`${row.partition}/${row.offset}`, row);
    }
    const rows = [...records.values()];
    return {
      spans: rows.reduce((sum, row) => sum + Number(row.spans), 0),
      lastReceivedMs: Math.max(0, ...rows.map(row => Number(row.received))),
      partitions: [...new Set(rows.map(row => Number(row.partition)))],
    };
  }

  async #point(name: string): Promise<void> {
    await null;
    this.onEffect(name);
  }
}

function decodeRows(columns: readonly NativeColumn[], rows: number): Row[] {
  const decoded: Row[] = Array.from({ length: rows }, () => ({}));
  for (const { name, type, data } of columns) {
    const values = decodeColumn(data, type, rows);
    for (let i = 0; i < rows; i++) decoded[i][name] = values[i];
  }
  return decoded;
}

export function decodeColumn(data: NativeData, type: string, rows: number): unknown[] {
  switch (data.kind) {
    case 'fixed':
      return Array.from({ length: rows }, (_, i) => decodeFixed(data.bytes, data.width, i, type));
    case 'string':
      return decodeStrings(data.values);
    case 'lowCardinality': {
      const strings = decodeStrings(data.dictionary);
      return Array.from({ length: rows }, (_, i) => {
        const text = strings[data.indexes[i]];
        if (text === undefined) throw new Error(`index ${data.indexes[i]} outside a dictionary of ${strings.length}`);
        return text;
      });
    }
    case 'array': {
      const elements = decodeColumn(data.element, type.slice(6, -1), rows === 0 ? 0 : Number(data.ends[rows - 1]));
      return Array.from({ length: rows }, (_, i) =>
        elements.slice(i === 0 ? 0 : Number(data.ends[i - 1]), Number(data.ends[i])),
      );
    }
    case 'map':
      // The simulator compares no attributes.
      return Array.from({ length: rows }, () => null);
  }
}

function decodeFixed(bytes: Uint8Array, width: number, row: number, type: string): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset + row * width, width);
  if (type.startsWith('FixedString'))
    return Buffer.from(bytes.subarray(row * width, (row + 1) * width)).toString('latin1');
  if (width === 1) return view.getUint8(0);
  if (width === 2) return view.getUint16(0, true);
  if (width === 4) return view.getUint32(0, true);
  if (width === 8) return type === 'UInt64' ? view.getBigUint64(0, true) : view.getBigInt64(0, true);
  return (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}

function decodeStrings(strings: NativeStrings): string[] {
  const texts: string[] = [];
  let at = 0;
  for (let i = 0; i < strings.count; i++) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = strings.bytes[at++];
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    texts.push(Buffer.from(strings.bytes.subarray(at, at + length)).toString('utf8'));
    at += length;
  }
  if (at !== strings.byteLength) throw new Error(`strings end at ${at}, not at ${strings.byteLength}`);
  return texts;
}

/** What the table has as ALIAS columns: the end and the checksum of a span are the upper parts of its version. */
function derivedOf(version: bigint) {
  return { end: version >> 64n, checksum: Number((version >> 40n) & 0xffffffn) };
}
