/** What goes wrong with spans on their way: each anomaly changes a draft tree in place, or adds copies to it. */
import type { DraftSpan } from './generate.js';
import type { Draw } from './random.js';
import { KIND_CLIENT, KIND_CONSUMER, KIND_INTERNAL, KIND_SERVER } from './types.js';

type Anomaly = (draw: Draw, spans: DraftSpan[]) => void;

/** After 2262-04-11: beyond what the store can hold. */
const FAR_FUTURE_NS = 2n ** 63n + 1_000n;
const MAX_TIME_NS = 2n ** 63n - 1n;

/**
 * `intensity` from 0 to 1: how likely each anomaly is. Returns what is to be sent beside the spans: exact duplicates,
 * and copies that differ in their end.
 */
export function deform(draw: Draw, spans: DraftSpan[], intensity: number): DraftSpan[] {
  for (const anomaly of ANOMALIES) {
    if (draw.chance(intensity * 0.08)) anomaly(draw, spans);
  }
  separateEnds(spans);
  const copies: DraftSpan[] = [];
  if (draw.chance(intensity * 0.3)) copies.push(...duplicates(draw, spans));
  if (draw.chance(intensity * 0.1)) copies.push(...conflicts(draw, spans));
  return copies;
}

const ANOMALIES: readonly Anomaly[] = [
  shareId,
  shareIdWithOwnIdAsParent,
  shareIdAcrossKinds,
  makeCycle,
  makeOwnParent,
  loseParent,
  loseRoot,
  addRoot,
  runBackwards,
  zeroTimes,
  zeroEnd,
  farFuture,
  breakClock,
  forgetCalls,
];

/** Instrumentation that does not say which spans are calls. */
function forgetCalls(_draw: Draw, spans: DraftSpan[]): void {
  for (const span of spans) if (span.kind === KIND_CLIENT) span.kind = KIND_INTERNAL;
}

/** Zipkin's way: the server span has its client's id and its client's parent. */
function shareId(draw: Draw, spans: DraftSpan[]): void {
  const pair = clientAndServer(draw, spans);
  if (pair === undefined) return;
  rename(spans, pair.server, pair.client.spanId);
  pair.server.parentSpanId = pair.client.parentSpanId;
}

function shareIdWithOwnIdAsParent(draw: Draw, spans: DraftSpan[]): void {
  const pair = clientAndServer(draw, spans);
  if (pair !== undefined) rename(spans, pair.server, pair.client.spanId);
}

function shareIdAcrossKinds(draw: Draw, spans: DraftSpan[]): void {
  const a = draw.pick(spans);
  const b = draw.pick(spans);
  const isTaken = spans.some(span => span.spanId === a.spanId && span.kind === b.kind);
  if (!isTaken) rename(spans, b, a.spanId);
}

function clientAndServer(draw: Draw, spans: DraftSpan[]): { client: DraftSpan; server: DraftSpan } | undefined {
  const servers = spans.filter(span => span.kind === KIND_SERVER || span.kind === KIND_CONSUMER);
  if (servers.length === 0) return undefined;
  const server = draw.pick(servers);
  const client = spans.find(span => span.spanId === server.parentSpanId && span.kind === KIND_CLIENT);
  return client && { client, server };
}

/** Gives a span, and what points to it, another id. */
function rename(spans: DraftSpan[], span: DraftSpan, spanId: string): void {
  for (const child of spans) {
    if (child.parentSpanId === span.spanId) child.parentSpanId = spanId;
  }
  span.spanId = spanId;
}

/** Cuts a branch off and ties it into a ring. */
function makeCycle(draw: Draw, spans: DraftSpan[]): void {
  const head = draw.pick(spans.slice(1));
  if (head === undefined) return;
  const below = spans.filter(span => span.parentSpanId === head.spanId);
  head.parentSpanId = below.length === 0 ? head.spanId : draw.pick(below).spanId;
}

function makeOwnParent(draw: Draw, spans: DraftSpan[]): void {
  const span = draw.pick(spans.slice(1));
  if (span !== undefined) span.parentSpanId = span.spanId;
}

