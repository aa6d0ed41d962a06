/** The client that asks: one connection, made anew when it does not answer. */
import type { Admin } from 'kafkajs';
import { BusError } from '../errors.js';
import type { KafkaClient } from './client.js';

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

  /** Asks; where the connection turns out to be of a broker that is gone, once more with a new one. */
  async ask<Answer>(question: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    const link = this.#link;
    try {
      return await question(await this.connected());
    } catch (error) {
      if (this.#isClosed || error instanceof BusError) throw error;
      if (link !== null && link === this.#link) await this.#drop();
      return await question(await this.connected());
    }
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
