/** Test cases of others (SOURCES.md of the shared data): Jaeger's for the critical path and for clock skew. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assemble, BASE_NS, MS, type SpanSpec } from './build.js';

function readCases<T>(name: string): T[] {
  return JSON.parse(readFileSync(`../shared/data/conformance/${name}`, 'utf8')) as T[];
}

interface JaegerSpan {
  readonly spanID: string;
  readonly startTime: number;
  readonly duration: number;
  readonly references: readonly { readonly spanID: string }[];
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
  readonly processID: string;
}

interface CriticalPathCase {
  readonly case: string;
  readonly trace: {
    readonly spans: readonly JaegerSpan[];
    readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  };
  readonly criticalPathSections: readonly {
    readonly spanID: string;
    readonly sectionStart: number;
    readonly sectionEnd: number;
  }[];
}

/** Their ids are names: numbered here in the names' order. */
function specsOf({ spans, processes }: CriticalPathCase['trace']): SpanSpec[] {
  const names = spans.map(span => span.spanID).sort();
  const idOf = (name: string) => (names.indexOf(name) + 1).toString(16);
  return spans.map(span => ({
    id: idOf(span.spanID),
    name: span.spanID,
    parent: span.references.length === 0 ? '' : idOf(span.references[0].spanID),
    kind: (span.tags?.find(tag => tag.key === 'span.kind')?.value.toUpperCase() ?? 'INTERNAL') as 'INTERNAL',
    service: processes[span.processID].serviceName,
    start: span.startTime,
    end: span.startTime + span.duration,
  }));
}

describe("Jaeger's cases of critical paths give their sections", () => {
  const cases = readCases<CriticalPathCase>('critical-path-cases.json');

  test('there are nine', () => {
    expect(cases).toHaveLength(9);
  });

  test.each(cases.map(each => [each.case, each] as const))('%s', (_, { trace, criticalPathSections }) => {
    const { path, startNs } = assemble(specsOf(trace), { maxClockSkewNs: 0 });
    const sections = path.map(({ span, offsetNs, selfNs }) => ({
      spanID: span,
      sectionStart: Number(startNs - BASE_NS + offsetNs),
      sectionEnd: Number(startNs - BASE_NS + offsetNs + selfNs),
    }));
    expect(sections.reverse()).toEqual(criticalPathSections);
  });
});

interface ClockSkewCase {
  readonly description: string;
  /** A Go expression. */
  readonly maxAdjust: '0' | '10 * time.Millisecond' | 'time.Second';
  readonly warning: string | null;
  readonly spans: readonly {
    readonly spanId: string;
    readonly parentSpanId: string;
    readonly startMs: number;
    readonly durationMs: number;
    readonly host: string;
    readonly adjustedStartMs: number;
  }[];
}

const MAX_ADJUST_MS = { '0': 0, '10 * time.Millisecond': 10, 'time.Second': 1_000 };

describe("Jaeger's cases of clock skew give their adjusted starts", () => {
  const cases = readCases<ClockSkewCase>('clock-skew-cases.json');

  test('there are thirteen', () => {
    expect(cases).toHaveLength(13);
  });

  test.each(cases.map(each => [each.description, each] as const))('%s', (_, { maxAdjust, warning, spans }) => {
    const specs = spans.map((span, at): SpanSpec => {
      // Identities are distinct by now; what is left of one id twice is two kinds.
      const isRepeated = spans.findIndex(other => other.spanId === span.spanId) < at;
      return {
        id: span.spanId,
        name: String(at),
        parent: span.parentSpanId,
        kind: isRepeated ? 'INTERNAL' : 'UNSPECIFIED',
        host: span.host,
        start: span.startMs * MS,
        end: (span.startMs + span.durationMs) * MS,
      };
    });
    const { skew, flags } = assemble(specs, { maxClockSkewNs: MAX_ADJUST_MS[maxAdjust] * MS });
    const shiftNs = new Map(skew);
    const starts = spans.map(({ startMs }, at) => startMs + Number(shiftNs.get(String(at)) ?? 0n) / MS);
    expect(starts).toEqual(spans.map(span => span.adjustedStartMs));
    expect(flags.includes('skew_exceeded')).toBe(warning?.includes('not applying calculated delta') ?? false);
  });
});
