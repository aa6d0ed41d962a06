/** Where the partitions are, and what the group has committed with which counts. One round of requests each. */
import type { Admin } from 'kafkajs';
import type { PartitionOffsets } from '../types.js';
import { decodeCounts, NO_COUNTS, type PrefixCounts } from './prefix-counts.js';

export interface CommittedPosition {
  /** -1: nothing committed. */
  readonly offset: number;
  readonly counts: PrefixCounts;
}

export interface PartitionPosition extends PartitionOffsets {
  readonly counts: PrefixCounts;
}

export async function fetchCommitted(
  admin: Admin,
  group: string,
  topic: string,
): Promise<ReadonlyMap<number, CommittedPosition>> {
  const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  return new Map(
    partitions.map(({ partition, offset, metadata }) => [
      partition,
      { offset: Number(offset), counts: decodeCounts(metadata) ?? NO_COUNTS },
    ]),
  );
}

export async function fetchPositions(admin: Admin, group: string, topic: string): Promise<PartitionPosition[]> {
  // Committed first: then it is never beyond the end.
  const committed = await fetchCommitted(admin, group, topic);
  const ends = await admin.fetchTopicOffsets(topic);
  return ends
    .map(({ partition, high, low }) => {
      const startOffset = Number(low);
      const { offset, counts } = committed.get(partition) ?? { offset: -1, counts: NO_COUNTS };
      return {
        partition,
        startOffset,
        endOffset: Number(high),
        committedOffset: offset < 0 ? startOffset : offset,
        lastAppendTimeMs: counts.lastAppendTimeMs,
        counts,
      };
    })
    .sort((a, b) => a.partition - b.partition);
}
