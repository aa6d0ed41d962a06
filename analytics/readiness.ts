/** GET /readyz: the readiness of whoever wired us, and whether the store answers. */
import type { ReadyAnswer } from '../schemas/index.js';
import type { RouteAnswer } from './routes.js';
import type { Parts } from './settings.js';

export async function answerReadiness(parts: Pick<Parts, 'store' | 'readiness'>): Promise<RouteAnswer> {
  const [others, isStoreThere] = await Promise.all([parts.readiness(), parts.store.ping().catch(() => false)]);
  const reasons = [...others.reasons, ...(isStoreThere ? [] : ['the store does not answer'])];
  const answer: ReadyAnswer = { ready: others.ready && isStoreThere, reasons };
  return { status: answer.ready ? 200 : 503, body: answer };
}
