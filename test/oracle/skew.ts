/** Estimated clock skew (docs/stitching.md, Times): by how much each span is shifted for the critical path. */
import type { Shape } from './shape.js';
import {
  durationNs,
  effectiveEndNs,
  KIND_CONSUMER,
  KIND_PRODUCER,
  type OracleRules,
  type OracleSpan,
} from './types.js';

export interface Skew {
  /** Of every span; spans on and below cycles stay where they are. */
  readonly shiftNs: ReadonlyMap<OracleSpan, bigint>;
  /** Whether a shift was larger than allowed. */
  readonly exceeded: boolean;
}

export function skewOf(shape: Shape, rules: OracleRules): Skew {
  const shiftNs = new Map<OracleSpan, bigint>(shape.spans.map(span => [span, 0n]));
  let exceeded = false;

  const queue = [...shape.tops];
  for (const parent of queue) {
    for (const child of shape.children.get(parent)!) {
      queue.push(child);
      if (isAsynchronous(child, parent)) continue;
      if (isSameHost(child, parent)) {
        shiftNs.set(child, shiftNs.get(parent)!);
        continue;
      }
      const shift = shiftInto(parent, shiftNs.get(parent)!, child);
      const size = shift < 0n ? -shift : shift;
      if (size > rules.maxClockSkewNs) exceeded = true;
      else shiftNs.set(child, shift);
    }
  }
  return { shiftNs, exceeded };
}

function isAsynchronous(child: OracleSpan, parent: OracleSpan): boolean {
  return child.kind === KIND_CONSUMER || parent.kind === KIND_PRODUCER;
}

function isSameHost(a: OracleSpan, b: OracleSpan): boolean {
  return a.host !== '' && b.host !== '' ? a.host === b.host : a.service === b.service;
}

function shiftInto(parent: OracleSpan, parentShiftNs: bigint, child: OracleSpan): bigint {
  const parentStart = parent.startNs + parentShiftNs;
  const parentEnd = effectiveEndNs(parent) + parentShiftNs;
  const start = child.startNs;
  const end = effectiveEndNs(child);
  if (durationNs(child) > durationNs(parent)) return start < parentStart ? parentStart - start : 0n;
  if (start >= parentStart && end <= parentEnd) return 0n;
  // The difference of the durations is not negative here, so BigInt's division rounds down.
  return parentStart - start + (durationNs(parent) - durationNs(child)) / 2n;
}
