import { type Random, shuffle } from './random.js';

interface Request {
  resourceSpans?: { resource?: object; scopeSpans?: { scope?: object; spans?: object[] }[] }[];
}

/** The spans of OTLP JSON requests one by one in random order, a share of them twice, `perRequest` to a request. */
export function shuffledSpans(
  requests: readonly unknown[],
  random: Random,
  copies: number,
  perRequest: number,
): Request[] {
  const single: object[] = [];
  for (const request of requests as Request[]) {
    for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
      for (const { scope, spans } of scopeSpans ?? []) {
        for (const span of spans ?? []) {
          const one = { resource, scopeSpans: [{ scope, spans: [span] }] };
          single.push(one);
          if (random() < copies) single.push(one);
        }
      }
    }
  }
  shuffle(single, random);
  const bodies: Request[] = [];
  for (let at = 0; at < single.length; at += perRequest) {
    bodies.push({ resourceSpans: single.slice(at, at + perRequest) as NonNullable<Request['resourceSpans']> });
  }
  return bodies;
}
