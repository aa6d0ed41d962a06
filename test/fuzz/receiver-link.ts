/** The fuzzer's end of the receivers' process. */
import { type ChildProcess, fork } from 'node:child_process';
import type { ReceiverState } from './receiver-process.js';

export class ReceiverLink {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;
  /** How it ended; undefined while it lives. */
  death: string | undefined;

  static async start(): Promise<ReceiverLink> {
    const child = fork(new URL('./receiver-process.js', import.meta.url), { execArgv: ['--expose-gc'] });
    const ports = await new Promise<{ httpPort: number; grpcPort: number }>((resolve, reject) => {
      child.once('message', resolve as (message: unknown) => void);
      child.once('exit', code => reject(new Error(`the receivers ended at their start with ${code}`)));
    });
    return new ReceiverLink(child, ports);
  }

  private constructor(child: ChildProcess, { httpPort, grpcPort }: { httpPort: number; grpcPort: number }) {
    this.#child = child;
    this.httpPort = httpPort;
    this.grpcPort = grpcPort;
    this.#exit = new Promise(resolve => {
      child.once('exit', (code, signal) => {
        this.death = `the receivers ended with ${signal ?? code}`;
        resolve();
      });
    });
  }

  state(): Promise<ReceiverState> {
    const answer = new Promise<ReceiverState>(resolve => {
      this.#child.once('message', resolve as (message: unknown) => void);
      this.#child.send('state');
    });
    const death = this.#exit.then(() => Promise.reject(new Error(this.death)));
    return Promise.race([answer, death]);
  }

  close(): Promise<void> {
    if (this.death !== undefined) return Promise.resolve();
    this.#child.disconnect();
    return this.#exit;
  }
}
