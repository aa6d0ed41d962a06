/** Which service does not send its spans: told from orphans, and from who calls whom in whole traces. Pure. */
import type { TraceAnswer } from '../schemas/index.js';

type Span = TraceAnswer['spans'][number];

/** One sentence for each service that is missing, the most often missing first. */
export function missingCallers(traces: readonly TraceAnswer[]): string[] {
  const callers = callersOf(traces);
  const missing = new Map<string, number>();
  for (const { spans } of traces) {
    for (const orphan of orphansOf(spans)) missing.set(orphan.service, (missing.get(orphan.service) ?? 0) + 1);
  }
  const services = [...missing].sort((a, b) => b[1] - a[1]).map(([service]) => service);
  return services.length === 0 ? [] : [services.map(service => sentence(service, callers.get(service))).join('; ')];
}

function sentence(service: string, callers: ReadonlyMap<string, number> | undefined): string {
  if (callers === undefined) return `spans of whatever calls ${service} do not come`;
  const [[caller]] = [...callers].sort((a, b) => b[1] - a[1]);
  return `spans of ${caller} do not come, or not all (in whole traces it calls ${service}, whose spans are without their parent)`;
}

/** A span whose parent is named and is not there. */
function orphansOf(spans: readonly Span[]): Span[] {
  const ids = new Set(spans.map(span => span.span_id));
  return spans.filter(span => span.parent_span_id !== '' && !ids.has(span.parent_span_id));
}

/** Service → services of the parents of its spans → how often. */
function callersOf(traces: readonly TraceAnswer[]): Map<string, Map<string, number>> {
  const callers = new Map<string, Map<string, number>>();
  for (const { spans } of traces) {
    const byId = new Map(spans.map(span => [span.span_id, span]));
    for (const { service, parent_span_id } of spans) {
      const parent = byId.get(parent_span_id);
      if (parent === undefined || parent.service === service) continue;
      const known = callers.get(service) ?? new Map<string, number>();
      callers.set(service, known.set(parent.service, (known.get(parent.service) ?? 0) + 1));
    }
  }
  return callers;
}
