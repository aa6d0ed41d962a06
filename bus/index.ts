/**
 * The log between receivers and stitchers.
 *
 * In: records (opaque payloads, counted items) for a partition, and tallies to be added in the same transaction.
 * Out: the same records in offset order, each until its consumer commits past it; cumulative counters; dead letters.
 *
 * A publish resolves only once its records are durable. Offsets grow for the life of the log and are never reused.
 * The room never looks into a payload, never drops a record silently, and never grows beyond its limit: it refuses
 * (BUS_FULL) before it writes.
 */

export type { EmbeddedBusOptions } from './embedded/options.js';
export { BusError, type BusErrorCode } from './errors.js';
export { openKafkaBus } from './kafka/bus.js';
export type { KafkaBusOptions, KafkaCompression, KafkaSasl, KafkaTls } from './kafka/options.js';
export { openEmbeddedBus } from './open-embedded.js';
export type * from './types.js';
