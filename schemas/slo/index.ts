/** SLO documents (OpenSLO v1): text → documents → definitions, or all that is wrong with them. No I/O. */
export { DEFAULT_MINIMUM_EVENTS } from './alerts.js';
export { defaultAlerts } from './default-alerts.js';
export type * from './definition.js';
export type { SloDocument, SloDocumentKind, SloDocumentOf } from './documents.js';
export { canonicalJson, countingHash, definitionHash } from './hash.js';
export {
  findingText as sloFindingText,
  problemText as sloProblemText,
  SloDocumentError,
  type SloProblem,
} from './problems.js';
export { parseSloDocuments, readSloDocuments, type SloReading, type SloSource } from './read.js';
export { resolveSloDocuments, type SloOutcome, type SloResolution, type SloResolutions } from './resolve.js';
export { shorthandText } from './shorthand.js';
export { MAX_SOURCE_BYTES as MAX_SLO_FILE_BYTES } from './source-text.js';
export { summarize as summarizeSlo } from './summary.js';
