/** The tier of each span within its trace (docs/stitching.md, Tier): services only ever seen behind database calls. */
import { groupBy } from './group-by.js';
import type { Shape } from './shape.js';
import type { OracleSpan } from './types.js';

export function tiersOf(shape: Shape): Map<OracleSpan, string> {
  const ofServices = groupBy(shape.spans, span => span.service);
  const tiers = new Map<OracleSpan, string>();
  for (const [, spans] of ofServices) {
    const isDatabase = spans.every(span => isBehindDatabaseCall(span, shape));
    for (const span of spans) tiers.set(span, isDatabase && span.tier === 'app' ? 'data' : span.tier);
  }
  return tiers;
}

/** Whether it is the child of another service's database call, or below such a span within its own service. */
function isBehindDatabaseCall(span: OracleSpan, shape: Shape): boolean {
  const seen = new Set<OracleSpan>();
  for (let at = span; !seen.has(at); ) {
    seen.add(at);
    const parent = shape.parent.get(at);
    if (parent === undefined) return false;
    if (parent.service !== span.service) return parent.isDatabaseCall;
    at = parent;
  }
  return false;
}
