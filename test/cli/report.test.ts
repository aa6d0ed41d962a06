import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SloCountingJob } from '../../analytics/slo/counting-job.js';
import { loadConfig } from '../../cli/config.js';
import { openConfiguredStore } from '../../cli/open-store.js';
import { ReportAnswer } from '../../schemas/index.js';
import { insertRevisions, traceId } from '../analytics/support/rows.js';
import { putSlo, sloDefinition } from '../analytics/support/slos.js';
import { Program } from '../support/program.js';
import { freePorts } from '../support/throughline.js';

const FROM = Date.UTC(2026, 9, 1);
const WINDOW = ['--from', '2026-10-01T00:00:00Z', '--to', '2026-11-01T00:00:00Z'];

let directory: string;
let env: Record<string, string>;

/** A store with a month of one SLO, as `throughline up` would have left it. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-report-'));
  const [port] = await freePorts(1);
  env = { THROUGHLINE_DATA_DIR: directory, THROUGHLINE_STORE_EMBEDDED_PORT: String(port) };
  const logger = pino({ level: 'silent' });
  const { store, close } = await openConfiguredStore(loadConfig({ env }), logger);
  await putSlo(store, sloDefinition({ groupBy: ['location'] }));
  const at = (number: number) => ({ traceId: traceId(number), endMs: FROM + number * 3_600_000 });
  await insertRevisions(
    store,
    Array.from({ length: 50 }, (_, n) => ({ ...at(n), durationMs: n % 5 === 0 ? 500 : 100 })),
  );
  const rollup = { everyMs: 1, maxShare: 1, overlapMs: 60_000 };
  const job = { store, logger, registry: new Registry(), clock: Date.now, rollup, instance: 'a' };
  await new SloCountingJob(job).pass();
  await close();
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

async function run(...args: string[]): Promise<{ code: number | null; log: readonly string[] }> {
  const program = new Program(['report', ...args], { PATH: process.env.PATH, ...env });
  program.start();
  return { code: await program.exited, log: program.log };
}

describe('throughline report', () => {
  test('writes a file in each format, of one and the same report', async () => {
    const read = async (format: string) => {
      const output = join(directory, `report.${format}`);
      const { code, log } = await run('--slo', 'fast', ...WINDOW, '--format', format, '--output', output);
      expect(log.join('\n')).toMatch(/report [0-9a-f]{16}: 1 objectives in [\d.]+ s/);
      expect(code).toBe(0);
      return readFile(output, 'utf8');
    };
    const report = ReportAnswer.parse(JSON.parse(await read('json')));
    expect(report.slos[0].groups.map(({ key, good, bad }) => [key, good, bad])).toEqual([
      [{}, 40, 10],
      [{ location: 'New York' }, 40, 10],
    ]);
    expect(report.slos[0].slowest).toHaveLength(10);
    expect(await read('html')).toContain('<svg ');
    expect(await read('csv')).toMatch(
      /\r\nfast,New York,2026-10-01T00:00:00.000Z,2026-11-01T00:00:00.000Z,0,990000,50,40,10,0,0.8,/,
    );
    const { log } = await run(...WINDOW);
    expect(log.join('\n')).toContain(`report ${report.id}: `);
    expect(log).toContain('# SLO report 2026-10-01 00:00 UTC to 2026-11-01 00:00 UTC');
  }, 120_000);

  test.each([
    [['--slo', 'fasst', ...WINDOW], /API_NOT_FOUND: there is no SLO "fasst"; did you mean fast\?/],
    [['--from', 'yesterday'], /--from yesterday: give an RFC 3339 time/],
    [['--from', '2026-11-02T00:00:00Z', '--to', '2026-11-01T00:00:00Z'], /from .* must be a minute or more before to/],
    [['--format', 'pdf'], /Allowed choices are html, md, csv, json/],
  ])(
    '%j ends with 1 and the reason',
    async (args, message) => {
      const { code, log } = await run(...args);
      expect(log.join('\n')).toMatch(message);
      expect(code).toBe(1);
    },
    60_000,
  );
});
