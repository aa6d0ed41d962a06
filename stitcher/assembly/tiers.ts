/**
 * The tier of each span within its trace (docs/stitching.md, Tier): services that are only ever seen behind database
 * calls are of the data tier, though nothing on their own spans says so.
 */
import type { SpanTable } from '../span-table.js';
import { capacityFor, NO_SPAN, type TraceSpans } from './trace-spans.js';
import type { Tree } from './tree.js';

export class Tiers {
  capacity = 0;
  tier = new Uint32Array(0);
  /** Rows and new tiers of the spans whose tier is not that of the span alone, in canonical order. */
  overrideCount = 0;
  overrideRow = new Int32Array(0);
  overrideTier = new Uint32Array(0);

  #isDatabaseCall = new Uint8Array(0);
  /** Child of another service's database call, or below such a span within its own service. */
  #isBehindCall = new Uint8Array(0);
  /** By service: it has a span that is not. */
  #isSeenElsewhere = new Uint8Array(0);

  compute(spans: TraceSpans, table: SpanTable, tree: Tree, appTier: number, dataTier: number): void {
    this.#reserve(spans.count);
    this.overrideCount = 0;
    const { tier } = this;
    for (let span = 0; span < spans.count; span++) tier[span] = table.tier[spans.row[span]];
    if (!spans.hasDatabaseCall) return;
    for (let span = 0; span < spans.count; span++) {
      this.#isDatabaseCall[span] = table.isDatabaseCall[spans.row[span]];
    }
    this.#lookBehindCalls(spans, tree);
    this.#override(spans, appTier, dataTier);
  }

  #lookBehindCalls(spans: TraceSpans, tree: Tree): void {
    const isBehindCall = this.#isBehindCall;
    const { reachedCount } = tree;
    this.#walk(spans, tree, 0, reachedCount);
    if (reachedCount === spans.count) return;
    // The parent of a cycle's head comes after it: the first round settles that parent, the second what is below.
    for (let at = reachedCount; at < spans.count; at++) isBehindCall[tree.order[at]] = 0;
    this.#walk(spans, tree, reachedCount, spans.count);
    this.#walk(spans, tree, reachedCount, spans.count);
  }

  #walk(spans: TraceSpans, tree: Tree, from: number, to: number): void {
    const { order, parent } = tree;
    const service = spans.service;
    const isBehindCall = this.#isBehindCall;
    for (let at = from; at < to; at++) {
      const span = order[at];
      const above = parent[span];
      if (above === NO_SPAN) isBehindCall[span] = 0;
      else isBehindCall[span] = service[above] === service[span] ? isBehindCall[above] : this.#isDatabaseCall[above];
    }
  }

  #override(spans: TraceSpans, appTier: number, dataTier: number): void {
    const { tier } = this;
    const service = spans.service;
    const isSeenElsewhere = this.#isSeenElsewhere;
    isSeenElsewhere.fill(0, 0, spans.services.count);
    for (let span = 0; span < spans.count; span++) {
      if (this.#isBehindCall[span] === 0) isSeenElsewhere[service[span]] = 1;
    }
    for (let span = 0; span < spans.count; span++) {
      if (isSeenElsewhere[service[span]] === 1 || tier[span] !== appTier) continue;
      tier[span] = dataTier;
      this.overrideRow[this.overrideCount] = spans.row[span];
      this.overrideTier[this.overrideCount] = dataTier;
      this.overrideCount++;
    }
  }

  #reserve(count: number): void {
    if (count <= this.capacity) return;
    const capacity = capacityFor(count);
    this.capacity = capacity;
    this.tier = new Uint32Array(capacity);
    this.overrideRow = new Int32Array(capacity);
    this.overrideTier = new Uint32Array(capacity);
    this.#isDatabaseCall = new Uint8Array(capacity);
    this.#isBehindCall = new Uint8Array(capacity);
    this.#isSeenElsewhere = new Uint8Array(capacity);
  }
}
