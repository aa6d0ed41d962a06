/**
 * Assembly: the spans of one trace become what the store says about it (docs/stitching.md).
 *
 * In: a table of spans, the rows of one trace (distinct identities) and the rules. Out: one AssembledTrace, borrowed
 * until the next call. A pure function of its input: the order of rows, earlier calls and clocks change nothing. It never
 * looks at strings (they are interned numbers), never writes to the table and never recurses, so the deepest trace
 * costs n log n like any other.
 */
export type { AssembledTrace, NanosecondColumn } from './assembled-trace.js';
export { Assembler, type AssemblyRules } from './assembler.js';
export { TRACE_FLAG_NAMES, TraceFlag, traceFlagNames } from './trace-flags.js';
