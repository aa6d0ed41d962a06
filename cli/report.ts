import { writeFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { makeStandaloneReport, renderReport, reportWindow } from '../analytics/index.js';
import { type Config, INSTANT_FORMS, parseInstant } from '../schemas/index.js';
import { openConfiguredStore } from './open-store.js';
import { ProgressLine } from './progress-line.js';

export interface ReportOptions {
  readonly slo?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly format: 'html' | 'md' | 'csv' | 'json';
  readonly output?: string;
  readonly detailsSeconds: number;
}

const PROGRESS_EVERY_MS = 2_000;
const BAR_WIDTH = 20;

/** `throughline report`: makes a report from the store, keeps it there, and writes it to a file or standard output. */
export async function runReport(config: Config, options: ReportOptions, logger: Logger): Promise<void> {
  const times = { from: instant('--from', options.from), to: instant('--to', options.to) };
  const window = reportWindow(times, Date.now());
  const opened = await openConfiguredStore(config, logger);
  try {
    const progress = new ProgressLine(PROGRESS_EVERY_MS);
    const startedMs = performance.now();
    const report = await makeStandaloneReport(opened.store, {
      window,
      slos: options.slo ?? [],
      detailsMs: options.detailsSeconds * 1_000,
      onProgress: (done, total, what) => progress.show(() => `${bar(done / total)} ${what}`),
    });
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    progress.end(`report ${report.id}: ${report.slos.length} objectives in ${seconds} s`);
    const text = renderReport(report, options.format);
    if (options.output === undefined) await written(text);
    else await writeFile(options.output, text);
  } finally {
    await opened.close();
  }
}

function bar(share: number): string {
  const filled = Math.round(share * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${Math.floor(share * 100)} %`;
}

/** All of it, also into a pipe that is read slowly. */
function written(text: string): Promise<void> {
  return new Promise((done, failed) => {
    process.stdout.write(text, error => (error ? failed(error) : done()));
  });
}

function instant(option: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const ns = parseInstant(text);
  if (ns === undefined) throw new Error(`${option} ${text}: give ${INSTANT_FORMS}`);
  return ns;
}
