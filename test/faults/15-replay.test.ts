/** Fault 15: the same log read twice from its start, into a new store and once more into the same: identical tables. */
import { cpSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { gather } from './support/evidence.js';
import { SEED } from './support/seeds.js';
import { putSlo } from './support/slo.js';
import { System } from './support/system.js';
import { Trial, targetOf } from './support/trial.js';

const READERS = { roles: ['stitch', 'analytics'] } as const;

/** Everything but when a row was written. */
const TABLES = [
  'SELECT * FROM spans ORDER BY ALL',
  'SELECT * EXCEPT (inserted_at) FROM trace_arrivals ORDER BY ALL',
  'SELECT * EXCEPT (written_at) FROM trace_revisions ORDER BY tenant, trace_id, version, is_deleted',
  'SELECT * EXCEPT (latency, computed_at), finalizeAggregation(latency) AS latency FROM latency_rollup ORDER BY ALL',
  'SELECT * FROM slo_budget ORDER BY ALL',
];

async function tablesOf(system: System): Promise<string[]> {
  await gather(system, []);
  return Promise.all(TABLES.map(sql => system.ask(sql)));
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'throughline-faults-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
  return directory;
}

describe(`the same log again (seed ${SEED})`, () => {
  test('into another store and again into its own: identical tables', async () => {
    const [first, second, kept] = await Promise.all([1, 2, 3].map(temporaryDirectory));
    const receiver = await System.start({ roles: ['ingest'], dataDir: first });
    onTestFinished(() => receiver.destroy());
    const reader = await System.prepare({ ...READERS, dataDir: first });
    onTestFinished(() => reader.destroy());
    // One who only reads answers for what another has sent.
    const trial = new Trial(SEED, { ...targetOf(reader), endpoints: [receiver.otlpHttp] });
    await trial.load(150).done;
    await receiver.stop();
    cpSync(join(first, 'log'), join(second, 'log'), { recursive: true });
    cpSync(join(first, 'log'), join(kept, 'log'), { recursive: true });

    await reader.up();
    await putSlo(reader);
    await trial.judge();
    const tables = await tablesOf(reader);
    expect(tables[0].split('\n').length).toBeGreaterThan(500);
    await reader.stop();

    const other = await System.start({ ...READERS, dataDir: second });
    onTestFinished(() => other.destroy());
    await putSlo(other);
    for (const [at, text] of (await tablesOf(other)).entries()) expect(text, TABLES[at]).toBe(tables[at]);
    await other.stop();

    rmSync(join(first, 'log'), { recursive: true });
    cpSync(join(kept, 'log'), join(first, 'log'), { recursive: true });
    await reader.up();
    for (const [at, text] of (await tablesOf(reader)).entries()) expect(text, TABLES[at]).toBe(tables[at]);
    await trial.judge();
  });
});