function loseParent(draw: Draw, spans: DraftSpan[]): void {
  const span = draw.pick(spans.slice(1));
  if (span !== undefined) span.parentSpanId = draw.hex(16);
}

function loseRoot(draw: Draw, spans: DraftSpan[]): void {
  spans[0].parentSpanId = draw.hex(16);
}

function addRoot(draw: Draw, spans: DraftSpan[]): void {
  const span = draw.pick(spans);
  span.parentSpanId = draw.pick(['', 'abcd']);
}

function runBackwards(draw: Draw, spans: DraftSpan[]): void {
  const span = draw.pick(spans);
  span.endNs = span.startNs - BigInt(draw.integer(1, 1_000_000));
}

/** Not of roots: they would last since 1970. */
function zeroTimes(draw: Draw, spans: DraftSpan[]): void {
  const span = draw.pick(spans.filter(isNoRoot));
  if (span === undefined) return;
  span.startNs = 0n;
  if (draw.chance(0.5)) span.endNs = 0n;
}

function zeroEnd(draw: Draw, spans: DraftSpan[]): void {
  draw.pick(spans).endNs = 0n;
}

function farFuture(draw: Draw, spans: DraftSpan[]): void {
  const span = draw.pick(spans.filter(isNoRoot));
  if (span === undefined) return;
  span.endNs = FAR_FUTURE_NS;
  if (draw.chance(0.5)) span.startNs = FAR_FUTURE_NS;
}

function isNoRoot(span: DraftSpan): boolean {
  return /^[0-9a-f]{16}$/.test(span.parentSpanId);
}

/** A host two hours off: beyond the default cap on clock skew. */
function breakClock(draw: Draw, spans: DraftSpan[]): void {
  const { host } = draw.pick(spans);
  for (const span of spans) {
    if (span.host !== host || span.startNs === 0n || span.endNs === 0n) continue;
    span.startNs += 7_200_000_000_000n;
    span.endNs += 7_200_000_000_000n;
  }
}

function duplicates(draw: Draw, spans: readonly DraftSpan[]): DraftSpan[] {
  return Array.from({ length: draw.integer(1, 3) }, () => ({ ...draw.pick(spans) }));
}

/** Each copy ends at a moment of its own: which of them counts must not hang on their bytes. */
function conflicts(draw: Draw, spans: readonly DraftSpan[]): DraftSpan[] {
  const original = draw.pick(spans);
  const copies: DraftSpan[] = [];
  const count = draw.integer(1, 2);
  for (let after = 1; after <= count; after++) {
    // Before the original or after it; never beyond the range, where ends would be clamped onto each other.
    const differenceNs = BigInt(after) * (draw.chance(0.5) ? 1_000_003n : -1_000_003n);
    const endNs = original.endNs + differenceNs;
    if (endNs <= 0n || endNs >= FAR_FUTURE_NS - 2_000_000_000n) continue;
    if (spans.some(span => identityOf(span) === identityOf({ ...original, endNs }))) continue;
    copies.push({ ...original, endNs, name: `${original.name} again`, status: draw.pick([0, 1, 2]) });
  }
  return copies;
}

/** Spans that share an id (and a kind) end at moments of their own, too; those of no length often would not. */
function separateEnds(spans: readonly DraftSpan[]): void {
  const taken = new Set<string>();
  for (const span of spans) {
    // Beyond the range all ends are one.
    const stepNs = span.endNs >= MAX_TIME_NS ? -1n : 1n;
    if (stepNs < 0n && taken.has(identityOf(span))) span.endNs = MAX_TIME_NS;
    while (taken.has(identityOf(span))) span.endNs += stepNs;
    taken.add(identityOf(span));
  }
}

/** By what the store tells copies of a span apart. */
function identityOf({ spanId, kind, endNs }: DraftSpan): string {
  const clampedNs = endNs < 0n ? 0n : endNs > MAX_TIME_NS ? MAX_TIME_NS : endNs;
  return `${spanId}/${kind}/${clampedNs}`;
}
