/** Recorded spans, shuffled, sent to several receivers as exporters would, while a test does what it does to the roles. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonToProtobuf } from '../../../otlp/index.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace, readOtlpLines } from '../../oracle/index.js';
import type { Random } from '../../support/random.js';
import { shuffledSpans } from '../../support/single-spans.js';
import type { Cluster } from './cluster.js';

export interface Load {
  readonly bodies: readonly Buffer[];
  /** What must be there in the end; the copies that are sent besides are not in it. */
  readonly oracle: Map<string, OracleTrace>;
}

export function recordedLoad(
  names: readonly string[],
  random: Random,
  { copies = 0.1, spansPerRequest = 20 } = {},
): Load {
  const requests = names.flatMap(name => [...readOtlpLines(`../shared/data/traces/${name}.otlp.jsonl.gz`)]);
  const oracle = computeTraces(
    requests.map((request, offset) => ({ partition: 0, offset, appendTimeMs: 0, request })),
    DEFAULT_ORACLE_RULES,
  );
  const bodies = shuffledSpans(requests, random, copies, spansPerRequest).map(request =>
    Buffer.from(jsonToProtobuf(Buffer.from(JSON.stringify(request)))),
  );
  return { bodies, oracle };
}

export interface Delivery {
  /** Answers by status; 0 where there was none. */
  readonly statuses: Map<number, number>;
  /** Refusals to come again without a Retry-After. */
  withoutRetryAfter: number;
  sent: number;
}

export interface SendOptions {
  readonly senders?: number;
  /** Before the body with this index is sent; not waited for. */
  readonly before?: (index: number) => void;
  readonly pauseMs?: number;
}

/** Sends every body until a receiver has acknowledged it. */
export async function sendAll(
  cluster: Cluster,
  bodies: readonly Buffer[],
  { senders = 8, before = () => {}, pauseMs = 0 }: SendOptions = {},
): Promise<Delivery> {
  const delivery: Delivery = { statuses: new Map(), withoutRetryAfter: 0, sent: 0 };
  let next = 0;
  const sender = async (number: number) => {
    for (let index = next++; index < bodies.length; index = next++) {
      before(index);
      for (let attempt = number; ; attempt++) {
        const { otlpHttp } = cluster.receivers[attempt % cluster.receivers.length];
        if (await offer(otlpHttp, bodies[index], delivery)) break;
        await sleep(100);
      }
      delivery.sent++;
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: senders }, (_, number) => sender(number)));
  return delivery;
}

async function offer(endpoint: string, body: Buffer, delivery: Delivery): Promise<boolean> {
  const count = (status: number) => delivery.statuses.set(status, (delivery.statuses.get(status) ?? 0) + 1);
  let response: Response;
  try {
    response = await fetch(`${endpoint}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(body),
    });
    await response.arrayBuffer();
  } catch {
    count(0);
    return false;
  }
  count(response.status);
  if (response.status === 200) return true;
  if (response.status !== 503 && response.status !== 429) throw new Error(`refused: ${response.status}`);
  if (response.headers.get('retry-after') === null) delivery.withoutRetryAfter++;
  return false;
}
