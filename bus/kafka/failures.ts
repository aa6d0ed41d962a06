/** What kafkajs throws, as a BusError: whether to come again, and what to do where that is of no use. */
import { BusError } from '../errors.js';

interface KafkaFailure {
  readonly name: string;
  readonly message: string;
  /** Kafka's own name of it, of protocol errors. */
  readonly type?: string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/** Where the failure began. */
export function rootCause(error: unknown): KafkaFailure {
  let failure = error as KafkaFailure;
  while (failure.cause instanceof Error) failure = failure.cause as unknown as KafkaFailure;
  return failure;
}

/** Nothing but another configuration, of ours or of the broker, will mend these. */
const REFUSALS: ReadonlySet<string> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'UNSUPPORTED_VERSION',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
]);

export function isRefusal(error: unknown): boolean {
  const { name, type = '', message } = rootCause(error);
  if (REFUSALS.has(type) || name === 'KafkaJSSASLAuthenticationError') return true;
  // A certificate that is not believed comes as an error of the connection, with OpenSSL's or Node's words.
  return /certificate|self.signed|SSL routines|unable to (get|verify)|altnames/i.test(message);
}

/** Whether beginning again is of no use: not something that passes by itself, as kafkajs sees it. */
export function isFinal(error: Error): boolean {
  if (isRefusal(error)) return true;
  if (error.name === 'KafkaJSNumberOfRetriesExceeded') return false;
  return rootCause(error).retriable !== true;
}

export function publishFailure(error: unknown, topic: string): BusError {
  const { type, name, message } = rootCause(error);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') {
    const text = `a record is larger than topic ${topic} takes: raise its max.message.bytes or lower bus.kafka.maxRecordBytes`;
    return new BusError('BUS_FULL', text, { cause: error, retryable: false });
  }
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || name === 'KafkaJSTopicMetadataNotLoaded') {
    return unavailable(error, `topic ${topic} or a partition of it does not exist: it was deleted since the start`);
  }
  return unavailable(error, `Kafka did not take a record for ${topic}: ${message}`);
}

export function unavailable(error: unknown, text: string): BusError {
  return new BusError('BUS_UNAVAILABLE', text, { cause: error });
}

export function refused(error: unknown, brokers: readonly string[]): BusError {
  const { message } = rootCause(error);
  return new BusError('BUS_REFUSED', `Kafka at ${brokers.join(', ')} refuses: ${message}`, { cause: error });
}
