/** A log whose publishes fail when told to, in front of a real one. */
import type { Bus, RecordToPublish, Tallies } from '../../../bus/index.js';

type Fault = (publish: () => Promise<void>) => Promise<void>;

export class FaultyBus implements Bus {
  private readonly bus: Bus;
  private fault: Fault | undefined;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  get partitionCount(): number {
    return this.bus.partitionCount;
  }

  get maxRecordBytes(): number {
    return this.bus.maxRecordBytes;
  }

  get failed(): Promise<never> {
    return this.bus.failed;
  }

  /** From now on every publish goes through `fault`; undefined heals. */
  breakWith(fault: Fault | undefined): void {
    this.fault = fault;
  }

  failWith(error: Error): void {
    this.fault = () => Promise.reject(error);
  }

  publish(records: readonly RecordToPublish[], tallies?: Tallies): Promise<void> {
    const publish = () => this.bus.publish(records, tallies);
    return this.fault === undefined ? publish() : this.fault(publish);
  }

  consumer: Bus['consumer'] = () => this.bus.consumer();
  offsets: Bus['offsets'] = () => this.bus.offsets();
  state: Bus['state'] = () => this.bus.state();
  deadLetters: Bus['deadLetters'] = limit => this.bus.deadLetters(limit);
  close: Bus['close'] = () => this.bus.close();
}
