/** A log in memory on a virtual clock: waiting for records moves time on to the next scheduled append. */
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

export interface ScheduledRecord {
  readonly atMs: number;
  readonly partition: number;
  readonly tenant: string;
  readonly itemCount: number;
  readonly payload: Uint8Array;
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

  constructor(partitionCount: number, startMs: number, schedule: readonly ScheduledRecord[]) {
    this.partitionCount = partitionCount;
    this.nowMs = startMs;
    this.#schedule = [...schedule].sort((a, b) => a.atMs - b.atMs);
    this.#log = Array.from({ length: partitionCount }, () => []);
    this.#committed = new Array(partitionCount).fill(0);
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

  async consumer(): Promise<BusConsumer> {
    const position = [...this.#committed];
    const partitions = position.map((_, partition) => partition);
    return {
      partitions,
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
      takeRevoked: () => [],
      commit: async (points: readonly CommitPoint[], deadLetters: readonly DeadLetter[] = []) => {
        await this.#point('before commit');
        this.dead.push(...deadLetters);
        for (const { partition, offset, tallies = {} } of points) {
          if (offset <= this.#committed[partition]) continue;
          this.#committed[partition] = offset;
          for (const [name, amount] of Object.entries(tallies)) {
            this.counters[name] = (this.counters[name] ?? 0) + amount;
          }
        }
        await this.#point('after commit');
      },
      close: async () => {},
    };
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
    while (this.#schedule.length > 0 && this.#schedule[0].atMs <= this.nowMs) {
      const due = this.#schedule.shift();
      if (due !== undefined) this.#append(due, due.atMs);
    }
  }

  #take(position: number[], maxBytes: number): LogRecord[] {
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let partition = 0; partition < this.partitionCount; partition++) {
      while (position[partition] < this.#log[partition].length && (bytes < maxBytes || records.length === 0)) {
        const record = this.#log[partition][position[partition]++];
        records.push(record);
        bytes += record.payload.length;
      }
    }
    return records;
  }

  async #point(name: string): Promise<void> {
    await null;
    this.onEffect(name);
  }
}
