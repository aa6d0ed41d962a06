/** GET /readyz: the readiness of whoever wired us, and whether the store answers. */
import type { ReadyAnswer } from '../schemas/index.js';
import type { RouteAnswer } from './routes.js';
import type { Parts } from './settings.js';

/** A probe waits a second or two: a store that hangs is to be told before it gives up. */
const PING_MS = 900;

export async function answerReadiness(parts: Pick<Parts, 'store' | 'readiness'>): Promise<RouteAnswer> {
  const [others, isStoreThere] = await Promise.all([parts.readiness(), isThere(parts.store)]);
  const reasons = [...others.reasons, ...(isStoreThere ? [] : ['the store does not answer'])];
  const answer: ReadyAnswer = { ready: others.ready && isStoreThere, reasons };
  return { status: answer.ready ? 200 : 503, body: answer };
}

/** The ping goes on where it takes too long; its end is nobody's business then. */
async function isThere(store: Parts['store']): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(() => resolve(false), PING_MS);
  });
  try {
    return await Promise.race([store.ping().catch(() => false), late]);
  } finally {
    clearTimeout(timer);
  }
}
