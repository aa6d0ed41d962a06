/** `bus.kafka.*`: Kafka in place of the embedded log. */
import { z } from 'zod';
import { choice, duration, integer, listOf, section, size, text, words } from './config-values.js';

const path = () => text('a path', /./);

export const KafkaSettings = section({
  brokers: listOf(z.string().regex(/^[\w.-]+:\d{1,5}$|^\[[\da-f:]+\]:\d{1,5}$/i, 'give host:port'), 'host:port')
    .default([])
    .describe('Kafka brokers to begin with'),
  topic: text('the name of a topic', /^[\w.-]{1,240}$/)
    .default('otlp_spans')
    .describe('Topic of the spans; <topic>_dead has the dead letters'),
  group: text('the name of a consumer group', /^[\w.-]{1,240}$/)
    .default('throughline')
    .describe('Consumer group of the stitchers'),
  replicationFactor: integer(1, 100).default(1).describe('Replicas of a topic that is made; in production 3'),
  minInsyncReplicas: integer(1, 100)
    .default(1)
    .describe('Replicas that hold a span before it is acknowledged, for a topic that is made; in production 2'),
  retention: duration(60_000).prefault('7d').describe('How long a topic that is made keeps records'),
  maxRecordBytes: size(10_000)
    .prefault('1000KiB')
    .describe('Largest record; below max.message.bytes of a topic that is there, which a topic that is made gets'),
  compression: choice('none', 'gzip', 'lz4', 'zstd').default('lz4').describe('Of records; zstd needs Node 22.15'),
  tls: section({
    enabled: choice('true', 'false').default('false').describe('Whether brokers are spoken to over TLS'),
    caFile: path().optional().describe('PEM file of their authority; without it those that Node knows'),
    certFile: path().optional().describe('PEM file of a certificate to show to them'),
    keyFile: path().optional().describe('PEM file of its key'),
  }),
  sasl: section({
    mechanism: choice('plain', 'scram-sha-256', 'scram-sha-512').optional().describe('How to log in; without it not'),
    username: words().optional().describe('User'),
    password: words().optional().describe('Password'),
  }),
});
export type KafkaSettings = z.output<typeof KafkaSettings>;

/** Settings that do not go together, each with the one it contradicts. */
export function kafkaConflicts(kind: 'embedded' | 'kafka', kafka: KafkaSettings): [string, string, string][] {
  const { brokers, minInsyncReplicas, replicationFactor, tls, sasl } = kafka;
  const conflicts: [string, string, string][] = [];
  const require = (holds: boolean, name: string, other: string, message: string) => {
    if (!holds) conflicts.push([`bus.kafka.${name}`, other, message]);
  };
  require(kind === 'embedded' ||
    brokers.length > 0, 'brokers', 'bus.kind', 'must name at least one host:port for bus.kind kafka');
  require(minInsyncReplicas <=
    replicationFactor, 'minInsyncReplicas', 'bus.kafka.replicationFactor', 'must not exceed bus.kafka.replicationFactor');
  const usesFiles = tls.caFile !== undefined || tls.certFile !== undefined || tls.keyFile !== undefined;
  require(!usesFiles ||
    tls.enabled === 'true', 'tls.enabled', 'bus.kafka.tls.caFile', 'must be true for files of tls to be used');
  require((tls.certFile === undefined) ===
    (tls.keyFile === undefined), 'tls.certFile', 'bus.kafka.tls.keyFile', 'and bus.kafka.tls.keyFile go together');
  const hasLogin = sasl.username !== undefined && sasl.password !== undefined;
  require(sasl.mechanism === undefined ||
    hasLogin, 'sasl.mechanism', 'bus.kafka.sasl.username', 'needs bus.kafka.sasl.username and password');
  require(sasl.mechanism !== undefined ||
    (sasl.username === undefined &&
      sasl.password ===
        undefined), 'sasl.username', 'bus.kafka.sasl.mechanism', 'needs bus.kafka.sasl.mechanism: plain, scram-sha-256 or scram-sha-512');
  return conflicts;
}
