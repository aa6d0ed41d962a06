/** One POST of a webhook: it ends in time, whatever the other side does and whatever is collected as garbage meanwhile. */
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { postWebhook } from '../../../analytics/slo/alerts/post.js';
import { Webhook } from './support/alerts.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let hook: Webhook;

beforeEach(async () => {
  hook = await new Webhook().start();
});
afterEach(() => hook.close());

async function whileCollecting<Result>(work: Promise<Result>): Promise<Result> {
  const collecting = setInterval(collectGarbage, 10);
  try {
    return await work;
  } finally {
    clearInterval(collecting);
  }
}

test('one that is not answered ends when its time is over', async () => {
  hook.behaviours.push('hang');
  const { signal } = new AbortController();

  const outcome = await whileCollecting(postWebhook(hook.url, '{}', { timeoutMs: 200, signal }));

  expect(outcome).toEqual({ isSent: false, why: 'no answer in time' });
});

test('one that is not answered ends when its sender is stopped, before or meanwhile', async () => {
  hook.behaviours.push('hang');
  const stop = new AbortController();
  const options = { timeoutMs: 600_000, signal: stop.signal };

  const posting = whileCollecting(postWebhook(hook.url, '{}', options));
  await vi.waitFor(() => expect(hook.asked).toHaveLength(1), { timeout: 30_000 });
  stop.abort();

  expect(await posting).toEqual({ isSent: false, why: 'AbortError' });
  expect(await postWebhook(hook.url, '{}', options)).toEqual({ isSent: false, why: 'AbortError' });
  expect(hook.asked).toHaveLength(1);
  // The signal lives as long as its process: what waits for it must not stay.
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
});
