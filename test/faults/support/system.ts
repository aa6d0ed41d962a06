/**
 * A Throughline to do things to: the built program on free loopback ports in a directory of its own, as one process
 * (`up`) or role by role over the same embedded log and engine. Every process can be killed, stopped, continued and
 * started again by its name; `engine` is the embedded engine's child, whoever is its parent.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../support/api-client.js';
import { Program } from '../../support/program.js';
import { freePorts } from '../../support/throughline.js';
import { MemoryWatch } from './memory.js';

export type RoleName = 'up' | 'ingest' | 'stitch' | 'analytics';
export type ProcessName = RoleName | 'engine';

export interface SystemOptions {
  readonly roles?: readonly RoleName[];
  /** THROUGHLINE_… settings over the fast ones; other variables go along. */
  readonly env?: Readonly<Record<string, string>>;
  /** Scripts that run before the program in each of its processes: hooks of this suite. */
  readonly preload?: readonly string[];
  /** Where the data goes; it is left to the caller then. */
  readonly dataDir?: string;
}

/** Short windows, so that a backlog is settled seconds after its last span; small limits, so that they are reached. */
export const FAST: Readonly<Record<string, string>> = {
  THROUGHLINE_BUS_PARTITIONS: '3',
  THROUGHLINE_INGEST_MAX_REQUEST_BYTES: '8MiB',
  THROUGHLINE_INGEST_MAX_IN_FLIGHT_BYTES: '64MiB',
  THROUGHLINE_STITCHER_COMPLETE_AFTER: '200ms',
  THROUGHLINE_STITCHER_IDLE: '1s',
  THROUGHLINE_STITCHER_AUDIT_EVERY: '1s',
  THROUGHLINE_STITCHER_FLUSH_EVERY: '200ms',
  THROUGHLINE_STITCHER_MAX_MEMORY: '64MiB',
  THROUGHLINE_STORE_EMBEDDED_MAX_MEMORY: '1GiB',
  THROUGHLINE_ANALYTICS_SQL_MAX_ROWS: '5000000',
  THROUGHLINE_ANALYTICS_SQL_MAX_SECONDS: '60',
};
const READY_MS = 90_000;

export class System extends ApiClient {
  readonly dataDir: string;
  readonly otlpHttp: string;
  readonly memory: MemoryWatch;
  readonly #clickhouse: string;
  readonly #programs = new Map<RoleName, Program>();
  readonly #readyAt = new Map<RoleName, string>();
  readonly #ownsDirectory: boolean;

  static async start(options: SystemOptions = {}): Promise<System> {
    const system = await System.prepare(options);
    try {
      await system.up();
    } catch (error) {
      await system.destroy();
      throw error;
    }
    return system;
  }

