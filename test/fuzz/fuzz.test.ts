/** Some thousand mutations of a fixed seed, and what once failed. `npm run fuzz` runs as many as one likes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadBases } from './bases.js';
import { makeCase } from './case.js';
import { checkCase } from './check.js';
import { readCorpus } from './corpus.js';
import { type FuzzReceivers, startFuzzReceivers } from './fuzz-receivers.js';
import { InProcess } from './in-process.js';
import { LiveLane } from './live.js';

const SEED = 1;
const IN_PROCESS = 3_000;
const LIVE = 800;

let receivers: FuzzReceivers;
let lane: LiveLane;
const inProcess = new InProcess();

beforeAll(async () => {
  receivers = await startFuzzReceivers();
  lane = new LiveLane(receivers.ingest.httpPort, receivers.ingest.grpcPort);
});

afterAll(async () => {
  await lane?.close();
  await receivers?.ingest.close();
});

async function run(from: number, count: number, live?: LiveLane): Promise<Record<string, number>> {
  const bases = loadBases();
  const counts: Record<string, number> = {};
  for (let index = from; index < from + count; index++) {
    const fuzzCase = makeCase(SEED, index, bases);
    const { verdict, problem } = await checkCase(fuzzCase, inProcess, live);
    expect(problem, `seed ${SEED}, index ${index}: ${fuzzCase.mutations.join(', ')}`).toBe('');
    const key = `${fuzzCase.format}, ${verdict.kind}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** A mutator that only ever makes garbage, or nothing of it, would prove nothing. */
function expectVariety(counts: Readonly<Record<string, number>>, total: number): void {
  for (const format of ['protobuf', 'json']) {
    expect(counts[`${format}, ok`]).toBeGreaterThan(total / 50);
    expect(counts[`${format}, undecodable`]).toBeGreaterThan(total / 10);
    expect(counts[`${format}, too large`]).toBeGreaterThan(0);
  }
}

describe('mutated payloads get the verdict they deserve, and what is taken keeps its ids', () => {
  test(`${IN_PROCESS} by the functions behind both transports`, async () => {
    expectVariety(await run(0, IN_PROCESS), IN_PROCESS);
  });

  test(`${LIVE} over HTTP and gRPC, with a good request after each that is refused`, async () => {
    expectVariety(await run(IN_PROCESS, LIVE, lane), LIVE);
    expect(receivers.ingest.inFlightBytes()).toBe(0);
    expect(receivers.bus.items).toBeGreaterThanOrEqual(lane.spans);
  });
});

describe('what once failed', () => {
  test.each(readCorpus(`${import.meta.dirname}/corpus`))('$name', async ({ fuzzCase }) => {
    expect(await checkCase(fuzzCase, inProcess, lane)).toMatchObject({ problem: '' });
  });
});
