/**
 * Which partitions of the log this stitcher owns, and what follows when that changes. With the embedded log it owns all
 * of them from the start; in a Kafka group they come and go.
 *
 * Gained: what earlier owners stored is only in the store, so its traces are marked as seen (their late spans must find
 * the rest there), auditing goes on where theirs stopped, and the store learns that nothing is settled yet; all that
 * before the first record of the partition is taken into memory.
 * Lost: what memory holds of the partition is void, since it is handed to somebody again, perhaps to this stitcher. It is
 * forgotten, not handed over: the store has it.
 */
import type { BusConsumer } from '../bus/index.js';
import type { TraceStore } from '../store/index.js';
import { auditPositions } from './progress.js';

const RECENT_TRACES = 500_000;

export interface OwnershipOptions {
  readonly store: TraceStore;
  readonly consumer: BusConsumer;
  /** How far back traces of a gained partition may still be open elsewhere, or get spans soon. */
  readonly recentMs: number;
  readonly onLost: (partitions: ReadonlySet<number>) => void;
  readonly onSeen: (tenant: string, traceId: string) => void;
  /** Where auditing starts, epoch milliseconds, by gained partition. Resolves when the store knows. */
  readonly onGained: (auditFromMs: ReadonlyMap<number, number>) => Promise<void>;
  /** Repeats what the store cannot take now, until it can. */
  readonly insist: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #owned = new Set<number>();

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  get partitions(): readonly number[] {
    return [...this.#owned];
  }

  /** After every poll, before its records are used. */
  async refresh(): Promise<void> {
    const { consumer, onLost } = this.#options;
    const lost = new Set(consumer.takeRevoked());
    if (lost.size > 0) {
      for (const partition of lost) this.#owned.delete(partition);
      onLost(lost);
    }
    const gained = consumer.partitions.filter(partition => !this.#owned.has(partition));
    if (gained.length > 0) await this.#gain(gained);
  }

  async #gain(gained: readonly number[]): Promise<void> {
    const { store, recentMs, onSeen, onGained, insist } = this.#options;
    const recent = await insist(() => store.recentTraces(recentMs, RECENT_TRACES, gained));
    for (const { tenant, traceId } of recent) onSeen(tenant, traceId);
    const positions = await insist(() => auditPositions(store, gained));
    for (const partition of gained) this.#owned.add(partition);
    await insist(() => onGained(positions));
  }
}