  /** Everything but the start. */
  static async prepare(options: SystemOptions = {}): Promise<System> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'throughline-faults-')));
    return new System(dataDir, await freePorts(6), options);
  }

  private constructor(dataDir: string, ports: readonly number[], options: SystemOptions) {
    const [http, grpc, api, clickhouse, ...metrics] = ports;
    super(`http://127.0.0.1:${api}`);
    this.dataDir = dataDir;
    this.#ownsDirectory = options.dataDir === undefined;
    this.otlpHttp = `http://127.0.0.1:${http}`;
    this.#clickhouse = `http://127.0.0.1:${clickhouse}`;
    const env = {
      PATH: process.env.PATH,
      ...FAST,
      THROUGHLINE_DATA_DIR: dataDir,
      THROUGHLINE_INGEST_HTTP_PORT: String(http),
      THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
      THROUGHLINE_ANALYTICS_PORT: String(api),
      THROUGHLINE_STORE_EMBEDDED_PORT: String(clickhouse),
      ...(options.preload && { NODE_OPTIONS: options.preload.map(path => `--import=${path}`).join(' ') }),
      ...options.env,
    };
    for (const [at, role] of (options.roles ?? (['up'] as const)).entries()) {
      const hasApi = role === 'up' || role === 'analytics';
      const own = hasApi ? {} : { THROUGHLINE_METRICS_PORT: String(metrics[at % metrics.length]) };
      this.#programs.set(role, new Program([role], { ...env, ...own }));
      this.#readyAt.set(role, hasApi ? this.api : `http://127.0.0.1:${metrics[at % metrics.length]}`);
    }
    this.memory = new MemoryWatch(() => this.pids());
  }

  get roles(): readonly RoleName[] {
    return [...this.#programs.keys()];
  }

  /** Of the processes that run. */
  pids(): ReadonlyMap<ProcessName, number> {
    const running = [...this.#programs].filter(([, program]) => program.isRunning);
    const pids = new Map<ProcessName, number>(running.map(([name, program]) => [name, program.pid]));
    const engine = this.enginePid();
    if (engine !== undefined) pids.set('engine', engine);
    return pids;
  }

  /** As the engine itself wrote it down; undefined while there is none. */
  enginePid(): number | undefined {
    try {
      const claim = JSON.parse(readFileSync(join(this.dataDir, 'clickhouse', 'engine.json'), 'utf8'));
      return readFileSync(`/proc/${claim.pid}/cmdline`, 'latin1').includes('engine/main.js') ? claim.pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** A question to the embedded engine itself, as its user: JSON lines, also of tables that are not public. */
  async ask(sql: string): Promise<string> {
    const password = readFileSync(join(this.dataDir, 'clickhouse', 'password'), 'utf8').trim();
    const response = await fetch(`${this.#clickhouse}/?database=throughline&final=1`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`default:${password}`).toString('base64')}` },
      body: `${sql} FORMAT JSONEachRow`,
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${sql}: ${response.status} ${text}`);
    return text;
  }

  program(role: RoleName): Program {
    const program = this.#programs.get(role);
    if (program === undefined) throw new Error(`no ${role} here, only ${this.roles.join(', ')}`);
    return program;
  }

  /** Starts what does not run, and waits until all is ready. */
  async up(): Promise<void> {
    for (const program of this.#programs.values()) if (!program.isRunning) program.start();
    await this.ready();
  }

  async ready(timeoutMs = READY_MS): Promise<void> {
    for (const [role, url] of this.#readyAt) {
      await this.until(`${role} ready`, async () => (await fetch(`${url}/readyz`)).status === 200, timeoutMs);
    }
  }

  /** kill -9; resolves once it has ended. The engine's parent starts it again by itself. */
  async kill(name: ProcessName): Promise<void> {
    if (name !== 'engine') {
      await this.program(name).kill();
      return;
    }
    const pid = this.enginePid();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  signal(name: ProcessName, signal: NodeJS.Signals): void {
    if (name === 'engine') process.kill(this.enginePid()!, signal);
    else this.program(name).signal(signal);
  }

  /** SIGTERM, in the order of the data; the exit codes. */
  async stop(): Promise<(number | null)[]> {
    const codes: (number | null)[] = [];
    for (const program of this.#programs.values()) if (program.isRunning) codes.push(await program.stop());
    return codes;
  }

  async destroy(): Promise<void> {
    this.memory.stop();
    const pid = this.enginePid();
    if (pid !== undefined) process.kill(pid, 'SIGCONT');
    for (const program of this.#programs.values()) {
      program.signal('SIGCONT');
      await program.kill();
    }
    if (this.#ownsDirectory) await rm(this.dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  protected override whyHopeless(): string {
    const ended = [...this.#programs].filter(([, program]) => !program.isRunning).map(([name]) => name);
    return ended.length === this.#programs.size ? `nothing runs any more: ${ended.join(', ')}` : '';
  }

  protected override lastLines(): readonly string[] {
    return [...this.#programs].flatMap(([name, program]) => [`-- ${name}`, ...program.log.slice(-15)]);
  }
}
