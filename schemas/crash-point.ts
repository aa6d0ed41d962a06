/**
 * Named moments at which tests kill a process (test/faults/): between two things that must not depend on each other.
 *
 * No setting and no environment variable of a production start reaches them: what happens at a point is a function that a
 * script of the test suite puts into the process before the program is loaded (`node --import`). Without it a point is an
 * empty function, called once a batch, a request or a pass, never once a span. It stands here because every room may use
 * `schemas/`, and it does nothing by itself.
 */
export type CrashPoint =
  /** The log has made a request durable; its sender has not been told. */
  | 'after-append'
  /** The spans of a batch are stored, how many there are is not. */
  | 'between-spans-and-arrivals'
  /** A batch is stored; its offsets are not committed. */
  | 'before-commit'
  /** A batch is committed; nothing of its traces is written. */
  | 'after-commit'
  /** Revisions of traces are made, with their tombstones, and not stored. */
  | 'before-revisions'
  /** They are stored; nobody has noted it. */
  | 'after-revisions'
  /** Some minutes of a rollup are written, others are not, and its position is not saved. */
  | 'within-rollup'
  /** SLO counts of some minutes are written; that they were is not, and the job's position is not saved. */
  | 'within-counting';

const hook = (globalThis as { readonly [key: symbol]: ((point: CrashPoint) => void) | undefined })[
  Symbol.for('throughline.crashPoint')
];

export const crashPoint: (point: CrashPoint) => void = hook ?? (() => {});
