/**
 * The dead-letter topic: records that could not be stored, as they were, with where they came from and why. A letter that
 * is written twice (a crash before its offset was committed) is one: it is known by where it came from.
 */
import { randomUUID } from 'node:crypto';
import type { Admin, IHeaders, Kafka, KafkaMessage, Producer } from 'kafkajs';
import type { DeadLetter } from '../types.js';
import { publishFailure } from './failures.js';

const ACKNOWLEDGED_BY_ALL = -1;
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
  producer: Producer,
  deadTopic: string,
  sourceTopic: string,
  letters: readonly DeadLetter[],
): Promise<void> {
  for (const letter of letters) {
    const { payload } = letter;
    try {
      await producer.send({
        topic: deadTopic,
        acks: ACKNOWLEDGED_BY_ALL,
        messages: [
          {
            partition: 0,
            value: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
            headers: headersOf(letter, sourceTopic),
          },
        ],
      });
    } catch (error) {
      throw publishFailure(error, deadTopic);
    }
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
export async function readLetters(kafka: Kafka, admin: Admin, deadTopic: string, limit: number): Promise<DeadLetter[]> {
  const [ends] = await admin.fetchTopicOffsets(deadTopic);
  const end = Number(ends.high);
  const start = Math.max(Number(ends.low), end - limit);
  if (start >= end) return [];
  const groupId = `throughline-dead-letters-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false });
  const found: DeadLetter[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [deadTopic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, READ_TIMEOUT_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ message }) => {
            if (Number(message.offset) < start) return;
            found.push(letterOf(message));
            if (Number(message.offset) >= end - 1) done();
          },
        })
        .catch(reject);
      consumer.seek({ topic: deadTopic, partition: 0, offset: String(start) });
    });
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => {});
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
