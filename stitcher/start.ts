/** Starts a stitcher with the parts that only this room knows how to choose, and reports on it in /metrics. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { StitcherOptions } from './options.js';
import { Stitcher } from './stitcher.js';

export interface StitcherStartOptions extends Omit<StitcherOptions, 'auditOverlapMs' | 'tickMs' | 'offsetsEveryMs'> {
  readonly registry: Registry;
}

/** An insert is visible this long after its rows were stamped, at the latest. */
const AUDIT_OVERLAP_MS = 15_000;
const TICK_MS = 100;
const OFFSETS_EVERY_MS = 200;

export async function startStitcher(options: StitcherStartOptions): Promise<Stitcher> {
  const { registry, ...rest } = options;
  const stitcher = await Stitcher.start({
    ...rest,
    auditOverlapMs: AUDIT_OVERLAP_MS,
    tickMs: TICK_MS,
    offsetsEveryMs: OFFSETS_EVERY_MS,
  });
  exposeMetrics(stitcher, registry);
  return stitcher;
}

function exposeMetrics(stitcher: Stitcher, registry: Registry): void {
  const counter = (name: string, help: string, read: () => number) => {
    let reported = 0;
    const fullName = `throughline_stitcher_${name}_total`;
    // A stitcher that is started again takes over from the one that failed.
    registry.removeSingleMetric(fullName);
    new Counter({
      name: fullName,
      help,
      registers: [registry],
      collect() {
        const total = read();
        this.inc(total - reported);
        reported = total;
      },
    });
  };
  counter('spans_stored', 'Spans stored, duplicates included', () => stitcher.batches.spansStored);
  counter('records_stored', 'Records of the log stored and committed', () => stitcher.batches.recordsStored);
  counter('dead_letters', 'Records that could not be decoded', () => stitcher.batches.deadLetters);
  counter('revisions', 'Trace revisions written from memory', () => stitcher.revisions);
  counter('restitched', 'Trace revisions written from the store', () => stitcher.restitched);
  counter('audit_findings', 'Traces that did not agree with their spans', () => stitcher.auditor.totalFindings);
  const gauge = (name: string, help: string, read: () => number) => {
    const fullName = `throughline_stitcher_${name}`;
    registry.removeSingleMetric(fullName);
    new Gauge({
      name: fullName,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge('open_traces', 'Traces in memory that are not closed', () => stitcher.openTraces);
  gauge('memory_bytes', 'Bytes held by open traces', () => stitcher.memoryBytes);
  exposeWatermarks(stitcher, registry);
}

/** Of the partitions it owns now: those it has lost are another's to tell. */
function exposeWatermarks(stitcher: Stitcher, registry: Registry): void {
  const name = 'throughline_stitcher_watermark_seconds';
  registry.removeSingleMetric(name);
  new Gauge({
    name,
    help: "The log's time up to which spans are stitched, by partition, seconds since the epoch",
    labelNames: ['partition'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [partition, ms] of stitcher.watermarksMs) this.set({ partition: String(partition) }, ms / 1_000);
    },
  });
}
