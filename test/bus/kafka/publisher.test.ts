/** The publisher over a producer that answers as the test says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CompressionTypes, type Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { Publisher, type PublisherOptions } from '../../../bus/kafka/publisher.js';
import { record } from '../support.js';

/** As kafkajs throws them. */
function failure(type: string, retriable: boolean): Error {
  return Object.assign(new Error(`the broker says ${type}`), { name: 'KafkaJSProtocolError', type, retriable });
}

interface Sent {
  readonly partition: number;
  readonly texts: readonly string[];
}

class FakeLink {
  readonly sent: Sent[] = [];
  answer: (sent: Sent) => Promise<void> | void = () => {};

  async send(_topic: string, partition: number, messages: readonly Message[]): Promise<void> {
    const sent = { partition, texts: messages.map(({ value }) => String(value)) };
    this.sent.push(sent);
    await this.answer(sent);
  }
}

function open(options: Partial<PublisherOptions> = {}): { link: FakeLink; publisher: Publisher } {
  const link = new FakeLink();
  const publisher = new Publisher({
    link,
    topic: 'spans',
    partitionCount: 2,
    compression: CompressionTypes.None,
    maxBatchBytes: 100_000,
    maxQueuedBytes: 1_000_000,
    deliveryTimeoutMs: 1_000,
    ...options,
  });
  return { link, publisher };
}

const publishTexts = (publisher: Publisher, partition: number, ...texts: string[]) =>
  Promise.allSettled(texts.map(text => publisher.publish([record(partition, text)], {})));

describe('the publisher', () => {
  it('sends what gathered while a batch of the partition was on its way as one batch, other partitions beside it', async () => {
    const { link, publisher } = open();
    link.answer = () => sleep(20);
    await Promise.all([publishTexts(publisher, 0, 'a', 'b', 'c'), publishTexts(publisher, 1, 'd')]);
    expect(link.sent).toEqual([
      { partition: 0, texts: ['a'] },
      { partition: 1, texts: ['d'] },
      { partition: 0, texts: ['b', 'c'] },
    ]);
  });

  it('never makes a batch larger than the broker takes', async () => {
    const { link, publisher } = open({ maxBatchBytes: 10_000 });
    link.answer = () => sleep(5);
    await publishTexts(publisher, 0, ...Array.from({ length: 9 }, () => 'x'.repeat(3_000)));
    expect(link.sent.map(({ texts }) => texts.length)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1]);
    await publishTexts(publisher, 0, ...Array.from({ length: 9 }, () => 'x'.repeat(200)));
    expect(Math.max(...link.sent.map(({ texts }) => texts.length))).toBe(4);
  });

  it('sends tallies last, and not at all where a record was not taken', async () => {
    const { link, publisher } = open({ deliveryTimeoutMs: 100 });
    await publisher.publish([record(0, 'a'), record(1, 'b')], { rejected: 1 });
    expect(link.sent.map(({ texts }) => texts)).toEqual([['a'], ['b'], ['']]);
    link.answer = ({ partition }) => {
      if (partition === 1) throw failure('NOT_LEADER_FOR_PARTITION', true);
    };
    await expect(publisher.publish([record(0, 'a'), record(1, 'b')], { rejected: 1 })).rejects.toMatchObject({
      code: 'BUS_UNAVAILABLE',
    });
    expect(link.sent.filter(({ texts }) => texts[0] === '')).toHaveLength(1);
  });

  it('tries again until the deadline what may pass, and gives the last reason then', async () => {
    const { link, publisher } = open({ deliveryTimeoutMs: 400 });
    let tries = 0;
    link.answer = () => {
      if (++tries < 3) throw failure('NOT_ENOUGH_REPLICAS', true);
    };
    await publisher.publish([record(0, 'a')], {});
    expect(tries).toBe(3);
    link.answer = () => {
      throw failure('NOT_ENOUGH_REPLICAS', true);
    };
    await expect(publisher.publish([record(0, 'a')], {})).rejects.toMatchObject({
      code: 'BUS_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('NOT_ENOUGH_REPLICAS'),
    });
  });

  it('makes only the record pay that is too large for the topic', async () => {
    const { link, publisher } = open();
    link.answer = async ({ texts }) => {
      await sleep(10);
      if (texts.some(text => text.startsWith('large'))) throw failure('MESSAGE_TOO_LARGE', false);
    };
    const results = await publishTexts(publisher, 0, 'first', 'a', 'large', 'b');
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(results[2]).toMatchObject({ reason: { code: 'BUS_FULL', retryable: false } });
  });

  it('refuses at once what a partition in trouble would only let wait, and takes it when the trouble is over', async () => {
    const { link, publisher } = open({ deliveryTimeoutMs: 30_000 });
    let isAway = true;
    link.answer = ({ partition }) => {
      if (isAway && partition === 0) throw failure('LEADER_NOT_AVAILABLE', true);
    };
    const probe = publisher.publish([record(0, 'probe')], {});
    await sleep(2_300);
    const startedMs = performance.now();
    await expect(publisher.publish([record(0, 'a')], {})).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    // At once, not when its time is over.
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    await publisher.publish([record(1, 'other')], {});
    isAway = false;
    await probe;
    await publisher.publish([record(0, 'b')], {});
  });

  it('holds no more than it may, while a send hangs, and nothing of what was given up but that send', async () => {
    const { link, publisher } = open({ maxQueuedBytes: 50_000, deliveryTimeoutMs: 1_000 });
    let letGo = () => {};
    link.answer = () =>
      new Promise(answered => {
        letGo = answered;
      });
    const text = 'x'.repeat(10_000);
    const results = await publishTexts(publisher, 0, text, text, text, text, text, text, text);
    const codes = results.map(result => (result.status === 'rejected' ? result.reason.code : ''));
    expect(codes.filter(code => code === 'BUS_UNAVAILABLE')).toHaveLength(4);
    expect(codes.filter(code => code === 'BUS_FULL')).toHaveLength(3);
    // The one on its way counts still; while it hangs others are told at once.
    const startedMs = performance.now();
    const [next] = await publishTexts(publisher, 0, text);
    expect(next).toMatchObject({ status: 'rejected', reason: { code: 'BUS_UNAVAILABLE' } });
    expect(performance.now() - startedMs).toBeLessThan(900);
    link.answer = () => {};
    letGo();
    await sleep(10);
    await publisher.publish([record(0, text)], {});
    await publisher.idle();
    expect(link.sent).toHaveLength(2);
  });

  it('is idle once everything has settled, tallies included', async () => {
    const { link, publisher } = open();
    link.answer = () => sleep(20);
    const publish = publisher.publish([record(0, 'a')], { rejected: 1 });
    await publisher.idle();
    expect(link.sent).toHaveLength(2);
    await publish;
  });

  it('refuses a partition that the topic has not, and a record that no batch holds', async () => {
    const { publisher } = open();
    await expect(publisher.publish([record(2, 'a')], {})).rejects.toThrow(RangeError);
    const large = publisher.publish([record(0, 'x'.repeat(100_000))], {});
    await expect(large).rejects.toMatchObject({ code: 'BUS_FULL', retryable: false });
  });
});
