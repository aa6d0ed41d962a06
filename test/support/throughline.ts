/** A whole Throughline as its users run it: `throughline up` from the built files, in a directory of its own, on free ports. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LatencyAnswer, LedgerAnswer, TraceAnswer } from '../../schemas/index.js';

export const MAIN = resolve('dist/cli/main.js');
const LOG_LINES_KEPT = 200;

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
      return server;
    }),
  );
  const ports = servers.map(server => (server.address() as { port: number }).port);
  await Promise.all(servers.map(server => new Promise(closed => server.close(closed))));
  return ports;
}

export interface ThroughlineOptions {
  /** THROUGHLINE_… settings beside ports and directory. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class Throughline {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
  readonly api: string;
  readonly clickhouse: string;
  readonly log: string[] = [];
  #child: ChildProcess | null = null;
  #exited: Promise<number | null> = Promise.resolve(null);

  static async start(options: ThroughlineOptions = {}): Promise<Throughline> {
    if (!existsSync(MAIN)) throw new Error('the built files are missing: run `npm run build` first');
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-test-'));
    const throughline = new Throughline(dataDir, await freePorts(4), options.settings ?? {});
    await throughline.up();
    return throughline;
  }

  private constructor(dataDir: string, ports: readonly number[], settings: Readonly<Record<string, string>>) {
    const [http, grpc, api, clickhouse] = ports;
    this.dataDir = dataDir;
    this.otlpHttp = `http://127.0.0.1:${http}`;
    this.otlpGrpc = `http://127.0.0.1:${grpc}`;
    this.api = `http://127.0.0.1:${api}`;
    this.clickhouse = `http://127.0.0.1:${clickhouse}`;
    this.env = {
      PATH: process.env.PATH,
      THROUGHLINE_DATA_DIR: dataDir,
      THROUGHLINE_INGEST_HTTP_PORT: String(http),
      THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
      THROUGHLINE_ANALYTICS_PORT: String(api),
      THROUGHLINE_STORE_EMBEDDED_PORT: String(clickhouse),
      ...settings,
    };
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Starts the process (again) and waits until it is ready. */
  async up(): Promise<void> {
    const child = spawn(process.execPath, [MAIN, 'up'], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#exited = new Promise(resolve => child.once('exit', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log.push(...text.split('\n').filter(line => line !== ''));
        this.log.splice(0, this.log.length - LOG_LINES_KEPT);
      });
    }
    await this.until('ready', async () => (await fetch(`${this.api}/readyz`)).status === 200, 60_000);
  }

  /** kill -9, at whatever it is doing. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    return this.#exited;
  }

  async destroy(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.stop();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Runs another command of the command line against this instance. */
  async run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [MAIN, ...args], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    const code = await new Promise<number | null>(resolve => child.once('close', resolve));
    return { code, stdout, stderr };
  }

  async get(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const url = new URL(path, this.api);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const response = await fetch(url);
    const body = await response.text();
    if (response.status !== 200) throw new Error(`GET ${url}: ${response.status} ${body}`);
    return JSON.parse(body);
  }

  async latency(parameters: Readonly<Record<string, string>>): Promise<LatencyAnswer> {
    return LatencyAnswer.parse(await this.get('/api/v1/latency', parameters));
  }

  async trace(traceId: string): Promise<TraceAnswer> {
    return TraceAnswer.parse(await this.get(`/api/v1/traces/${traceId}`));
  }

  async ledger(): Promise<LedgerAnswer> {
    return LedgerAnswer.parse(await this.get('/api/v1/ledger'));
  }

  /** Rows of one SELECT through the public SQL path. */
  async sql(query: string): Promise<Record<string, unknown>[]> {
    const response = await fetch(`${this.api}/api/v1/sql?format=JSONEachRow`, { method: 'POST', body: query });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`POST /api/v1/sql: ${response.status} ${body}`);
    return body
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line));
  }

  /** Waits until everything received is stored, closed, audited and rolled up. */
  async settled(timeoutMs = 60_000): Promise<void> {
    await this.until('settled', async () => (await this.latency({ window: '1m' })).freshness.settled, timeoutMs);
  }

  async until(what: string, holds: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let problem: unknown = 'it says no'; ; ) {
      try {
        if (await holds()) return;
      } catch (error) {
        problem = error;
      }
      if (this.#child?.exitCode !== null || performance.now() > deadline) {
        throw new Error(`not ${what}: ${problem}\n${this.log.slice(-30).join('\n')}`);
      }
      await sleep(100);
    }
  }
}
