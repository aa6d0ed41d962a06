/**
 * The dead-letter store: bounded, never silently lossy. Payloads are kept up to `maxBytes`; beyond it headers and reasons,
 * up to twice that; beyond that letters are only counted.
 */
import type { DeadLetter } from '../types.js';
import { sequenceKey } from './keys.js';
import type { LogFile } from './log-file.js';
import type { LogTransaction } from './log-transaction.js';
import { footprintBytes } from './record-codec.js';

/** Counter of the letters that left nothing but this count. */
const NOT_KEPT = 'dead_letter_not_kept';
const MAX_REASON_CHARACTERS = 1000;

/** u32 length, JSON of everything but the payload, payload. */
function encodeDeadLetter(letter: DeadLetter, payload: Uint8Array, reason: string): Buffer {
  const { partition, offset, appendTimeMs, tenant, itemCount } = letter;
  const header = Buffer.from(JSON.stringify({ partition, offset, appendTimeMs, tenant, itemCount, reason }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length, 0);
  return Buffer.concat([length, header, payload]);
}

function decodeDeadLetter(value: Buffer): DeadLetter {
  const end = 4 + value.readUInt32LE(0);
  const header = JSON.parse(value.toString('utf8', 4, end)) as Omit<DeadLetter, 'payload'>;
  return { ...header, payload: value.subarray(end) };
}

/** Most bytes that dead letters take of the log in all. */
export function deadLetterLimit(maxBytes: number): number {
  return maxBytes * 2;
}

export function putDeadLetter(transaction: LogTransaction, letter: DeadLetter, maxBytes: number): void {
  const { usage, file } = transaction;
  const fits = (value: Buffer, limit: number) => usage.deadLetterBytes + footprintBytes(value.length) <= limit;
  const reason = letter.reason.slice(0, MAX_REASON_CHARACTERS);
  let value = encodeDeadLetter(letter, letter.payload, reason);
  if (!fits(value, maxBytes)) {
    const note = `${reason} (payload of ${letter.payload.length} bytes not kept)`;
    value = encodeDeadLetter(letter, new Uint8Array(0), note);
  }
  if (!fits(value, deadLetterLimit(maxBytes))) {
    transaction.addTallies({ [NOT_KEPT]: 1 });
    return;
  }
  file.deadLetters.put(sequenceKey(usage.nextDeadLetter), value);
  usage.nextDeadLetter++;
  usage.deadLetterCount++;
  usage.deadLetterBytes += footprintBytes(value.length);
}

/** The newest first. */
export function readDeadLetters(file: LogFile, limit: number): DeadLetter[] {
  const letters: DeadLetter[] = [];
  for (const { value } of file.deadLetters.getRange({ reverse: true, limit })) letters.push(decodeDeadLetter(value));
  return letters;
}
