/** Fault 2: the file of the embedded log is cut, or bits of it flip. It is refused by name, or what is damaged is set aside; never wrong. */
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mulberry32 } from '../oracle/generate.js';
import { gather } from './support/evidence.js';
import { expectedOf } from './support/expected.js';
import { SEED } from './support/seeds.js';
import { putSlo } from './support/slo.js';
import { System } from './support/system.js';
import { Trial, targetOf } from './support/trial.js';

/** Of records, large ones have pages of their own: what follows the header is payload. */
function flipPayloads(path: string, random: () => number, flips: number): void {
  const bytes = readFileSync(path);
  for (let done = 0; done < flips; ) {
    const at = 8_192 + Math.floor(random() * (bytes.length - 8_192));
    const page = Math.floor(at / 4_096) * 4_096;
    // An overflow page (flags, at 18, say 4), behind the record's header.
    if (bytes.readUInt16LE(page + 18) !== 4 || at - page < 200) continue;
    bytes[at] ^= 1 << Math.floor(random() * 8);
    done++;
  }
  writeFileSync(path, bytes);
}

describe(`the log's file is damaged while nothing runs (seed ${SEED})`, () => {
  test('cut: no start, with the name of the file; put back: everything. Flipped: what is damaged is a dead letter', async () => {
    const random = mulberry32(SEED ^ 0x41c64e6d);
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-faults-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
    // Only a receiver: everything is in the log and nothing in the store.
    const receiver = await System.start({ roles: ['ingest'], dataDir });
    onTestFinished(() => receiver.destroy());
    const system = await System.prepare({ dataDir });
    onTestFinished(() => system.destroy());
    const trial = new Trial(SEED, { ...targetOf(system), endpoints: [receiver.otlpHttp] });
    await trial.load(150, { spansPerBatch: 120 }).done;
    await receiver.stop();
    const path = join(dataDir, 'log', 'data.mdb');
    const copy = join(dataDir, 'copy.mdb');
    copyFileSync(path, copy);

    truncateSync(path, 4_096 * Math.floor((statSync(path).size / 4_096) * (0.2 + random() * 0.7)));
    const program = system.program('up');
    program.start();
    expect(await program.exited).toBe(1);
    expect(program.log.join('\n')).toContain(`BUS_CORRUPT: the log's file ${path} is damaged`);

    copyFileSync(copy, path);
    flipPayloads(path, random, 3);
    await system.up();
    await putSlo(system);
    const { spans, ledger } = await gather(system, []);
    const { traces } = expectedOf(trial.batches());
    // Whatever is there was sent, once; what is not is counted among the dead letters.
    const seen = new Set<string>();
    for (const { traceId, spanId, kind } of spans) {
      const identity = `${spanId}/${kind}`;
      expect(traces.get(traceId)?.acked.has(identity), `${traceId} ${identity}`).toBe(true);
      expect(seen.has(`${traceId} ${identity}`)).toBe(false);
      seen.add(`${traceId} ${identity}`);
    }
    const { received, stored, duplicate, dead_letter, in_flight } = ledger;
    expect(dead_letter).toBeGreaterThan(0);
    expect(in_flight).toBe(0);
    expect(stored + duplicate + dead_letter).toBe(received);
    expect(stored).toBe(spans.length);
    const sent = [...traces.values()].reduce((sum, { acked }) => sum + acked.size, 0);
    expect(spans.length).toBeGreaterThanOrEqual(sent - dead_letter);
    expect(spans.length).toBeLessThan(sent);
  });
});
