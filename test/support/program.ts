/** A process of the built program: `throughline <arguments>`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

export const MAIN = resolve('dist/cli/main.js');
const LOG_LINES_KEPT = 200;

export class Program {
  /** The newest lines of its output, over all its lives. */
  readonly log: string[] = [];
  readonly #arguments: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | null = null;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    if (!existsSync(MAIN)) throw new Error('the built files are missing: run `npm run build` first');
    this.#arguments = args;
    this.#env = env;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The exit code, or null after a signal, once it has ended. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  start(): void {
    const child = spawn(process.execPath, [MAIN, ...this.#arguments], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exited = new Promise(done => child.once('exit', done));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log.push(...text.split('\n').filter(line => line !== ''));
        this.log.splice(0, this.log.length - LOG_LINES_KEPT);
      });
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** kill -9, at whatever it is doing. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.#exited;
  }
}
