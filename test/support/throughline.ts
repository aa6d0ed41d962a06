/** A whole Throughline as its users run it: `throughline up` from the built files, in a directory of its own, on free ports. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from './api-client.js';
import { MAIN, Program } from './program.js';

export { MAIN };

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

export class Throughline extends ApiClient {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
  readonly clickhouse: string;
  readonly #program: Program;

  static async start(options: ThroughlineOptions = {}): Promise<Throughline> {
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-test-'));
    for (let attempt = 1; ; attempt++) {
      const throughline = new Throughline(dataDir, await freePorts(4), options.settings ?? {});
      try {
        await throughline.up();
        return throughline;
      } catch (error) {
        // What was free a moment ago may be another test's by now.
        if (attempt === 3 || !throughline.log.some(line => line.includes('which another program'))) throw error;
      }
    }
  }

  private constructor(dataDir: string, ports: readonly number[], settings: Readonly<Record<string, string>>) {
    const [http, grpc, api, clickhouse] = ports;
    super(`http://127.0.0.1:${api}`);
    this.dataDir = dataDir;
    this.otlpHttp = `http://127.0.0.1:${http}`;
    this.otlpGrpc = `http://127.0.0.1:${grpc}`;
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
    this.#program = new Program(['up'], this.env);
  }

  /** Of the embedded engine's port, once it is up. */
  get clickhouseLogin(): { readonly username: string; readonly password: string } {
    const password = readFileSync(join(this.dataDir, 'clickhouse', 'password'), 'utf8').trim();
    return { username: 'default', password };
  }

  get pid(): number {
    return this.#program.pid;
  }

  get log(): readonly string[] {
    return this.#program.log;
  }

  /** Starts the process (again) and waits until it is ready. */
  async up(): Promise<void> {
    this.#program.start();
    await this.until('ready', async () => (await fetch(`${this.api}/readyz`)).status === 200, 60_000);
  }

  /** kill -9, at whatever it is doing. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null> {
    return this.#program.stop();
  }

  async destroy(): Promise<void> {
    if (this.#program.isRunning) await this.stop();
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

  protected override whyHopeless(): string {
    return this.#program.isRunning ? '' : 'it is not running';
  }

  protected override lastLines(): readonly string[] {
    return this.log.slice(-30);
  }
}
