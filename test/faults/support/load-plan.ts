/** What a load consists of: a pure function of its seed. */
import { type GeneratedSpan, generateTrace, mulberry32, toRequest } from '../../oracle/generate.js';
import type { LedgerRequest } from './ledger.js';

export interface LoadPlan {
  readonly seed: number;
  readonly traces: number;
  /** Number of the first trace and of the first batch: loads into one system must not share any. */
  readonly first?: number;
  /** At most; each batch has a size of its own. */
  readonly spansPerBatch?: number;
  /** Start of the first trace, epoch nanoseconds as text. */
  readonly startNs: string;
}

/** A span comes among those of so many traces around its own, unless it is late. */
const SPREAD_TRACES = 6;
const LATE = 0.08;
const NS_PER_TRACE = 150_000_000n;

/**
 * The requests in the order in which they are sent. Traces are the oracle's (copies, conflicts, all that can be odd about
 * them); their spans are mixed with those of others, and some come long after the rest.
 */
export function planLoad(plan: LoadPlan): LedgerRequest[] {
  const { seed, traces, first = 0, spansPerBatch = 40, startNs } = plan;
  const random = mulberry32(seed);
  const placed: { readonly at: number; readonly span: GeneratedSpan }[] = [];
  for (let index = 0; index < traces; index++) {
    // generateTrace() itself moves on by 10 ms a trace.
    const ownStartNs = BigInt(startNs) + BigInt(index) * NS_PER_TRACE - BigInt(first) * 10_000_000n;
    for (const span of generateTrace(random, first + index, { startNs: ownStartNs }).spans) {
      const lateBy = random() < LATE ? random() * (traces - index) : 0;
      placed.push({ at: index + random() * SPREAD_TRACES + lateBy, span });
    }
  }
  placed.sort((a, b) => a.at - b.at);
  const requests: LedgerRequest[] = [];
  for (let from = 0; from < placed.length; ) {
    const to = from + 1 + Math.floor(random() * spansPerBatch);
    requests.push(toRequest(placed.slice(from, to).map(({ span }) => span)));
    from = to;
  }
  return requests;
}
