/**
 * Preloaded (`node --import`) into processes under test: a clock that is wrong by as many milliseconds as the file says
 * that FAULTS_CLOCK_FILE names; it may change at any moment. What measures durations (performance.now) stays right, as
 * on a machine whose wall clock is set.
 */
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 50;
const file = process.env.FAULTS_CLOCK_FILE ?? '';
const RealDate = Date;
let offsetMs = 0;
let lookedAtMs = Number.NEGATIVE_INFINITY;

function offset(): number {
  const at = performance.now();
  if (at - lookedAtMs < LOOK_EVERY_MS) return offsetMs;
  lookedAtMs = at;
  try {
    offsetMs = Number(readFileSync(file, 'utf8'));
  } catch {
    // It is being written: what it said before holds a moment longer.
  }
  return offsetMs;
}

class ShiftedDate extends RealDate {
  constructor(...given: []) {
    if (given.length === 0) super(RealDate.now() + offset());
    else super(...given);
  }

  static override now(): number {
    return RealDate.now() + offset();
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
