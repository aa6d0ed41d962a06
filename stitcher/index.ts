/**
 * The stitcher room: spans become traces.
 *
 * In: records of the log, each a valid OTLP TracesData message (or not: then a dead letter). Out: rows in the store, of
 * spans, of arrivals and of trace revisions, and committed offsets. It decides which spans belong together, when a trace
 * is closed, what it cost whom, and restates all of that whenever more spans come. The rules are in docs/stitching.md.
 *
 * It never speaks HTTP, never writes SQL text, and trusts nothing it remembers: its memory is a cache of the store.
 */

export { type RestitchOptions, restitchTraces } from './restitch-command.js';
export { type StitcherStartOptions, startStitcher } from './start.js';
export type { Stitcher } from './stitcher.js';
