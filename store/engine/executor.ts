/**
 * Runs statements on chDB, each in a Session under its own terms (session-pool.ts); reads run in parallel up to a limit,
 * writes apart from them. A Session with a `session_id` is kept for the next statement with it, settings and all.
 */
import { bindParameters } from './bind.js';
import { QUERY_WAS_CANCELLED, READONLY } from './exceptions.js';
import { isStreamable } from './formats.js';
import { Lane } from './lane.js';
import { markedWith, QUERY_ID } from './query-id.js';
import { type EngineSession, SessionPool } from './session-pool.js';
import { isReadonly, quote, type Terms, terms, withParameters } from './settings.js';
import type { Statement } from './statement.js';

export interface Job extends Terms {
  readonly queryId: string;
  readonly statement: Statement;
  /** What the engine is given: the statement's text, or what stands for it. */
  readonly sql: string;
  /** Of a result whose statement names none. */
  readonly defaultFormat: string;
  readonly sessionId: string | undefined;
  /** The result may be sent while it is made: an error may then come after its beginning. */
  readonly mayStream: boolean;
  /** Aborts when nobody waits for the result any more: the query is killed. */
  readonly signal: AbortSignal;
  /** Takes a piece of the result; the next one waits for it. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

/** Rows and bytes read; of an INSERT those written. */
export interface JobCounts {
  readonly rows: number;
  readonly bytes: number;
}

export interface ExecutorOptions {
  readonly openSession: () => EngineSession;
  readonly parallelReads: number;
  readonly parallelWrites: number;
  readonly maxWaiting: number;
}

const READS = new Set(['SELECT', 'WITH', 'FROM', 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS', 'CHECK']);
const SELECTS = new Set(['SELECT', 'WITH', 'FROM']);
/** They leave a Session as it was. */
const WITHOUT_TRACE = new Set([...READS, 'INSERT']);
const MAX_NAMED_SESSIONS = 64;

interface NamedSession {
  readonly session: EngineSession;
  /** Statements of one session run one after the other. */
  readonly lane: Lane;
  users: number;
}

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #reads: Lane;
  readonly #writes: Lane;
  readonly #pool: SessionPool;
  /** By id, least recently used first. */
  readonly #named = new Map<string, NamedSession>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#pool = new SessionPool(options.openSession);
    this.#reads = new Lane(options.parallelReads, options.maxWaiting);
    this.#writes = new Lane(options.parallelWrites, options.maxWaiting);
  }

  async execute(job: Job): Promise<JobCounts> {
    const { verb } = job.statement;
    requireReading(job);
    // Whoever wants to stop queries does not wait for them to end.
    if (verb === 'KILL') return this.#inSession({ ...job, sessionId: undefined });
    const lane = READS.has(verb) ? this.#reads : this.#writes;
    const sessionId = this.#sessionOf(job);
    return this.#inTurn(sessionId, () => lane.run(() => this.#inSession({ ...job, sessionId })));
  }

  #sessionOf(job: Job): string | undefined {
    return isForever(job) ? undefined : job.sessionId;
  }

  /** Sessions that are kept are closed. */
  close(): void {
    this.#pool.close();
    for (const { session } of this.#named.values()) session.close();
    this.#named.clear();
  }

  async #inTurn<Result>(sessionId: string | undefined, task: () => Promise<Result>): Promise<Result> {
    if (sessionId === undefined) return task();
    const named = this.#named.get(sessionId) ?? {
      session: this.#options.openSession(),
      lane: new Lane(1, this.#options.maxWaiting),
      users: 0,
    };
    this.#named.delete(sessionId);
    this.#named.set(sessionId, named);
    named.users++;
    try {
      return await named.lane.run(task);
    } finally {
      named.users--;
      this.#forgetOldest();
    }
  }

  #forgetOldest(): void {
    for (const [id, { session, users }] of this.#named) {
      if (this.#named.size <= MAX_NAMED_SESSIONS) return;
      if (users > 0) continue;
      this.#named.delete(id);
      session.close();
    }
  }

  async #inSession(job: Job): Promise<JobCounts> {
    requireWanted(job.signal);
    const named = job.sessionId === undefined ? undefined : this.#named.get(job.sessionId);
    if (named !== undefined) {
      await named.session.queryAsync(withParameters(terms(job), job), { format: 'TSV' });
      return this.#run(named.session, job);
    }
    if (!WITHOUT_TRACE.has(job.statement.verb)) return this.#pool.run(job, false, session => this.#run(session, job));
    const bound = { ...job, ...bindParameters(job.sql, job.settings) };
    return this.#pool.run(bound, !isForever(bound), session => this.#run(session, bound));
  }

  async #run(session: EngineSession, job: Job): Promise<JobCounts> {
    const kill = () => void this.#kill(job.queryId);
    job.signal.addEventListener('abort', kill, { once: true });
    try {
      requireWanted(job.signal);
      return await runStatement(session, job);
    } finally {
      job.signal.removeEventListener('abort', kill);
    }
  }

  async #kill(queryId: string): Promise<void> {
    const session = this.#options.openSession();
    try {
      await session.queryAsync(`KILL QUERY WHERE ${QUERY_ID} = ${quote(queryId)} ASYNC`, { format: 'TSV' });
    } catch {
      // It has ended by itself.
    } finally {
      session.close();
    }
  }
}

async function runStatement(session: EngineSession, job: Job): Promise<JobCounts> {
  const { statement, defaultFormat, mayStream, write } = job;
  const sql = markedWith(job.queryId, job.sql);
  const format = statement.format ?? defaultFormat;
  if (mayStream && SELECTS.has(statement.verb) && isStreamable(format)) {
    for await (const chunk of session.queryStream(sql, { format: defaultFormat })) await write(chunk.raw());
    return { rows: 0, bytes: 0 };
  }
  const result = await session.queryAsync(sql, { format: defaultFormat });
  const bytes = result.bytes();
  if (bytes.length > 0) await write(bytes);
  return { rows: result.rowsRead, bytes: result.bytesRead };
}

/**
 * `readonly` of 1 is for questions of strangers. The engine itself would let them kill queries, take other roles, and
 * set what they like in subqueries: the filter by tenant is a setting.
 */
function requireReading({ statement: { verb, hasSettings }, settings }: Job): void {
  if (settings.get('readonly') !== '1') return;
  if (!READS.has(verb)) throw READONLY(`Cannot execute query in readonly mode: ${verb}`);
  if (hasSettings) throw READONLY('Cannot modify settings in readonly mode');
}

/** A Session never gets rid of `readonly`, nor of a role, so no such query is let into one that is kept. */
function isForever({ settings, role }: Terms): boolean {
  return role !== undefined || isReadonly(settings);
}

function requireWanted(signal: AbortSignal): void {
  if (signal.aborted) throw QUERY_WAS_CANCELLED('Query was cancelled: its client has left');
}
