/**
 * Runs statements on chDB. Each gets a Session of its own (a millisecond), so no setting outlives its query; reads run in
 * parallel up to a limit, everything else one at a time. A Session with a `session_id` is kept for its next statement.
 */
import { BAD_ARGUMENTS, TOO_MANY_QUERIES } from './exceptions.js';
import type { Statement } from './statement.js';

/** The part of chDB's Session in use here. */
export interface EngineSession {
  queryAsync(
    sql: string,
    options: { format: string },
  ): Promise<{ bytes(): Uint8Array; readonly rowsRead: number; readonly bytesRead: number; readonly elapsed: number }>;
  close(): void;
}

export interface ExecuteOptions {
  readonly database: string;
  readonly format: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly sessionId: string | undefined;
}

export interface EngineResult {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly elapsedSeconds: number;
}

const READS = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS', 'CHECK', 'KILL']);
const MAX_WAITING = 256;
const MAX_NAMED_SESSIONS = 64;

/** At most so many at once; the others wait in line, up to a limit. */
class Lane {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw TOO_MANY_QUERIES(`Too many queries wait: ${MAX_WAITING}`);
    await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

interface NamedSession {
  readonly session: EngineSession;
  /** Statements of one session run one after the other. */
  readonly lane: Lane;
}

export class Executor {
  readonly #openSession: () => EngineSession;
  readonly #reads: Lane;
  readonly #writes = new Lane(1);
  /** By id, least recently used first. */
  readonly #named = new Map<string, NamedSession>();

  constructor(openSession: () => EngineSession, parallelReads: number) {
    this.#openSession = openSession;
    this.#reads = new Lane(parallelReads);
  }

  async execute(statement: Statement, sql: string, options: ExecuteOptions): Promise<EngineResult> {
    const lane = READS.has(statement.verb) ? this.#reads : this.#writes;
    await lane.enter();
    try {
      return options.sessionId === undefined
        ? await this.#executeAlone(sql, options)
        : await this.#executeNamed(options.sessionId, sql, options);
    } finally {
      lane.leave();
    }
  }

  async #executeAlone(sql: string, options: ExecuteOptions): Promise<EngineResult> {
    const session = this.#openSession();
    try {
      return await run(session, sql, options);
    } finally {
      session.close();
    }
  }

  async #executeNamed(id: string, sql: string, options: ExecuteOptions): Promise<EngineResult> {
    const named = this.#named.get(id) ?? { session: this.#openSession(), lane: new Lane(1) };
    this.#named.delete(id);
    this.#named.set(id, named);
    await named.lane.enter();
    try {
      return await run(named.session, sql, options);
    } finally {
      named.lane.leave();
      this.#forgetOldest();
    }
  }

  /** Sessions in use are not the oldest: they have just been moved to the end. */
  #forgetOldest(): void {
    for (const [id, { session }] of this.#named) {
      if (this.#named.size <= MAX_NAMED_SESSIONS) return;
      this.#named.delete(id);
      session.close();
    }
  }
}

async function run(session: EngineSession, sql: string, options: ExecuteOptions): Promise<EngineResult> {
  const result = await session.queryAsync(`${preamble(options)}${sql}`, { format: options.format });
  const { rowsRead, bytesRead, elapsed } = result;
  return { bytes: result.bytes(), rowsRead, bytesRead, elapsedSeconds: elapsed };
}

/** Statements that come before the query; `readonly` last, because nothing can be set after it. */
function preamble({ database, settings }: ExecuteOptions): string {
  if (!/^\w+$/.test(database)) throw BAD_ARGUMENTS(`no such database: ${database}`);
  const all = [...settings].filter(([name]) => name !== 'readonly');
  const readonly = settings.get('readonly');
  if (readonly !== undefined && readonly !== '0') all.push(['readonly', readonly]);
  const use = `USE ${database};`;
  if (all.length === 0) return use;
  return `${use}SET ${all.map(([name, value]) => `${name} = ${quote(value)}`).join(', ')};`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
