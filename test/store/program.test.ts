/** The whole program against a server that is away, or that does not let it in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts, MAIN } from '../support/throughline.js';
import { startProxy } from './proxy.js';
import { remove, temporaryDirectory } from './support.js';

const PASSWORD = 'hunter2-secret';
const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface Program {
  readonly child: ChildProcess;
  readonly otlp: string;
  output(): string;
  readonly exited: Promise<number | null>;
}

async function up(url: string): Promise<Program> {
  const dataDir = await temporaryDirectory();
  undo.push(() => remove(dataDir));
  const [http, grpc, api] = await freePorts(3);
  const child = spawn(process.execPath, [MAIN, 'up'], {
    env: {
      PATH: process.env.PATH,
      THROUGHLINE_DATA_DIR: dataDir,
      THROUGHLINE_INGEST_HTTP_PORT: String(http),
      THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
      THROUGHLINE_ANALYTICS_PORT: String(api),
      THROUGHLINE_STORE_CLICKHOUSE_URL: url,
      THROUGHLINE_STORE_CLICKHOUSE_USERNAME: 'app',
      THROUGHLINE_STORE_CLICKHOUSE_PASSWORD: PASSWORD,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', text => (output += text));
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
  undo.push(async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await exited;
  });
  return { child, otlp: `http://127.0.0.1:${http}/v1/traces`, output: () => output, exited };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 300) throw new Error('it did not come to that');
    await new Promise(next => setTimeout(next, 50));
  }
}

const SPAN = {
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            {
              traceId: '5b8efff798038103d269b633813fc60c',
              spanId: 'eee19b7ec3c1b174',
              name: 'GET /',
              kind: 2,
              startTimeUnixNano: '1764000000000000000',
              endTimeUnixNano: '1764000000200000000',
            },
          ],
        },
      ],
    },
  ],
};

describe('throughline up', () => {
  it('takes spans in while ClickHouse is away, says so, and stops on SIGTERM', async () => {
    const [port] = await freePorts(1);
    const program = await up(`http://127.0.0.1:${port}`);
    await until(() => program.output().includes('waiting for ClickHouse'));
    expect(program.output()).toContain(`127.0.0.1:${port}`);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(program.otlp, { method: 'POST', headers, body: JSON.stringify(SPAN) });
    expect(answer.status).toBe(200);
    program.child.kill('SIGTERM');
    expect(await program.exited).toBe(0);
    expect(program.output()).not.toContain(PASSWORD);
  });

  it('ends at once where ClickHouse does not let it in, and says what to check', async () => {
    const denied = Buffer.from('Code: 516. DB::Exception: app: Authentication failed. (AUTHENTICATION_FAILED)');
    const headers = { 'x-clickhouse-exception-code': '516' };
    const server = await startProxy('http://127.0.0.1:9', {
      request: () => ({ answer: { status: 403, headers, body: denied } }),
    });
    undo.push(() => server.close());
    const program = await up(server.url);
    expect(await program.exited).toBe(1);
    expect(program.output()).toMatch(/STORE_SETUP|does not let user app in/);
    expect(program.output()).toContain('store.clickhouse.username');
    expect(program.output()).not.toContain(PASSWORD);
  });
});
