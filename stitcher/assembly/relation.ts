import { KIND_CONSUMER, KIND_PRODUCER } from './span-codes.js';
import type { TraceSpans } from './trace-spans.js';

/** What a span's clock has to do with its parent's (docs/stitching.md, Times). */
export const Relation = { ASYNCHRONOUS: 0, SAME_HOST: 1, OTHER_HOST: 2 } as const;

export function relationOf(spans: TraceSpans, span: number, parent: number): number {
  if (spans.kind[span] === KIND_CONSUMER || spans.kind[parent] === KIND_PRODUCER) return Relation.ASYNCHRONOUS;
  const host = spans.host[span];
  const parentHost = spans.host[parent];
  const areKnown = host !== 0 && parentHost !== 0;
  const isSame = areKnown ? host === parentHost : spans.service[span] === spans.service[parent];
  return isSame ? Relation.SAME_HOST : Relation.OTHER_HOST;
}
