/** Whether the roles of this process can work now, and what keeps them from it. */
import type { Readiness } from '../analytics/index.js';
import { type Bus, BusError } from '../bus/index.js';
import type { Store } from '../store/index.js';
import { inTime } from './in-time.js';
import type { Supervised } from './supervise.js';

export interface ReadinessParts {
  /** Present where this process receives spans. */
  readonly publishes?: Pick<PublishWatch, 'reason'> | undefined;
  readonly stitcher?: Pick<Supervised, 'reason'> | undefined;
  /** Present where this process answers questions. */
  readonly store?: Pick<Store, 'ping'> | undefined;
}

/** A probe waits a second or two: say what does not answer before it gives up. */
const PROBE_MS = 900;

export class RoleReadiness {
  #phase: 'starting' | 'running' | 'draining' = 'starting';
  readonly #parts: () => ReadinessParts;

  /** `parts` is asked each time: they come up one after the other. */
  constructor(parts: () => ReadinessParts) {
    this.#parts = parts;
  }

  running(): void {
    this.#phase = 'running';
  }

  /** For good: whoever sends to us should turn to another before the first port closes. */
  draining(): void {
    this.#phase = 'draining';
  }

  /** Without the store, which the API of analytics asks itself. */
  async check(): Promise<Readiness> {
    const { publishes, stitcher } = this.#parts();
    if (this.#phase === 'draining') return readinessOf(['draining']);
    const phase = this.#phase === 'starting' ? 'starting' : '';
    return readinessOf([phase, (await publishes?.reason()) ?? '', stitcher?.reason() ?? '']);
  }

  async checkAll(): Promise<Readiness> {
    const { store } = this.#parts();
    const [{ reasons }, isStoreThere] = await Promise.all([this.check(), !store || inTime(store.ping(), PROBE_MS)]);
    return readinessOf([...reasons, isStoreThere === true ? '' : 'the store does not answer']);
  }
}

function readinessOf(reasons: readonly string[]): Readiness {
  const given = reasons.filter(reason => reason !== '');
  return { ready: given.length === 0, reasons: given };
}

/** A refused publish makes a receiver unready for so long; then it may try whether the log takes records again. */
const REFUSAL_COUNTS_MS = 15_000;

/** Stands between the receivers and the log, and remembers how the newest publish went. */
export class PublishWatch {
  /** What the receivers publish to. */
  readonly bus: Bus;
  readonly #clock: () => number;
  #refusal = '';
  #refusedAtMs = 0;

  /** `clock`: milliseconds that never go back. */
  constructor(bus: Bus, clock: () => number) {
    this.#clock = clock;
    this.bus = {
      partitionCount: bus.partitionCount,
      maxRecordBytes: bus.maxRecordBytes,
      failed: bus.failed,
      publish: (records, tallies) => this.#watch(bus.publish(records, tallies)),
      consumer: () => bus.consumer(),
      offsets: () => bus.offsets(),
      state: () => bus.state(),
      deadLetters: limit => bus.deadLetters(limit),
      close: () => bus.close(),
    };
  }

  /** Why the log takes no records; '' while it does. */
  async reason(): Promise<string> {
    if (this.#refusal !== '' && this.#clock() - this.#refusedAtMs < REFUSAL_COUNTS_MS) return this.#refusal;
    return (await inTime(this.bus.offsets(), PROBE_MS)) === undefined ? 'the log does not answer' : '';
  }

  async #watch(publish: Promise<void>): Promise<void> {
    try {
      await publish;
      this.#refusal = '';
    } catch (error) {
      // What is wrong with a request (too large a record) says nothing about the log.
      if (error instanceof BusError && error.retryable) {
        this.#refusal = `the log takes no records: ${error.code}`;
        this.#refusedAtMs = this.#clock();
      }
      throw error;
    }
  }
}
