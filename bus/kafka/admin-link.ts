/** The client that asks: one connection, made anew when it does not answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { BusError } from '../errors.js';
import type { KafkaClient } from './client.js';
import { isRefusal, rootCause } from './failures.js';

/** Before each further try. */
const PAUSES_MS = [100, 300, 600];

interface Link {
  readonly client: KafkaClient;
  readonly admin: Admin;
}

export class AdminLink {
  readonly #newClient: () => KafkaClient;
  /** Null when there is none that works. */
  #link: Promise<Link> | null = null;
  #isClosed = false;

  constructor(newClient: () => KafkaClient) {
    this.#newClient = newClient;
  }

  async connected(): Promise<Admin> {
    this.#link ??= this.#open();
    return (await this.#link).admin;
  }

  /**
   * Asks, and again where that may help: with a new connection where the old one is of a broker that is gone, and after a
   * while where the brokers are about to be ready.
   */
  async ask<Answer>(question: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    let isNew = false;
    for (const pauseMs of PAUSES_MS) {
      const link = this.#link;
      try {
        return await question(await this.connected());
      } catch (error) {
        if (this.#isClosed || error instanceof BusError || isRefusal(error)) throw error;
        const isAnswer = rootCause(error).type !== undefined;
        if (isAnswer) await sleep(pauseMs);
        else {
          // A network that swallows everything costs seconds a try.
          if (isNew) throw error;
          isNew = true;
          if (link !== null && link === this.#link) await this.#drop();
        }
      }
    }
    return await question(await this.connected());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#drop();
  }

  async #open(): Promise<Link> {
    if (this.#isClosed) throw new Error('this client is closed');
    const client = this.#newClient();
    const admin = client.kafka.admin();
    try {
      await admin.connect();
    } catch (error) {
      this.#link = null;
      client.sockets.cut();
      throw error;
    }
    return { client, admin };
  }

  async #drop(): Promise<void> {
    const link = await this.#link?.catch(() => null);
    this.#link = null;
    if (link == null) return;
    const disconnecting = link.admin.disconnect();
    link.client.sockets.cut();
    await disconnecting.catch(() => {});
  }
}
