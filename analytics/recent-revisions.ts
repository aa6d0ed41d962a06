/**
 * The rows of traces that ended in the last minutes, in memory, for as long as questions about them keep coming: the panels
 * of a page and what scales a service ask for one place or service after the other, and each would cost the store as much
 * as all of them together. What was read is remembered by the parts of the table that held it, so a question that needs
 * something newer reads only the parts that came since: nothing rests on clocks, nor on when a row becomes visible.
 *
 * A row that is deleted by hand, which nothing here does, is remembered until all is read anew: `MAX_AGE_MS`.
 */
import { type LatencyQuestion, minuteOf, type PartRow, rowsOfNewParts, type Store } from '../store/index.js';

/** Whoever asks alone is answered by the store: reading every place for one would take longer. */
const OFTEN_MS = 10_000;
const MAX_AGE_MS = 60_000;
/** At most; half a kilobyte each. */
const MAX_ROWS = 50_000;
/** Their names are in the statement. */
const MAX_PARTS = 1_000;
/** After so many rows that the store answers sooner. */
const REST_MS = 30_000;

export interface Held {
  /** Every row of the tenant's traces that end in this minute or later is here; epoch seconds. */
  readonly fromMinute: bigint;
  /** The newest row of every key, tombstones among them. */
  readonly rows: Iterable<PartRow>;
}

interface Reading {
  readonly fromMinute: bigint;
  readonly rows: Map<string, PartRow>;
  /** Names of the parts whose rows these are. */
  readonly parts: Set<string>;
  /** When what is newest in it began to be read, by this process's monotonic clock. */
  beganMs: number;
}

/** Of every tenant: there are as many as tokens name. */
export class RecentRevisions {
  readonly #store: Store;
  readonly #maxRows: number;
  readonly #tenants = new Map<string, OneTenant>();

  /** `maxRows`: of a tenant, if that is less than would be remembered anyway. */
  constructor(store: Store, maxRows: number) {
    this.#store = store;
    this.#maxRows = Math.min(maxRows, MAX_ROWS);
  }

  /**
   * What the store held when it was read, which began at `sinceMs` (of `performance.now()`) or later, of traces that end from
   * `fromNs` on. Undefined: better ask the store.
   */
  since(sinceMs: number, { tenant, fromNs }: Pick<LatencyQuestion, 'tenant' | 'fromNs'>): Promise<Held | undefined> {
    const one = this.#tenants.get(tenant) ?? new OneTenant(this.#store, tenant, this.#maxRows);
    this.#tenants.set(tenant, one);
    return one.since(sinceMs, minuteOf(fromNs));
  }
}

class OneTenant {
  readonly #store: Store;
  readonly #tenant: string;
  readonly #maxRows: number;
  #reading: Reading | undefined;
  #under: Promise<void> | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #restsUntilMs = 0;

  constructor(store: Store, tenant: string, maxRows: number) {
    this.#store = store;
    this.#tenant = tenant;
    this.#maxRows = maxRows;
  }

  async since(sinceMs: number, fromMinute: bigint): Promise<Held | undefined> {
    const nowMs = performance.now();
    const isRare = nowMs - this.#askedMs > OFTEN_MS;
    this.#askedMs = nowMs;
    if (isRare) return undefined;
    while (performance.now() >= this.#restsUntilMs) {
      const reading = this.#reading;
      if (reading !== undefined && reading.beganMs >= sinceMs && reading.fromMinute <= fromMinute) {
        return { fromMinute: reading.fromMinute, rows: reading.rows.values() };
      }
      // One that is under way may have begun too early: then there is another.
      this.#under ??= this.#bringUpToDate(fromMinute);
      await this.#under;
    }
    return undefined;
  }

  async #bringUpToDate(fromMinute: bigint): Promise<void> {
    try {
      const beganMs = performance.now();
      const reading = this.#reusable(fromMinute) ?? this.#begin(fromMinute);
      const question = { tenant: this.#tenant, fromMinute: reading.fromMinute, known: reading.parts };
      const rows = await rowsOfNewParts(this.#store, question, this.#maxRows);
      for (const row of rows ?? []) remember(reading, row);
      if (rows === undefined || reading.rows.size > this.#maxRows) {
        this.#reading = undefined;
        this.#restsUntilMs = performance.now() + REST_MS;
        return;
      }
      reading.beganMs = beganMs;
      this.#reading = reading;
    } finally {
      this.#under = undefined;
    }
  }

  #reusable(fromMinute: bigint): Reading | undefined {
    const reading = this.#reading;
    return reading !== undefined && reading.fromMinute <= fromMinute && reading.parts.size < MAX_PARTS
      ? reading
      : undefined;
  }

  #begin(fromMinute: bigint): Reading {
    const reading = { fromMinute, rows: new Map(), parts: new Set<string>(), beganMs: 0 };
    const forget = () => {
      if (this.#reading === reading) this.#reading = undefined;
    };
    setTimeout(forget, MAX_AGE_MS).unref();
    return reading;
  }
}

/** As the table's engine does: of a key's rows that with the highest version stands, of equal ones the last to be written. */
function remember({ rows, parts }: Reading, row: PartRow): void {
  parts.add(row.part);
  const key = JSON.stringify([row.endMinute, row.country, row.region, row.locality, row.traceId]);
  const other = rows.get(key);
  if (other !== undefined) {
    const ahead = row.version.length - other.version.length;
    const isOlder = ahead < 0 || (ahead === 0 && row.version < other.version);
    const isSame = row.version === other.version;
    if (isOlder || (isSame && lastBlockOf(row.part) < lastBlockOf(other.part))) return;
  }
  rows.set(key, row);
}

function lastBlockOf(part: string): number {
  return Number(part.split('_')[2]);
}
