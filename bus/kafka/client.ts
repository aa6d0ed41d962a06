/** A kafkajs client as the options say, with its messages in our log. */
import { Kafka, type LogEntry, logLevel } from 'kafkajs';
import type { Logger } from 'pino';
import { registerCodecs } from './codecs.js';
import type { ResolvedKafkaOptions } from './options.js';
import { quietRequestQueues } from './quiet-queue.js';
import { Sockets } from './sockets.js';

const CONNECTION_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 15_000;

export interface KafkaClient {
  readonly kafka: Kafka;
  readonly sockets: Sockets;
}

/** One for each purpose: within one client kafkajs shares what it knows of a group's offsets between consumers. */
export function createKafka({ brokers, tls, sasl, logger }: ResolvedKafkaOptions): KafkaClient {
  const sockets = new Sockets();
  registerCodecs();
  quietRequestQueues();
  const kafka = new Kafka({
    clientId: 'throughline',
    brokers: [...brokers],
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    ...(tls && { ssl: { ...tls } }),
    ...(sasl && { sasl: sasl as never }),
    socketFactory: sockets.factory,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
    logLevel: logLevel.WARN,
    logCreator: () => entry => writeLog(logger, entry),
  });
  return { kafka, sockets };
}

/** What it calls an error comes to nothing mostly: it tries again. What does matter is thrown, and told by us. */
function writeLog(logger: Logger, { log: { message, ...details } }: LogEntry): void {
  const { groupId, broker, error } = details;
  logger.debug({ groupId, broker, error: error === undefined ? undefined : String(error) }, `kafka: ${message}`);
}
