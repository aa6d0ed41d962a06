/**
 * What the ledger says must be there, may be there, and what the traces must then be.
 *
 * Nobody knows of an unacknowledged batch whether it arrived. Per trace its spans arrive together or not at all (they are
 * of one record), so for each trace there are as many possible truths as there are subsets of its unacknowledged batches;
 * those that contradict the identities stored are out, and the system must show one of the others.
 */
import { groupBy } from '../../oracle/group-by.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace } from '../../oracle/index.js';
import { spansOfRecord } from '../../oracle/otlp-json.js';
import type { Batch } from './ledger.js';

export interface ExpectedTrace {
  readonly traceId: string;
  /** Identities that were acknowledged, and those that were sent and not acknowledged. */
  readonly acked: ReadonlySet<string>;
  readonly unacked: ReadonlySet<string>;
  /** The trace by each set of identities and copies that may have arrived; null: nothing of it. */
  readonly truths: readonly { readonly identities: ReadonlySet<string>; readonly trace: OracleTrace | null }[];
}

export interface Expected {
  readonly traces: ReadonlyMap<string, ExpectedTrace>;
  /** Spans in acknowledged batches, and in all tries of all batches: bounds of what was received. */
  readonly ackedSpans: number;
  readonly triedSpans: number;
}

/** A trace with more unacknowledged batches would have too many possible truths: the load is to be made otherwise. */
const MAX_UNKNOWN = 10;

interface Part {
  readonly isAcked: boolean;
  readonly identities: readonly string[];
  readonly spans: readonly TracePart[];
}

interface TracePart {
  readonly resource?: object;
  readonly scope?: object;
  readonly span: { readonly traceId: string };
}

export function identityOf(spanId: string, kind: number): string {
  return `${spanId}/${kind}`;
}

export function expectedOf(batches: Iterable<Batch>): Expected {
  const parts = new Map<string, Part[]>();
  let ackedSpans = 0;
  let triedSpans = 0;
  for (const { request, attempts, isAcked } of batches) {
    const spans = flatten(request);
    triedSpans += spans.length * attempts;
    if (isAcked) ackedSpans += spans.length;
    for (const [traceId, own] of groupBy(spans, ({ span }) => span.traceId)) {
      const part = { isAcked, identities: identitiesOf(own), spans: own };
      const list = parts.get(traceId);
      if (list === undefined) parts.set(traceId, [part]);
      else list.push(part);
    }
  }
  const traces = new Map([...parts].map(([traceId, list]) => [traceId, expectedTrace(traceId, list)]));
  return { traces, ackedSpans, triedSpans };
}

function expectedTrace(traceId: string, parts: readonly Part[]): ExpectedTrace {
  const known = parts.filter(({ isAcked }) => isAcked);
  const unknown = parts.filter(({ isAcked }) => !isAcked);
  if (unknown.length > MAX_UNKNOWN) throw new Error(`trace ${traceId} has ${unknown.length} unacknowledged batches`);
  const acked = new Set(known.flatMap(({ identities }) => identities));
  const unacked = new Set(unknown.flatMap(({ identities }) => identities).filter(identity => !acked.has(identity)));
  const truths = Array.from({ length: 2 ** unknown.length }, (_, subset) => {
    const arrived = [...known, ...unknown.filter((_part, at) => (subset >> at) & 1)];
    return { identities: new Set(arrived.flatMap(part => part.identities)), trace: traceOf(traceId, arrived) };
  });
  return { traceId, acked, unacked, truths };
}

function traceOf(traceId: string, arrived: readonly Part[]): OracleTrace | null {
  if (arrived.length === 0) return null;
  const records = arrived.map(({ spans }, offset) => ({
    partition: 0,
    offset,
    appendTimeMs: 0,
    request: { resourceSpans: spans.map(toResourceSpans) },
  }));
  return computeTraces(records, DEFAULT_ORACLE_RULES).get(traceId) ?? null;
}

function toResourceSpans({ resource, scope, span }: TracePart): object {
  return { resource, scopeSpans: [{ scope, spans: [span] }] };
}

function identitiesOf(spans: readonly TracePart[]): string[] {
  const record = { partition: 0, offset: 0, appendTimeMs: 0, request: { resourceSpans: spans.map(toResourceSpans) } };
  return spansOfRecord(record).map(({ spanId, kind }) => identityOf(spanId, kind));
}

function flatten(request: object): TracePart[] {
  const { resourceSpans } = request as {
    readonly resourceSpans: readonly {
      readonly resource?: object;
      readonly scopeSpans: readonly {
        readonly scope?: object;
        readonly spans: readonly { readonly traceId: string }[];
      }[];
    }[];
  };
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map(span => ({ ...(resource && { resource }), ...(scope && { scope }), span })),
    ),
  );
}
