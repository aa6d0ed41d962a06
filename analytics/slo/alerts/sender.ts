/**
 * Sends what waits to its webhooks, until they have answered with 2xx or a day has passed.
 *
 * At least once: whoever dies between the answer and noting it leaves it to be sent again, with the same body. While one
 * process sends a notification others leave it alone, for as long as a try can take.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import {
  claimNotification,
  type Store,
  type StoredNotification,
  settleNotification,
  waitingNotifications,
} from '../../../store/index.js';
import type { AlertMetrics } from './metrics.js';
import { postWebhook } from './post.js';

export interface SenderSettings {
  readonly timeoutMs: number;
  /** How long a try may take with all that belongs to it: beyond it another process tries. */
  readonly leaseMs: number;
  /** After the first failure; doubled with each. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** What could not be sent for so long is given up. */
  readonly giveUpMs: number;
  /** From 0 to 1: spreads the tries. */
  readonly random: () => number;
}

/** Of one webhook: notifications that are looked at, and that are sent in a pass. Webhooks at a time. */
const MAX_WAITING = 200;
const MAX_OF_ONE = 20;
const MAX_AT_ONCE = 8;

interface SenderParts {
  readonly store: Store;
  readonly logger: Logger;
  readonly metrics: AlertMetrics;
}

export class Sender {
  readonly #parts: SenderParts;
  readonly #settings: SenderSettings;
  readonly #owner = randomUUID();

  constructor(parts: SenderParts, settings: SenderSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** Tries what is due. Returns how many were sent. */
  async pass(signal: AbortSignal): Promise<number> {
    const due = dueOf(await waitingNotifications(this.#parts.store, MAX_WAITING));
    const queue = [...byUrl(due)];
    let sent = 0;
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        sent += await this.#sendAll(next, signal);
    };
    await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
    return sent;
  }

  /** Of one webhook. After a failure the others are left for later, too: it is likely to fail them as well. */
  async #sendAll(notifications: readonly StoredNotification[], signal: AbortSignal): Promise<number> {
    let sent = 0;
    for (const notification of notifications.slice(0, MAX_OF_ONE)) {
      if (signal.aborted) break;
      const outcome = await this.#send(notification, signal);
      if (outcome === 'sent') sent++;
      if (outcome === 'failed') break;
    }
    return sent;
  }

  async #send(notification: StoredNotification, signal: AbortSignal): Promise<'sent' | 'failed' | 'taken'> {
    const { store, logger, metrics } = this.#parts;
    const { timeoutMs, leaseMs, giveUpMs } = this.#settings;
    const claimed = await claimNotification(store, notification, this.#owner, leaseMs);
    if (claimed === undefined) return 'taken';
    const outcome = await postWebhook(claimed.url, claimed.payload, { timeoutMs, signal });
    const { alertId, kind, target, slo, attempts } = claimed;
    if (outcome.isSent) {
      await settleNotification(store, claimed, 'sent', 0);
      metrics.notified('sent');
      logger.info({ alertId, kind, target, slo, attempts }, 'sent a notification');
      return 'sent';
    }
    const isGivenUp = claimed.ageMs >= giveUpMs;
    await settleNotification(store, claimed, isGivenUp ? 'given_up' : 'waiting', this.#delayMs(attempts));
    metrics.notified(isGivenUp ? 'given_up' : 'failed');
    const then = isGivenUp ? 'it is given up' : 'it will be tried again';
    logger.warn({ alertId, kind, target, slo, attempts, why: outcome.why }, `a notification failed; ${then}`);
    return 'failed';
  }

  #delayMs(attempts: number): number {
    const { retryMs, maxRetryMs, random } = this.#settings;
    return Math.min(maxRetryMs, retryMs * 2 ** Math.min(attempts - 1, 30)) * (0.5 + random() / 2);
  }
}

/** An end is not told before its beginning. */
function dueOf(waiting: readonly StoredNotification[]): StoredNotification[] {
  const earlier = new Set<string>();
  return waiting.filter(notification => {
    const name = JSON.stringify([notification.tenant, notification.alertId, notification.url]);
    const isFirst = !earlier.has(name);
    earlier.add(name);
    return isFirst && notification.isDue;
  });
}

function byUrl(notifications: readonly StoredNotification[]): Iterable<StoredNotification[]> {
  const groups = new Map<string, StoredNotification[]>();
  for (const notification of notifications) {
    const group = groups.get(notification.url);
    if (group === undefined) groups.set(notification.url, [notification]);
    else group.push(notification);
  }
  return groups.values();
}
