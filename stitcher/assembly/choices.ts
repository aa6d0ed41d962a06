/** Which span speaks for its trace (docs/stitching.md, Location and Error). Ties fall to the lowest index. */
import { NO_LOCATION_RANK } from '../../otlp/index.js';
import type { SpanTable } from '../span-table.js';
import { STATUS_ERROR } from './span-codes.js';
import { NO_SPAN, type TraceSpans } from './trace-spans.js';
import type { Tree } from './tree.js';

/** The span that locates the trace: lowest rank, then least depth. NO_SPAN if none has a location. */
export function chooseLocation(spans: TraceSpans, table: SpanTable, tree: Tree): number {
  const depth = tree.depth;
  let chosen = NO_SPAN;
  let lowestRank = NO_LOCATION_RANK;
  for (let span = 0; span < spans.count; span++) {
    const rank = table.locationRank[spans.row[span]];
    if (rank > lowestRank || rank === NO_LOCATION_RANK) continue;
    if (rank === lowestRank && depth[span] >= depth[chosen]) continue;
    lowestRank = rank;
    chosen = span;
  }
  return chosen;
}

/** Whether the user saw an error: at the root, without a root at any top. */
export function isInError(spans: TraceSpans, tree: Tree): boolean {
  const { root, parent } = tree;
  if (root !== NO_SPAN) return spans.status[root] === STATUS_ERROR;
  for (let span = 0; span < spans.count; span++) {
    if (parent[span] === NO_SPAN && spans.status[span] === STATUS_ERROR) return true;
  }
  return false;
}

/** The deepest failed span of a trace in error. */
export function chooseErrorOrigin(spans: TraceSpans, tree: Tree): number {
  const depth = tree.depth;
  let chosen = NO_SPAN;
  for (let span = 0; span < spans.count; span++) {
    if (spans.status[span] !== STATUS_ERROR) continue;
    if (chosen === NO_SPAN || depth[span] > depth[chosen]) chosen = span;
  }
  return chosen;
}
