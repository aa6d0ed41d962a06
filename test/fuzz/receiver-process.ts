/** The receivers as a process of their own: a crash of theirs is not the fuzzer's, and their memory is theirs alone. */
import { startFuzzReceivers } from './fuzz-receivers.js';

export interface ReceiverState {
  /** Spans published. */
  readonly items: number;
  readonly inFlightBytes: number;
  /** After a full collection. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}

const { ingest, bus } = await startFuzzReceivers();
process.on('message', () => {
  global.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const state: ReceiverState = {
    items: bus.items,
    inFlightBytes: ingest.inFlightBytes(),
    heapBytes: heapUsed + external,
    residentBytes: rss,
  };
  process.send?.(state);
});
process.once('disconnect', () => process.exit(0));
process.send?.({ httpPort: ingest.httpPort, grpcPort: ingest.grpcPort });
