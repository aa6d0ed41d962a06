/** SLOs in the store: documents, counting, counts, restatements. Other rooms see them through store/index.ts. */
export * from './backfill.js';
export { readsSpans, type SloChunk, TRACES_NAMED } from './computed.js';
export * from './counting.js';
export * from './counts.js';
export * from './documents.js';
export * from './minutes.js';
export * from './restatements.js';
