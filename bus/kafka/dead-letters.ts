/**
 * The dead-letter topic: records that could not be stored, as they were, with where they came from and why. A letter that
 * is written twice (a crash before its offset was committed) is one: it is known by where it came from.
 */
import { randomUUID } from 'node:crypto';
import { CompressionTypes, type IHeaders, type KafkaMessage } from 'kafkajs';
import type { DeadLetter } from '../types.js';
import type { AdminLink } from './admin-link.js';
import type { KafkaClient } from './client.js';
import { publishFailure } from './failures.js';
import type { ProducerLink } from './producer-link.js';

const MAX_REASON = 4_000;
/** Longest search for the newest letters. */
const READ_TIMEOUT_MS = 15_000;

const HEADER = {
  topic: 'throughline.source.topic',
  partition: 'throughline.source.partition',
  offset: 'throughline.source.offset',
  appendTimeMs: 'throughline.source.append_time_ms',
  tenant: 'throughline.tenant',
  itemCount: 'throughline.items',
  reason: 'throughline.reason',
} as const;

export async function buryLetters(
  producer: ProducerLink,
  deadTopic: string,
  sourceTopic: string,
  letters: readonly DeadLetter[],
): Promise<void> {
  for (const letter of letters) await bury(producer, deadTopic, sourceTopic, letter);
}

/** A payload that is too large even here (of a topic with a larger limit than ours) is left out, and said to be. */
async function bury(producer: ProducerLink, deadTopic: string, sourceTopic: string, letter: DeadLetter): Promise<void> {
  const { payload, reason } = letter;
  try {
    const value = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const headers = headersOf(letter, sourceTopic);
    await producer.send(deadTopic, 0, [{ value, headers }], CompressionTypes.None);
  } catch (error) {
    const failure = publishFailure(error, deadTopic);
    if (failure.retryable || payload.length === 0) throw failure;
    const note = `${reason.slice(0, MAX_REASON / 2)} (payload of ${payload.length} bytes not kept)`;
    await bury(producer, deadTopic, sourceTopic, { ...letter, reason: note, payload: new Uint8Array(0) });
  }
}

function headersOf(letter: DeadLetter, sourceTopic: string): Record<string, string> {
  return {
    [HEADER.topic]: sourceTopic,
    [HEADER.partition]: String(letter.partition),
    [HEADER.offset]: String(letter.offset),
    [HEADER.appendTimeMs]: String(letter.appendTimeMs),
    [HEADER.tenant]: letter.tenant,
    [HEADER.itemCount]: String(letter.itemCount),
    [HEADER.reason]: letter.reason.slice(0, MAX_REASON),
  };
}

/** The newest first, each once. Reads with a consumer of its own, for a person who asks: it takes seconds. */
export async function readLetters(
  newClient: () => KafkaClient,
  admin: AdminLink,
  deadTopic: string,
  limit: number,
): Promise<DeadLetter[]> {
  const [{ high, low }] = await admin.ask(asked => asked.fetchTopicOffsets(deadTopic));
  const end = Number(high);
  const start = Math.max(Number(low), end - limit);
  if (start >= end) return [];
  const groupId = `throughline-dead-letters-${randomUUID()}`;
  const client = newClient();
  const consumer = client.kafka.consumer({ groupId, allowAutoTopicCreation: false });
  const found: DeadLetter[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [deadTopic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(resolve, READ_TIMEOUT_MS);
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const eachMessage = async ({ message }: { message: KafkaMessage }) => {
        if (Number(message.offset) < start) return;
        found.push(letterOf(message));
        if (Number(message.offset) >= end - 1) resolve();
      };
      consumer.run({ autoCommit: false, eachMessage }).catch(reject);
      consumer.seek({ topic: deadTopic, partition: 0, offset: String(start) });
    });
  } finally {
    clearTimeout(timer);
    await consumer.disconnect().catch(() => {});
    client.sockets.cut();
    await admin.ask(asked => asked.deleteGroups([groupId])).catch(() => {});
  }
  const byOrigin = new Map(found.map(letter => [`${letter.partition}/${letter.offset}`, letter]));
  return [...byOrigin.values()].reverse();
}

function letterOf({ headers = {}, value }: KafkaMessage): DeadLetter {
  return {
    partition: Number(text(headers, HEADER.partition)),
    offset: Number(text(headers, HEADER.offset)),
    appendTimeMs: Number(text(headers, HEADER.appendTimeMs)),
    tenant: text(headers, HEADER.tenant),
    itemCount: Number(text(headers, HEADER.itemCount)),
    reason: text(headers, HEADER.reason),
    payload: value ?? new Uint8Array(0),
  };
}

function text(headers: IHeaders, name: string): string {
  const value = headers[name];
  return String((Array.isArray(value) ? value[0] : value) ?? '');
}
