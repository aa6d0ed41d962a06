/** One POST of a webhook. A failure is told in a few words without the URL: its path and query may be secrets. */

export type PostOutcome = { readonly isSent: true } | { readonly isSent: false; readonly why: string };

export interface PostOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Only 2xx is taken for an answer: redirects are not followed, and what it says is not read. */
export async function postWebhook(url: string, body: string, { timeoutMs, signal }: PostOptions): Promise<PostOutcome> {
  const limit = limitOf(timeoutMs, signal);
  try {
    const { address, headers } = addressOf(url);
    const response = await fetch(address, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'throughline' },
      body,
      redirect: 'manual',
      signal: limit.signal,
    });
    await response.body?.cancel();
    return response.ok ? { isSent: true } : { isSent: false, why: `HTTP ${response.status}` };
  } catch (error) {
    return { isSent: false, why: reasonOf(error) };
  } finally {
    limit.release();
  }
}

/**
 * Aborts when the time is over or `signal` does. Not `AbortSignal.any` with `AbortSignal.timeout`: node 20 may collect that
 * timeout as garbage, and then nothing ends the wait but the 300 s that `fetch` has of its own.
 */
function limitOf(timeoutMs: number, signal: AbortSignal): { signal: AbortSignal; release(): void } {
  const limit = new AbortController();
  const leave = () => limit.abort(signal.reason);
  const timer = setTimeout(() => limit.abort(new DOMException('no answer in time', 'TimeoutError')), timeoutMs);
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  return {
    signal: limit.signal,
    release: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    },
  };
}

/** `fetch` refuses a user in the URL: it goes into the header that it stands for. */
function addressOf(url: string): { address: URL; headers: Record<string, string> } {
  const address = new URL(url);
  const { username, password } = address;
  if (username === '' && password === '') return { address, headers: {} };
  address.username = '';
  address.password = '';
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address, headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  if (error.name === 'TimeoutError') return 'no answer in time';
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : error.name;
}
