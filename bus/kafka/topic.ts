/** Makes the topics, or checks those that are there: a topic that would give wrong answers is refused with the remedy. */
import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { BusError } from '../errors.js';
import { rootCause } from './failures.js';
import { deadTopicOf, type ResolvedKafkaOptions } from './options.js';
import { RECORD_OVERHEAD_BYTES } from './record-headers.js';

export interface TopicFacts {
  readonly partitionCount: number;
  /** Largest payload of a record. */
  readonly maxRecordBytes: number;
}

/** A dead record goes with its payload and longer headers. */
const DEAD_OVERHEAD_BYTES = 64 << 10;

export async function prepareTopics(admin: Admin, options: ResolvedKafkaOptions): Promise<TopicFacts> {
  const { topic, maxRecordBytes } = options;
  const dead = deadTopicOf(topic);
  const existing = new Set(await admin.listTopics());
  const missing: ITopicConfig[] = [];
  if (!existing.has(topic)) missing.push(topicConfig(topic, maxRecordBytes + RECORD_OVERHEAD_BYTES, options));
  if (!existing.has(dead)) {
    const maxBytes = maxRecordBytes + RECORD_OVERHEAD_BYTES + DEAD_OVERHEAD_BYTES;
    missing.push({ ...topicConfig(dead, maxBytes, options), numPartitions: 1 });
  }
  if (missing.length > 0) await create(admin, missing, options);
  return check(admin, options);
}

function topicConfig(topic: string, maxMessageBytes: number, options: ResolvedKafkaOptions): ITopicConfig {
  const { partitionCount, replicationFactor, minInsyncReplicas, retentionMs } = options;
  return {
    topic,
    numPartitions: partitionCount,
    replicationFactor,
    configEntries: [
      // Windows run on append times: those of a producer's clock would be neither ordered nor honest.
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'cleanup.policy', value: 'delete' },
      { name: 'min.insync.replicas', value: String(minInsyncReplicas) },
      { name: 'retention.ms', value: String(retentionMs) },
      { name: 'max.message.bytes', value: String(maxMessageBytes) },
    ],
  };
}

async function create(admin: Admin, topics: ITopicConfig[], { logger }: ResolvedKafkaOptions): Promise<void> {
  for (const topic of topics) {
    try {
      // False: another process of ours was faster.
      const isNew = await admin.createTopics({ topics: [topic], waitForLeaders: true });
      if (isNew) logger.info({ topic: topic.topic, partitions: topic.numPartitions }, 'made a topic');
    } catch (error) {
      const { message, type } = rootCause(error);
      if (type === 'TOPIC_ALREADY_EXISTS') continue;
      if (type !== 'INVALID_REPLICATION_FACTOR') throw error;
      const text = `cannot make topic ${topic.topic} with ${topic.replicationFactor} replicas: ${message}; set bus.kafka.replicationFactor to at most the number of brokers`;
      throw new BusError('BUS_REFUSED', text, { cause: error });
    }
  }
}

async function check(admin: Admin, options: ResolvedKafkaOptions): Promise<TopicFacts> {
  const { topic, partitionCount, minInsyncReplicas, maxRecordBytes, logger } = options;
  const [{ partitions }] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
  const config = await configOf(admin, topic);
  refuseUnless(
    config.get('message.timestamp.type') === 'LogAppendTime',
    options,
    `stamps records with the producer's time (message.timestamp.type=${config.get('message.timestamp.type')})`,
    'message.timestamp.type=LogAppendTime',
  );
  refuseUnless(
    config.get('cleanup.policy') === 'delete',
    options,
    `is compacted (cleanup.policy=${config.get('cleanup.policy')}), which loses spans`,
    'cleanup.policy=delete',
  );
  if (partitions.length !== partitionCount) {
    const has = `topic ${topic} has ${partitions.length} partitions, bus.partitions is ${partitionCount}: the topic's number is used`;
    logger.warn({ topic }, has);
  }
  const insync = Number(config.get('min.insync.replicas'));
  if (insync < minInsyncReplicas) {
    logger.warn({ topic }, `min.insync.replicas is ${insync}, below bus.kafka.minInsyncReplicas ${minInsyncReplicas}`);
  }
  const fits = Number(config.get('max.message.bytes')) - RECORD_OVERHEAD_BYTES;
  if (fits < maxRecordBytes) {
    logger.warn({ topic }, `max.message.bytes leaves ${fits} bytes for a record, below bus.kafka.maxRecordBytes`);
  }
  return { partitionCount: partitions.length, maxRecordBytes: Math.max(1, Math.min(maxRecordBytes, fits)) };
}

async function configOf(admin: Admin, topic: string): Promise<ReadonlyMap<string, string>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  return new Map(resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue]));
}

function refuseUnless(holds: boolean, options: ResolvedKafkaOptions, what: string, remedy: string): void {
  if (holds) return;
  const { topic, brokers } = options;
  const command = `kafka-configs.sh --bootstrap-server ${brokers.join(',')} --alter --entity-type topics --entity-name ${topic} --add-config ${remedy}`;
  throw new BusError('BUS_REFUSED', `topic ${topic} ${what}. Change it with: ${command}`);
}
