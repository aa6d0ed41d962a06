/** `throughline up` as its users run it, on free ports and in a directory of its own, and what its processes use. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf, processTree } from './measure.js';

const MAIN = join(import.meta.dirname, '../cli/main.js');
const PASSWORD = 'of the benchmark';
/** Asking costs the engine several milliseconds of CPU, which would count as the pipe's. */
const ASK_EVERY_MS = 500;

export class BenchProgram {
  readonly api: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly #clickhouse: string;
  readonly #child: ChildProcess;
  /** Rejects when the program ends. */
  readonly #ended: Promise<never>;
  readonly #dataDir: string;

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<BenchProgram> {
    const program = new BenchProgram(await freePorts(4), settings);
    await program.#until(async () => (await fetch(`${program.api}/readyz`)).ok);
    return program;
  }

  private constructor([http, grpc, api, clickhouse]: readonly number[], settings: Readonly<Record<string, string>>) {
    this.#dataDir = mkdtempSync(join(tmpdir(), 'throughline-bench-'));
    this.httpPort = http;
    this.grpcPort = grpc;
    this.api = `http://127.0.0.1:${api}`;
    this.#clickhouse = `http://127.0.0.1:${clickhouse}`;
    this.#child = spawn(process.execPath, [MAIN, 'up'], {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        THROUGHLINE_DATA_DIR: this.#dataDir,
        THROUGHLINE_INGEST_HTTP_PORT: String(http),
        THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
        THROUGHLINE_ANALYTICS_PORT: String(api),
        THROUGHLINE_STORE_EMBEDDED_PORT: String(clickhouse),
        THROUGHLINE_STORE_EMBEDDED_PASSWORD: PASSWORD,
        ...settings,
      },
    });
    this.#ended = new Promise((_, reject) => {
      this.#child.once('exit', code => reject(new Error(`${MAIN} ended with ${code}`)));
    });
    // It may end when nobody waits for it.
    this.#ended.catch(() => {});
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(processTree(this.#child.pid ?? 0));
  }

  /** The most memory that its processes ever had, summed. */
  get peakRssBytes(): number {
    return this.#memory(/VmHWM:\s+(\d+) kB/);
  }

  /** What they have now. */
  get rssBytes(): number {
    return this.#memory(/VmRSS:\s+(\d+) kB/);
  }

  #memory(field: RegExp): number {
    return processTree(this.#child.pid ?? 0).reduce((sum, pid) => {
      const kilobytes = field.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
      return sum + Number(kilobytes) * 1024;
    }, 0);
  }

  async get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(this.api + path);
    if (!response.ok) throw new Error(`${path} answers ${response.status}`);
    return (await response.json()) as Answer;
  }

  /** Resolves once everything in the log is stored. The ledger would say so, too, but counts all spans each time. */
  stored(): Promise<void> {
    return this.#until(async () => {
      const metrics = await (await fetch(`${this.api}/metrics`)).text();
      const lags = [...metrics.matchAll(/^throughline_log_lag_records\{.*\} (\d+)$/gm)];
      return lags.length > 0 && lags.every(([, lag]) => lag === '0');
    });
  }

  /** Resolves once no answer about what was received can change any more. */
  settled(): Promise<void> {
    type Freshness = { freshness: { settled: boolean } };
    return this.#until(async () => (await this.get<Freshness>('/api/v1/latency?window=1m')).freshness.settled);
  }

  /** Of all tables, once each is merged whole: after a short run some parts wait for others that no longer come. */
  async diskBytes(): Promise<number> {
    for (const table of ['spans', 'trace_arrivals', 'trace_revisions']) {
      await this.#engine(`OPTIMIZE TABLE throughline.${table} FINAL`);
    }
    await this.#until(async () => (await this.#engine('SELECT count() FROM system.merges')) === '0');
    return Number(await this.#engine('SELECT sum(bytes_on_disk) FROM system.parts WHERE active'));
  }

  async stop(): Promise<void> {
    const exited = new Promise(resolve => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await exited;
    rmSync(this.#dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #until(holds: () => Promise<boolean>): Promise<void> {
    await Promise.race([until(holds), this.#ended]);
  }

  async #engine(query: string): Promise<string> {
    const headers = { 'X-ClickHouse-User': 'default', 'X-ClickHouse-Key': PASSWORD };
    const response = await fetch(this.#clickhouse, { method: 'POST', body: query, headers });
    const text = (await response.text()).trim();
    if (!response.ok) throw new Error(text);
    return text;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  let reason: unknown = 'it did not hold';
  const fails = (error: unknown) => {
    reason = error;
    return false;
  };
  for (const deadline = performance.now() + 300_000; performance.now() < deadline; ) {
    if (await holds().catch(fails)) return;
    await sleep(ASK_EVERY_MS);
  }
  throw new Error(`the pipe did not get there within five minutes: ${reason}`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map(server => new Promise<void>(done => server.listen(0, '127.0.0.1', done))));
  const ports = servers.map(server => (server.address() as { port: number }).port);
  await Promise.all(servers.map(server => new Promise(done => server.close(done))));
  return ports;
}
