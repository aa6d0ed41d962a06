/**
 * Membership in the group for as long as it is wanted: where kafkajs gives one up, because the brokers are away, the next
 * begins as soon as one answers. What a former membership still has to say is not heard.
 */
import type { Logger } from 'pino';
import { isFinal, rootCause } from './failures.js';
import { Membership, type MembershipEvents, type MembershipOptions, type OffsetToCommit } from './membership.js';

export interface StandingEvents extends Omit<MembershipEvents, 'ended'> {
  /** No further membership is of any use. */
  failed(error: Error): void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export class StandingMembership {
  readonly #options: MembershipOptions;
  readonly #events: StandingEvents;
  readonly #logger: Logger;
  #current: Membership;
  /** Settles, never rejects, when the newest membership has begun or failed to. */
  #beginning: Promise<void> = Promise.resolve();
  #nextBeginning: NodeJS.Timeout | undefined;
  /** In a row, without an assignment in between. */
  #failures = 0;
  #isClosing = false;

  constructor(options: MembershipOptions, events: StandingEvents, logger: Logger) {
    this.#options = options;
    this.#events = events;
    this.#logger = logger;
    this.#current = this.#newMembership();
  }

  /** Begins the first one; rejects if the group cannot be joined. */
  run(): Promise<void> {
    return this.#current.run();
  }

  /** One try; rejects if nothing was committed. */
  commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    return this.#current.commit(offsets);
  }

  pause(): void {
    this.#current.pause();
  }

  resume(): void {
    this.#current.resume();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#nextBeginning);
    await this.#current.close();
    await this.#beginning;
    // Begun in the moment of closing.
    await this.#current.close();
  }

  #newMembership(): Membership {
    const isCurrent = () => this.#current === membership;
    const membership: Membership = new Membership(this.#options, {
      joined: assigned => {
        if (!isCurrent()) return;
        if (assigned.length > 0) this.#failures = 0;
        this.#events.joined(assigned);
      },
      batch: async payload => {
        if (isCurrent()) await this.#events.batch(payload);
      },
      passed: (partition, firstOffset, endOffset) => {
        if (isCurrent()) this.#events.passed(partition, firstOffset, endOffset);
      },
      ended: error => {
        if (isCurrent()) this.#ended(error);
      },
    });
    return membership;
  }

  /** What it was given is somebody else's by and by; unless it is of no use, another one begins. */
  #ended(error: Error): void {
    this.#events.joined([]);
    if (this.#isClosing) return;
    if (isFinal(error)) {
      this.#events.failed(error);
      return;
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    this.#logger.warn({ reason: rootCause(error).message, pauseMs }, 'left the group, joining again');
    this.#nextBeginning = setTimeout(() => {
      this.#beginning = this.#begin();
    }, pauseMs);
  }

  async #begin(): Promise<void> {
    await this.#current.close();
    if (this.#isClosing) return;
    const membership = this.#newMembership();
    this.#current = membership;
    try {
      await membership.run();
    } catch (error) {
      this.#ended(error as Error);
    }
  }
}
