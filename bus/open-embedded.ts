import type { EmbeddedBusOptions } from './embedded/options.js';
import { BusError } from './errors.js';
import type { Bus } from './types.js';

/**
 * Opens (and, if need be, makes) the embedded log. Rejects with a BusError, or a RangeError for an impossible option.
 * Its code is loaded when it is used: where the log is Kafka, LMDB's native part may be left out of the installation.
 */
export async function openEmbeddedBus(options: EmbeddedBusOptions): Promise<Bus> {
  const { openEmbeddedBus: open } = await import('./embedded/bus.js').catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    const message = `the embedded log is not installed here (package lmdb): set bus.kind to kafka, or install the optional dependencies: ${reason}`;
    throw new BusError('BUS_NOT_INSTALLED', message, { cause });
  });
  return open(options);
}
