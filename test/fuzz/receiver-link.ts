/** The fuzzer's end of the receivers' process. */
import { type ChildProcess, fork } from 'node:child_process';
import type { ReceiverState } from './receiver-process.js';

export class ReceiverLink {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly #child: ChildProcess;
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
    child.once('exit', (code, signal) => {
      this.death = `the receivers ended with ${signal ?? code}`;
    });
  }

  state(): Promise<ReceiverState> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', resolve as (message: unknown) => void);
      this.#child.once('exit', () => reject(new Error(this.death)));
      this.#child.send('state');
    });
  }

  close(): Promise<void> {
    if (this.death !== undefined) return Promise.resolve();
    const closed = new Promise<void>(resolve => this.#child.once('exit', () => resolve()));
    this.#child.disconnect();
    return closed;
  }
}
