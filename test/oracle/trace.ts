/** One trace from everything the log brought for it. */
import { NO_PLACE } from './classification.js';
import { criticalPath, type PathSection } from './critical-path.js';
import { distinctSpans } from './identity.js';
import { latenessOf } from './lateness.js';
import { type Shape, shapeOf } from './shape.js';
import { type Skew, skewOf } from './skew.js';
import { tiersOf } from './tiers.js';
import {
  compareSpans,
  effectiveEndNs,
  type OraclePlace,
  type OracleRules,
  type OracleSection,
  type OracleSpan,
  type OracleTrace,
  STATUS_ERROR,
} from './types.js';

/**
 * `arrivals`: every span of the trace out of every record, at least one. `isRestitched`: the trace was restated on
 * request, with the spans that came too late.
 */
export function computeTrace(arrivals: readonly OracleSpan[], rules: OracleRules, isRestitched = false): OracleTrace {
  const distinct = distinctSpans(arrivals);
  const { late, tooLate } = latenessOf(distinct.spans, rules);
  const members = distinct.spans.filter(span => isRestitched || !tooLate.has(span)).sort(compareSpans);
  const assembled = members.slice(0, rules.maxSpansPerTrace);

  const shape = shapeOf(assembled);
  const { root, entry } = shape;
  const skew = skewOf(shape, rules);
  const tiers = tiersOf(shape);
  const path = criticalPath(shape, skew.shiftNs).map(section => describe(section, root!, tiers));
  const place = placeOf(shape);
  const isError = root !== undefined ? isFailed(root) : shape.tops.some(isFailed);
  const origin = isError ? errorOrigin(shape) : undefined;
  const startNs = root?.startNs ?? least(assembled.map(span => span.startNs));
  const endNs = root !== undefined ? effectiveEndNs(root) : greatest(assembled.map(effectiveEndNs));
  const flags = traceFlags(members, shape, skew);
  if (distinct.conflict) flags.push('conflict');
  if (isRestitched) flags.push('restitched');
  if (assembled.length < members.length) flags.push('truncated');

  return {
    traceId: entry.traceId,
    spanCount: members.length,
    serviceCount: new Set(members.map(span => span.service)).size,
    orphanCount: shape.orphanCount,
    duplicateCount: arrivals.length - distinct.spans.length,
    lateCount: members.filter(span => late.has(span)).length,
    tooLateCount: tooLate.size,
    complete: root !== undefined && shape.orphanCount === 0 && !shape.hasCycle,
    hasRoot: root !== undefined,
    rootSpanId: root?.spanId ?? '',
    service: entry.service,
    operation: entry.name,
    environment: entry.environment,
    locality: place.locality,
    region: place.region,
    country: place.country,
    startNs,
    endNs,
    durationNs: endNs - startNs,
    error: isError,
    errorSpanId: origin?.spanId ?? '',
    errorService: origin?.service ?? '',
    errorOperation: origin?.name ?? '',
    errorTier: origin === undefined ? '' : tiers.get(origin)!,
    flags: flags.sort(),
    tiers: sums(path, section => [section.tier]).map(([[tier], ns]) => ({ tier, ns })),
    services: sums(
      path.filter(section => section.kind === 'service'),
      section => [section.service],
    ).map(([[service], ns]) => ({ service, ns })),
    links: sums(
      path.filter(section => section.kind === 'link'),
      section => [section.caller, section.service],
    ).map(([[caller, callee], ns]) => ({ caller, callee, ns })),
    path,
    revisionSpans: members.length,
  };
}

function describe(section: PathSection, root: OracleSpan, tiers: ReadonlyMap<OracleSpan, string>): OracleSection {
  const { span, callee } = section;
  return {
    kind: callee === undefined ? 'service' : 'link',
    spanId: span.spanId,
    caller: callee === undefined ? '' : span.service,
    service: (callee ?? span).service,
    operation: span.name,
    tier: tiers.get(callee ?? span)!,
    offsetNs: section.startNs - root.startNs,
    selfNs: section.endNs - section.startNs,
  };
}

/** Of the spans with the lowest rank the one of least depth, then the earliest. */
function placeOf(shape: Shape): OraclePlace {
  const placed = shape.spans.filter(span => span.place.rank !== NO_PLACE.rank);
  const best = [...placed].sort(
    (a, b) => a.place.rank - b.place.rank || shape.depth.get(a)! - shape.depth.get(b)! || compareSpans(a, b),
  );
  return best[0]?.place ?? NO_PLACE;
}

/** Of the failed spans the deepest, then the earliest. */
function errorOrigin(shape: Shape): OracleSpan {
  const failed = shape.spans.filter(isFailed);
  return failed.sort((a, b) => shape.depth.get(b)! - shape.depth.get(a)! || compareSpans(a, b))[0];
}

function isFailed(span: OracleSpan): boolean {
  return span.status === STATUS_ERROR;
}

/** Flags that the spans themselves raise are those of all members, truncated or not. */
function traceFlags(members: readonly OracleSpan[], shape: Shape, skew: Skew): string[] {
  const flags: string[] = [];
  if (shape.root === undefined) flags.push('root_missing');
  if (shape.rootCount > 1) flags.push('multiple_roots');
  if (shape.hasCycle) flags.push('cycle');
  if (members.some(span => span.endNs < span.startNs)) flags.push('negative_duration');
  if (members.some(span => span.hasTimeOutOfRange)) flags.push('time_out_of_range');
  if (members.some(span => span.hasBadParentId)) flags.push('bad_parent_id');
  if ([...skew.shiftNs.values()].some(shift => shift !== 0n)) flags.push('skew_adjusted');
  if (skew.exceeded) flags.push('skew_exceeded');
  return flags;
}

/** Lengths of sections summed by key, ascending by key. */
function sums(path: readonly OracleSection[], keyOf: (section: OracleSection) => string[]): [string[], bigint][] {
  const totals = new Map<string, bigint>();
  for (const section of path) {
    const key = JSON.stringify(keyOf(section));
    totals.set(key, (totals.get(key) ?? 0n) + section.selfNs);
  }
  const entries = [...totals].map(([key, ns]): [string[], bigint] => [JSON.parse(key) as string[], ns]);
  return entries.sort(([a], [b]) => compareTexts(a[0], b[0]) || compareTexts(a[1] ?? '', b[1] ?? ''));
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function least(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a < b ? a : b));
}

function greatest(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a > b ? a : b));
}
