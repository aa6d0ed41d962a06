/**
 * A log in memory on a virtual clock: waiting for records moves time on to the next scheduled append. Its consumers own all
 * partitions, as those of the embedded log do, or are members of a group.
 */
import type {
  Bus,
  BusConsumer,
  BusState,
  CommitPoint,
  DeadLetter,
  LogRecord,
  PartitionOffsets,
  RecordToPublish,
} from '../../bus/index.js';
import type { Random } from '../support/random.js';
import { Member, MemoryGroup } from './memory-group.js';

export interface ScheduledRecord {
  readonly atMs: number;
  readonly partition: number;
  readonly tenant: string;
  readonly itemCount: number;
  readonly payload: Uint8Array;
}

/** A consumer whose process may die. */
export interface MortalConsumer extends BusConsumer {
  abandon(): void;
}

export class MemoryBus implements Bus {
  readonly partitionCount: number;
  readonly maxRecordBytes = Number.POSITIVE_INFINITY;
  readonly failed = new Promise<never>(() => {});
  nowMs: number;
  readonly #schedule: ScheduledRecord[];
  readonly #log: LogRecord[][];
  readonly #committed: number[];
  readonly dead: DeadLetter[] = [];
  readonly counters: Record<string, number> = {};
  onEffect: (point: string) => void = () => {};
  readonly group: MemoryGroup | null;

  /** `groupRandom`: consumers form a group whose partitions move as it says, its times multiplied by `scale`. */
  constructor(
    partitionCount: number,
    startMs: number,
    schedule: readonly ScheduledRecord[],
    groupRandom: Random | null = null,
    scale = 1,
  ) {
    this.partitionCount = partitionCount;
    this.nowMs = startMs;
    this.#schedule = [...schedule].sort((a, b) => a.atMs - b.atMs);
    this.#log = Array.from({ length: partitionCount }, () => []);
    this.#committed = new Array(partitionCount).fill(0);
    this.group = groupRandom === null ? null : new MemoryGroup(groupRandom, this.#committed, scale);
  }

  readonly clock = (): number => this.nowMs;

  get isDrained(): boolean {
    return this.#schedule.length === 0 && this.#log.every((records, p) => this.#committed[p] === records.length);
  }

  /** Every record ever appended, with its append time: what the oracle gets. */
  get records(): readonly LogRecord[] {
    return this.#log.flat();
  }

  async publish(records: readonly RecordToPublish[]): Promise<void> {
    for (const record of records) this.#append(record, this.nowMs);
  }

  async consumer(): Promise<MortalConsumer> {
    const { group } = this;
    const member = group?.join(this.nowMs) ?? this.#soleOwner();
    const { position } = member;
    return {
      get partitions() {
        return [...position.keys()];
      },
      poll: async (maxBytes, waitMs) => {
        await this.#point('poll');
        // Lets timers and the test run: a stitcher on a virtual clock never waits.
        await new Promise(resolve => setImmediate(resolve));
        this.#appendDue();
        let records = this.#take(position, maxBytes);
        if (records.length > 0 || waitMs === 0) return records;
        this.nowMs = Math.min(
          this.nowMs + waitMs,
          Math.max(this.nowMs, this.#schedule[0]?.atMs ?? Number.POSITIVE_INFINITY),
        );
        this.#appendDue();
        records = this.#take(position, maxBytes);
        return records;
      },
      takeRevoked: () => member.revoked.splice(0),
      abandon: () => group?.abandon(member, this.nowMs),
      commit: async (points: readonly CommitPoint[], deadLetters: readonly DeadLetter[] = []) => {
        await this.#point('before commit');
        this.dead.push(...deadLetters);
        for (const { partition, offset, tallies = {} } of points) {
          if (offset <= this.#committed[partition]) continue;
          if (group !== null && (!group.owns(member, partition) || offset > (position.get(partition) ?? 0))) continue;
          this.#committed[partition] = offset;
          for (const [name, amount] of Object.entries(tallies)) {
            this.counters[name] = (this.counters[name] ?? 0) + amount;
          }
        }
        await this.#point('after commit');
      },
      close: async () => group?.leave(member, this.nowMs),
    };
  }

  /** Stale owners of the embedded log do not exist, but the stitcher must survive them: nobody is fenced. */
  #soleOwner(): Member {
    const member = new Member();
    for (const [partition, offset] of this.#committed.entries()) member.position.set(partition, offset);
    return member;
  }

  async offsets(): Promise<readonly PartitionOffsets[]> {
    return (await this.state()).partitions;
  }

  async state(): Promise<BusState> {
    this.#appendDue();
    return {
      partitions: this.#log.map((records, partition) => ({
        partition,
        startOffset: 0,
        endOffset: records.length,
        committedOffset: this.#committed[partition],
        lastAppendTimeMs: records.at(-1)?.appendTimeMs ?? 0,
        appendedItems: records.reduce((sum, record) => sum + record.itemCount, 0),
        committedItems: 0,
      })),
      counters: this.counters,
    };
  }

  async deadLetters(): Promise<DeadLetter[]> {
    return this.dead;
  }

  async close(): Promise<void> {}

  #append(record: RecordToPublish, atMs: number): void {
    const log = this.#log[record.partition];
    log.push({ ...record, offset: log.length, appendTimeMs: Math.max(atMs, log.at(-1)?.appendTimeMs ?? 0) });
  }

  #appendDue(): void {
    this.group?.advance(this.nowMs);
    while (this.#schedule.length > 0 && this.#schedule[0].atMs <= this.nowMs) {
      const due = this.#schedule.shift();
      if (due !== undefined) this.#append(due, due.atMs);
    }
  }

  #take(position: Map<number, number>, maxBytes: number): LogRecord[] {
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let [partition, offset] of position) {
      const log = this.#log[partition];
      while (offset < log.length && (bytes < maxBytes || records.length === 0)) {
        const record = log[offset++];
        records.push(record);
        bytes += record.payload.length;
      }
      position.set(partition, offset);
    }
    return records;
  }

  async #point(name: string): Promise<void> {
    await null;
    this.onEffect(name);
  }
}
