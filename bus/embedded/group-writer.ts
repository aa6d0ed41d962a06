/**
 * Group commit: every change of the log is an action, and all actions that are waiting when a write transaction begins
 * go into it together. One transaction is under way at a time; LMDB writes and syncs it on another thread.
 */
import { BusError } from '../errors.js';
import { type LogFile, toBusError } from './log-file.js';
import { LogTransaction } from './log-transaction.js';

/** Payload bytes after which a transaction takes no further action: bounds the dirty pages it holds in memory. */
const MAX_GROUP_BYTES = 32 << 20;

/**
 * Runs inside the write transaction, synchronously. It may refuse by throwing a BusError, but only before it has
 * changed anything; any other error aborts the whole transaction.
 */
type Action<Result> = (transaction: LogTransaction) => Result;

interface Submission {
  readonly payloadBytes: number;
  readonly action: Action<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: BusError) => void;
}

type Outcome = { readonly result: unknown } | { readonly refusal: BusError };

export class GroupWriter {
  readonly #file: LogFile;
  readonly #timeoutMs: number;
  #queue: Submission[] = [];
  #draining: Promise<void> | undefined;
  /** A transaction that was given up and has not come back; nothing can be written until it does. */
  #stuck: Promise<void> | undefined;

  constructor(file: LogFile, timeoutMs: number) {
    this.#file = file;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves with what the action returned once its transaction is durable. */
  submit<Result>(payloadBytes: number, action: Action<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#queue.push({ payloadBytes, action, resolve: resolve as (result: unknown) => void, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves once nothing is waiting or under way. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** Whether a transaction hangs, so that closing the environment would hang too. */
  get isStuck(): boolean {
    return this.#stuck !== undefined;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) await this.#runGroup(() => this.#takeGroup());
    this.#draining = undefined;
  }

  #takeGroup(): Submission[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && (count === 0 || bytes < MAX_GROUP_BYTES))
      bytes += this.#queue[count++].payloadBytes;
    return this.#queue.splice(0, count);
  }

  /** `take` is called when the transaction has begun, so that whoever came while it waited for the lock is in. */
  async #runGroup(take: () => Submission[]): Promise<void> {
    let group: Submission[] = [];
    const outcomes: Outcome[] = [];
    try {
      await this.#transact(() => {
        group = take();
        const transaction = new LogTransaction(this.#file);
        for (const submission of group) outcomes.push(attempt(submission, transaction));
        transaction.flush();
      });
    } catch (cause) {
      await this.#groupFailed(group, toBusError(cause, 'cannot write to the log'));
      return;
    }
    for (let i = 0; i < group.length; i++) settle(group[i], outcomes[i]);
  }

  /** Nothing of the group was written: whoever may have caused it must not fail the others, so each tries alone. */
  async #groupFailed(group: Submission[], error: BusError): Promise<void> {
    if (this.#stuck !== undefined) {
      for (const submission of [...group, ...this.#queue.splice(0)]) submission.reject(error);
      return;
    }
    if (group.length === 0) for (const submission of this.#takeGroup()) submission.reject(error);
    if (group.length === 1) group[0].reject(error);
    if (group.length <= 1) return;
    await this.#advance();
    for (const submission of group) await this.#runGroup(() => [submission]);
  }

  /**
   * An empty transaction. LMDB reuses pages only two transactions after they were freed, and failing ones do not count:
   * without this a full disk could keep a log full that has free pages.
   */
  async #advance(): Promise<void> {
    await this.#transact(() => new LogTransaction(this.#file).flush()).catch(() => undefined);
  }

  /** A child transaction, because only such a one is rolled back when the callback throws. */
  async #transact(callback: () => void): Promise<void> {
    if (this.#stuck !== undefined) throw new BusError('BUS_UNAVAILABLE', 'an earlier write to the log hangs');
    const written = withCommitError(this.#file.environment.childTransaction(callback));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#stuck = written
          .catch(() => undefined)
          .then(() => {
            this.#stuck = undefined;
          });
        reject(new BusError('BUS_UNAVAILABLE', `writing to the log took longer than ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
    });
    try {
      await Promise.race([written, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function attempt(submission: Submission, transaction: LogTransaction): Outcome {
  try {
    return { result: submission.action(transaction) };
  } catch (error) {
    if (error instanceof BusError) return { refusal: error };
    throw error;
  }
}

function settle(submission: Submission, outcome: Outcome): void {
  if ('refusal' in outcome) submission.reject(outcome.refusal);
  else submission.resolve(outcome.result);
}

/** lmdb rejects with a general error whose `commitError` is a promise that rejects with the cause: never leave that unhandled. */
async function withCommitError(written: Promise<unknown>): Promise<void> {
  try {
    await written;
  } catch (error) {
    if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise)
      await error.commitError;
    throw error;
  }
}
