/** The generator's process as a test sees it: started, watched, waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { LoadPlan } from './load-plan.js';
import { programPath } from './programs.js';

export interface GeneratorSettings {
  readonly plan: LoadPlan;
  /** OTLP/HTTP receivers; each request goes to any of them. */
  readonly endpoints: readonly string[];
  /** The file of the ledger. */
  readonly ledger: string;
  readonly senders: number;
  /** Between two requests of a sender, on the average. */
  readonly pauseMs: number;
  /** How likely a request is given up after no answer, or a refusal, instead of being sent again. */
  readonly giveUp: number;
  readonly answerTimeoutMs: number;
}

export const GENERATOR_DEFAULTS = { senders: 4, pauseMs: 20, giveUp: 0.15, answerTimeoutMs: 20_000 } as const;

export class Generator {
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  readonly #output: string[] = [];
  #acked = 0;
  /** Resolves once every batch is settled one way or the other; rejects if the generator was told nonsense. */
  readonly done: Promise<void>;

  constructor(settings: GeneratorSettings) {
    const child = spawn(process.execPath, [programPath('generator'), JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', line => {
      this.#acked = Number(line.split(' ')[1]);
      for (const watcher of this.#watchers) watcher();
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#output.push(text));
    this.done = new Promise((resolve, reject) => {
      child.once('close', (code, signal) => {
        if (code === 0) resolve();
        else reject(new Error(`the generator ended with ${signal ?? code}: ${this.#output.join('')}`));
      });
    });
    // Awaited by whoever started it; until then a failure must not count as unhandled.
    this.done.catch(() => {});
  }

  /** Batches acknowledged so far. */
  get acked(): number {
    return this.#acked;
  }

  /** Resolves once so many batches are acknowledged, or all are settled. */
  reached(batches: number): Promise<void> {
    const reached = new Promise<void>(resolve => {
      const watcher = () => {
        if (this.#acked < batches) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
      watcher();
    });
    return Promise.race([reached, this.done]);
  }

  /** Begins nothing new; what is under way is settled. */
  async stop(): Promise<void> {
    this.#child.stdin!.end();
    await this.done;
  }

  destroy(): void {
    this.#child.kill('SIGKILL');
  }
}
