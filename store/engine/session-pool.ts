/**
 * Sessions for statements. One is kept for the next statement under the same terms: opening it and setting it up costs as
 * much as a small query. No setting outlives its statement all the same: whatever differs from one to the other is part
 * of the key, but for the values of parameters, and these are all set anew.
 */
import { parameterNames, type Terms, terms, withParameters } from './settings.js';

interface RawResult {
  bytes(): Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** The part of chDB's Session in use here. One query at a time. */
export interface EngineSession {
  queryAsync(sql: string, options: { format: string }): Promise<RawResult>;
  /** Of SELECTs only. Formats that begin or end a document do so in every chunk. */
  queryStream(sql: string, options: { format: string }): AsyncIterable<{ raw(): Uint8Array }>;
  close(): void;
}

interface Idle {
  readonly key: string;
  readonly session: EngineSession;
}

const MAX_IDLE = 16;

export class SessionPool {
  readonly #open: () => EngineSession;
  /** Most recently used last. */
  readonly #idle: Idle[] = [];

  constructor(open: () => EngineSession) {
    this.#open = open;
  }

  /**
   * `isKept`: the statement leaves the Session as it was. After a failure none is: what was left of the answer might stand
   * before the next one.
   */
  async run<Result>(job: Terms, isKept: boolean, task: (session: EngineSession) => Promise<Result>): Promise<Result> {
    const key = isKept ? `${terms(job)}${parameterNames(job)}` : '';
    const idle = isKept ? this.#take(key) : undefined;
    const session = idle ?? this.#open();
    let isWhole = false;
    try {
      const preamble = withParameters(idle === undefined ? terms(job) : '', job);
      if (preamble !== '') await session.queryAsync(preamble, { format: 'TSV' });
      const result = await task(session);
      isWhole = true;
      return result;
    } finally {
      if (isKept && isWhole) this.#keep({ key, session });
      else session.close();
    }
  }

  close(): void {
    for (const { session } of this.#idle.splice(0)) session.close();
  }

  #take(key: string): EngineSession | undefined {
    const at = this.#idle.findLastIndex(idle => idle.key === key);
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0].session;
  }

  #keep(idle: Idle): void {
    this.#idle.push(idle);
    if (this.#idle.length > MAX_IDLE) this.#idle.shift()?.session.close();
  }
}
