/** Waiting for a server that is not there yet: other machines start when they start. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Connection, displayUrl } from './connection.js';
import { StoreError } from './errors.js';
import { explainSetup } from './setup.js';

export interface PatienceOptions {
  readonly connection: Connection;
  readonly logger: Logger;
  /** Ends the waiting: the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const TRY_EVERY_MS = 1_000;
const SAY_EVERY_MS = 5_000;

/** Repeats the attempt until it succeeds or fails with what waiting does not cure. Says every few seconds that it waits. */
export async function withPatience<Result>(
  attempt: () => Promise<Result>,
  { connection, logger, signal }: PatienceOptions,
): Promise<Result> {
  const startedMs = performance.now();
  let saidMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const result = await untilAborted(attempt(), signal);
      if (saidMs > 0) logger.info({ url: displayUrl(connection.url) }, 'ClickHouse is there');
      return result;
    } catch (thrown) {
      if (signal?.aborted) throw signal.reason;
      if (!(thrown instanceof StoreError)) throw thrown;
      const error = explainSetup(thrown, connection);
      if (!error.retryable) throw error;
      if (performance.now() - saidMs >= SAY_EVERY_MS) {
        saidMs = performance.now();
        const waitedS = Math.round((saidMs - startedMs) / 1_000);
        logger.warn({ url: displayUrl(connection.url), waitedS, reason: error.message }, 'waiting for ClickHouse');
      }
    }
    await sleep(TRY_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** What the attempt still does is left to itself: every one may be made again. */
function untilAborted<Result>(attempt: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return attempt;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    attempt.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
