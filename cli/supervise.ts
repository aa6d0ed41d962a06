import type { Logger } from 'pino';

/** Something that runs until it is closed, or fails. */
export interface Running {
  readonly done: Promise<void>;
  close(): Promise<void>;
}

export interface Supervised {
  /** The part that runs now; null while it is being started again. */
  current(): Running | null;
  /** Why it last failed, '' while it runs. */
  reason(): string;
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** A part that ran this long has recovered: the next failure starts again with a short pause. */
const HEALTHY_MS = 60_000;

/**
 * Keeps a part running: when it fails it is started again after a pause that doubles. Safe for what keeps its truth
 * elsewhere (the stitcher's is in the log and the store). The first start must succeed.
 */
export async function supervise(name: string, start: () => Promise<Running>, logger: Logger): Promise<Supervised> {
  let isClosing = false;
  let current: Running | null = await start();
  let reason = '';
  let wake = () => {};
  const loop = run();

  async function run(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !isClosing; ) {
      const startedMs = performance.now();
      try {
        current ??= await start();
        reason = '';
        await current.done;
        return;
      } catch (error) {
        current = null;
        reason = `${name}: ${error instanceof Error ? error.message : String(error)}`;
        if (performance.now() - startedMs > HEALTHY_MS) pauseMs = FIRST_PAUSE_MS;
        logger.error({ err: error, startAgainInMs: pauseMs }, `${name} failed and is started again`);
      }
      if (isClosing) return;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, pauseMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }

  return {
    current: () => current,
    reason: () => reason,
    async close() {
      isClosing = true;
      wake();
      await current?.close();
      await loop;
      // Started in the moment of closing.
      await current?.close();
    },
  };
}
