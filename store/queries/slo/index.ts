/** SLOs in the store: documents, counting, counts, restatements. Other rooms see them through store/index.ts. */
export * from './alerts.js';
export * from './backfill.js';
export { readsSpans, type SloChunk, TRACES_NAMED } from './computed.js';
export * from './counting.js';
export {
  type MinuteSpan,
  type SloCells,
  type SloCounts,
  type SloMinute,
  type SloSeries,
  type SloSums,
  sloSeries,
  sloSeriesByGroup,
  sumSlo,
} from './counts.js';
export * from './documents.js';
export { type DirtyHour, dirtySloHours, hoursSummedToMs, saveSloHoursPosition, writeSloHours } from './hours.js';
export * from './minutes.js';
export * from './notifications.js';
export * from './report-traces.js';
export * from './reports.js';
export * from './restatements.js';
export { type SloStretches, type StretchQuestion, sloStretches } from './stretches.js';
