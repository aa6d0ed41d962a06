import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jsonToProtobuf } from '../../otlp/index.js';
import { computeTraces, DEFAULT_ORACLE_RULES, readOtlpLines } from '../oracle/index.js';
import { deliver } from '../support/deliver.js';
import { seededRandom } from '../support/random.js';
import { shuffledSpans } from '../support/single-spans.js';
import { Throughline } from '../support/throughline.js';
import { expectReconciled, expectSameLatency, expectSameTraces } from './compare.js';

const FILES = (process.env.CHAOS_FILES ?? 'trainticket,opentelemetry-demo')
  .split(',')
  .map(name => `../shared/data/traces/${name}.otlp.jsonl.gz`);
const SEED = Number(process.env.CHAOS_SEED ?? 20_261_124);
const KILLS = 5;
const SENDERS = 16;
/** Spans of one request: each is on its own in the order, a request is only how they travel. */
const SPANS_PER_REQUEST = Number(process.env.CHAOS_SPANS_PER_REQUEST ?? 20);
const COPIES = 0.1;

describe(`single spans in random order, a tenth of them twice, killed ${KILLS} times (seed ${SEED})`, () => {
  let throughline: Throughline;

  beforeAll(async () => {
    throughline = await Throughline.start({ settings: { THROUGHLINE_BUS_PARTITIONS: '4' } });
  });

  afterAll(() => throughline?.destroy());

  test('the same tables in the end as from the spans in order, once each', { timeout: 600_000 }, async () => {
    const random = seededRandom(SEED);
    const lines = FILES.flatMap(file => [...readOtlpLines(file)]);
    const oracle = computeTraces(
      lines.map((request, offset) => ({ partition: 0, offset, appendTimeMs: 0, request })),
      DEFAULT_ORACLE_RULES,
    );
    const bodies = shuffledSpans(lines, random, COPIES, SPANS_PER_REQUEST).map(request =>
      jsonToProtobuf(Buffer.from(JSON.stringify(request))),
    );
    const killAt = new Set(
      Array.from({ length: KILLS }, (_, i) => Math.floor(((i + 0.5 + random() / 2) / KILLS) * bodies.length)),
    );
    await sendAll(throughline, bodies, killAt);
    expect(killAt.size).toBe(KILLS);
    await throughline.settled(300_000);
    await expectReconciled(throughline);
    await expectSameTraces(throughline, oracle, { duplicates: false });
    await expectSameLatency(throughline, oracle, 'New York');
  });
});

/** Sends every body until it is acknowledged, as an exporter would; kills the process before the bodies of `killAt`. */
async function sendAll(
  throughline: Throughline,
  bodies: readonly Uint8Array[],
  killAt: ReadonlySet<number>,
): Promise<void> {
  let next = 0;
  let restarting: Promise<void> = Promise.resolve();
  const sender = async () => {
    for (let index = next++; index < bodies.length; index = next++) {
      if (killAt.has(index)) restarting = throughline.kill().then(() => throughline.up());
      while (!(await deliver(throughline.otlpHttp, bodies[index]))) await restarting;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  await restarting;
}
