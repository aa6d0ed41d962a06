/**
 * The generator: a process of its own that sends a planned load by OTLP/HTTP as an exporter does and keeps the ledger.
 * Its settings are JSON in its first argument. It writes `acked <count>` for each batch, ends with 0 once all are settled
 * one way or the other, and stops early when its standard input closes.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonToProtobuf } from '../../../otlp/index.js';
import { mulberry32 } from '../../oracle/generate.js';
import type { GeneratorSettings } from '../support/generator.js';
import { LedgerWriter } from '../support/ledger.js';
import { planLoad } from '../support/load-plan.js';

const settings = JSON.parse(process.argv[2]) as GeneratorSettings;
const { endpoints, senders, pauseMs, giveUp, answerTimeoutMs, plan } = settings;
const random = mulberry32(plan.seed ^ 0x5bd1e995);
const ledger = await LedgerWriter.open(settings.ledger);
const requests = planLoad(plan);
const RETRY_MS = 100;
/**
 * So many batches of one trace are given up at most, however long nobody answers: the judge goes through all sets of them.
 * When it is told to stop, each sender gives up one more.
 */
const MAX_GIVEN_UP = 6;
const givenUp = new Map<string, number>();

let next = 0;
let acked = 0;
let isStopping = false;
process.stdin.resume().on('end', () => {
  isStopping = true;
});

type Outcome = 'acked' | 'come again' | 'no answer';

async function offer(body: Buffer): Promise<Outcome> {
  const endpoint = endpoints[Math.floor(random() * endpoints.length)];
  let response: Response;
  let answer: ArrayBuffer;
  try {
    response = await fetch(`${endpoint}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(body),
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    answer = await response.arrayBuffer();
  } catch {
    return 'no answer';
  }
  if (response.status === 200) {
    if (answer.byteLength > 0) throw new Error(`spans rejected: ${Buffer.from(answer).toString('latin1')}`);
    return 'acked';
  }
  if (response.status !== 503 && response.status !== 429) throw new Error(`refused: ${response.status}`);
  if (response.headers.get('retry-after') === null) throw new Error(`${response.status} without Retry-After`);
  return 'come again';
}

/** Until it is acknowledged, or given up after no answer or a refusal: then nobody knows, and it counts at most once. */
async function deliver(id: number): Promise<void> {
  const request = requests[id];
  const batch = (plan.first ?? 0) + id;
  const body = Buffer.from(jsonToProtobuf(Buffer.from(JSON.stringify(request))));
  await ledger.append({ batch, request });
  for (;;) {
    const outcome = await offer(body);
    if (outcome === 'acked') {
      await ledger.append({ acked: batch });
      acked++;
      writeSync(1, `acked ${acked}\n`);
      return;
    }
    const isTired = random() < giveUp;
    if (isStopping || (isTired && mayGiveUp(request))) return;
    await sleep(RETRY_MS);
    await ledger.append({ again: batch });
  }
}

/** Counts it, if so. */
function mayGiveUp(request: object): boolean {
  const traceIds = new Set(JSON.stringify(request).match(/(?<="traceId":")[^"]+/g));
  const isOften = [...traceIds].some(traceId => (givenUp.get(traceId) ?? 0) >= MAX_GIVEN_UP);
  if (!isOften) for (const traceId of traceIds) givenUp.set(traceId, (givenUp.get(traceId) ?? 0) + 1);
  return !isOften;
}

async function sender(): Promise<void> {
  while (next < requests.length && !isStopping) {
    await deliver(next++);
    if (pauseMs > 0) await sleep(pauseMs * 2 * random());
  }
}

await Promise.all(Array.from({ length: senders }, sender));
await ledger.close();
process.exit(0);
