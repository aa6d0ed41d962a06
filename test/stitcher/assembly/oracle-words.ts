/** Spans of the oracle as rows of a table, and what both sides say about a trace in the same words. */
import { SpanFlag } from '../../../otlp/index.js';
import { Assembler } from '../../../stitcher/assembly/index.js';
import { Interner } from '../../../stitcher/interner.js';
import type { OracleRules, OracleTrace } from '../../oracle/index.js';
import type { OracleSpan } from '../../oracle/types.js';
import { BASE_MS, fill, rulesFor, type SpanSpec, type Summary, summarize } from './build.js';

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const STATUSES = ['UNSET', 'OK', 'ERROR'] as const;

/** Spans named by their identity, so that results tell which span they speak of. */
export function specOf(span: OracleSpan): SpanSpec {
  const flags =
    (span.hasBadParentId ? SpanFlag.BAD_PARENT_ID : 0) | (span.hasTimeOutOfRange ? SpanFlag.TIME_OUT_OF_RANGE : 0);
  return {
    id: span.spanId,
    parent: span.parentSpanId,
    kind: KINDS[span.kind],
    name: nameOf(span),
    start: span.startNs,
    end: span.endNs,
    service: span.service,
    tier: span.tier,
    environment: span.environment,
    host: span.host,
    status: STATUSES[span.status],
    received: span.receivedMs - BASE_MS,
    locality: span.place.locality,
    region: span.place.region,
    country: span.place.country,
    locationRank: span.place.rank,
    isDatabaseCall: span.isDatabaseCall,
    flags,
  };
}

export function nameOf(span: OracleSpan): string {
  return `${span.spanId}/${span.kind}`;
}

/** What the oracle says, as far as an assembler can know it. */
export function wordsOf(oracle: OracleTrace) {
  const { flags, tiers, services, links, path } = oracle;
  return {
    root: oracle.rootSpanId,
    entry: [oracle.service, oracle.operation, oracle.environment],
    place: [oracle.locality, oracle.region, oracle.country],
    // Not the assembler's: conflicts and requests are its caller's business.
    flags: flags.filter(flag => flag !== 'conflict' && flag !== 'restitched'),
    complete: oracle.complete,
    times: [oracle.startNs, oracle.endNs, oracle.durationNs],
    error: [oracle.error, oracle.errorSpanId, oracle.errorService, oracle.errorOperation, oracle.errorTier],
    counts: [oracle.spanCount, oracle.serviceCount, oracle.orphanCount, oracle.lateCount, oracle.tooLateCount],
    tiers: tiers.map(({ tier, ns }) => [tier, ns]),
    services: services.map(({ service, ns }) => [service, ns]),
    links: links.map(({ caller, callee, ns }) => [caller, callee, ns]),
    path,
  };
}

function wordsOfSummary(summary: Summary, spans: ReadonlyMap<string, OracleSpan>): ReturnType<typeof wordsOf> {
  const of = (name: string | null) => (name === null ? undefined : spans.get(name)!);
  const entry = of(summary.entry)!;
  const place = of(summary.location)?.place ?? { locality: '', region: '', country: '' };
  const failed = of(summary.errorOrigin);
  return {
    root: of(summary.root)?.spanId ?? '',
    entry: [entry.service, entry.name, entry.environment],
    place: [place.locality, place.region, place.country],
    flags: [...summary.flags],
    complete: summary.complete,
    times: [summary.startNs, summary.endNs, summary.durationNs],
    error: [summary.error, failed?.spanId ?? '', failed?.service ?? '', failed?.name ?? '', summary.errorTier],
    counts: [summary.spanCount, summary.serviceCount, summary.orphanCount, summary.lateCount, summary.tooLateCount],
    tiers: sorted(summary.tiers),
    services: sorted(summary.services),
    links: sorted(summary.links),
    path: summary.path.map(section => {
      const span = of(section.span)!;
      const callee = of(section.callee);
      return {
        kind: section.kind === 'link' ? 'link' : 'service',
        spanId: span.spanId,
        caller: callee === undefined ? '' : span.service,
        service: (callee ?? span).service,
        operation: span.name,
        tier: section.tier,
        offsetNs: section.offsetNs,
        selfNs: section.selfNs,
      };
    }),
  };
}

/** By the names; the amounts come last and decide nothing. */
function sorted(sums: readonly (readonly (string | bigint)[])[]): (string | bigint)[][] {
  const key = (sum: readonly (string | bigint)[]) => sum.slice(0, -1).join('\0');
  return sums.map(sum => [...sum]).sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** What a fresh assembler says about distinct spans of one trace. */
export function assembleOracleSpans(
  spans: readonly OracleSpan[],
  rules: OracleRules,
  isRestitched: boolean,
): ReturnType<typeof wordsOf> {
  const interner = new Interner();
  const assembler = new Assembler(rulesFor(interner, { ...rules, maxClockSkewNs: Number(rules.maxClockSkewNs) }));
  const filled = fill(spans.map(specOf), interner);
  const trace = assembler.assemble(filled.table, filled.rows, spans.length, isRestitched);
  return wordsOfSummary(summarize(trace, filled), new Map(spans.map(span => [nameOf(span), span])));
}
