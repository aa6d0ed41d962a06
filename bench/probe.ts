/** One trace of a place of its own: how long from its acknowledgement until a latency answer has it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonToProtobuf } from '../otlp/index.js';
import type { BenchProgram } from './program.js';
import type { Sender } from './senders.js';

const ASK_EVERY_MS = 100;
const LONGEST_MS = 60_000;

export async function probe(program: BenchProgram, sender: Sender, number: number): Promise<number> {
  const place = `probe ${number}`;
  const body = traceAt(place);
  while (!(await sender.send(body))) await sleep(ASK_EVERY_MS);
  const acknowledged = performance.now();
  const path = `/api/v1/latency?window=5m&location=${encodeURIComponent(place)}`;
  while (performance.now() - acknowledged < LONGEST_MS) {
    const { groups } = await program.get<{ groups: { traces: number }[] }>(path);
    if ((groups[0]?.traces ?? 0) > 0) return performance.now() - acknowledged;
    await sleep(ASK_EVERY_MS);
  }
  throw new Error(`${place} is in no answer after a minute`);
}

function traceAt(place: string): Uint8Array {
  const endNs = BigInt(Date.now()) * 1_000_000n;
  const attributes = (values: Record<string, string>) =>
    Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const span = {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    name: 'GET /probe',
    kind: 2,
    startTimeUnixNano: String(endNs - 1_000_000n),
    endTimeUnixNano: String(endNs),
    attributes: attributes({ 'geo.locality.name': place }),
  };
  const resource = { attributes: attributes({ 'service.name': 'probe' }) };
  return jsonToProtobuf(
    Buffer.from(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] })),
  );
}
