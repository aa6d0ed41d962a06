import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const MAIN = resolve('dist/cli/main.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Command {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', text => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      this.stderr += text;
    });
    this.ended = new Promise(done => {
      child.once('close', code => done({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Until standard output matches; fails where the command ends first. */
  async said(pattern: RegExp): Promise<void> {
    let hasEnded = false;
    void this.ended.then(() => {
      hasEnded = true;
    });
    while (!pattern.test(this.stdout)) {
      if (hasEnded) throw new Error(`it ended without saying ${pattern}: ${this.stdout}${this.stderr}`);
      await new Promise(later => setTimeout(later, 20));
    }
  }
}

let dataDir: string;
let env: Record<string, string>;

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('the built files are missing: run `npm run build` first');
});

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'throughline-command-'));
  env = { THROUGHLINE_DATA_DIR: dataDir, THROUGHLINE_INGEST_HTTP_PORT: '0', THROUGHLINE_INGEST_GRPC_PORT: '0' };
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Ended> => new Command(args, env).ended;

describe('help', () => {
  test('names every command, the settings and examples', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    for (const name of ['up', 'ingest', 'stitch', 'analytics', 'migrate', 'replay', 'demo', 'restitch', 'report']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    }
    expect(stdout).toMatch(/THROUGHLINE_INGEST_HTTP_PORT/);
    expect(stdout).toMatch(/Examples:\n {2}throughline up/);
  });

  test.each(['replay', 'demo', 'restitch'])('of %s has its options', async name => {
    const { code, stdout } = await run(name, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Options:\n {2}--/);
  });

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await run('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
  });
});

describe('what cannot be understood exits 1 and says what might be meant', () => {
  test.each<[string[], RegExp]>([
    [['relpay', 'a.jsonl'], /unknown command 'relpay'\n\(Did you mean replay\?\)/],
    [['up', '--confg', 'x'], /unknown option '--confg'\n\(Did you mean --config\?\)/],
    [['replay'], /missing required argument 'file'/],
    [['replay', 'a.jsonl', '--concurrency', '0'], /Give a whole number from 1/],
    [['demo', '--seconds', 'ten'], /Give a whole number from 1/],
    [['replay', 'a.jsonl', '--endpoint', 'localhost'], /--endpoint localhost: give an http or https URL/],
    [['replay', 'a.jsonl', '--endpoint', 'ftp://x'], /--endpoint ftp:\/\/x: give an http or https URL/],
  ])('%j', async (args, message) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

describe('a configuration that cannot be', () => {
  test('stops every command with all its problems, one a line, and no stack', async () => {
    env = { ...env, THROUGHLINE_INGEST_HTTP_PORT: 'x', THROUGHLINE_BUS_PARTITONS: '3' };
    const expected = [
      'The configuration cannot be used:',
      '  THROUGHLINE_BUS_PARTITONS is not a setting; did you mean THROUGHLINE_BUS_PARTITIONS?',
      '  ingest.http.port (THROUGHLINE_INGEST_HTTP_PORT) is "x": give a whole number from 0 to 65535',
      '',
    ].join('\n');
    for (const args of [['up'], ['ingest'], ['migrate'], ['replay', 'a.jsonl'], ['demo']]) {
      expect(await run(...args)).toEqual({ code: 1, stdout: '', stderr: expected });
    }
  });

  test('is named where its file is not there', async () => {
    const { code, stderr } = await run('up', '--config', join(dataDir, 'none.yaml'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/--config .*none\.yaml cannot be read/);
  });
});

describe('ingest', () => {
  let taken: Server | undefined;

  afterEach(async () => {
    await new Promise(closed => (taken === undefined ? closed(null) : taken.close(closed)));
    taken = undefined;
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('says where it listens, and after %s exits 0', async signal => {
    const command = new Command(['ingest'], env);
    await command.said(/OTLP\/HTTP {3}http:\/\/127\.0\.0\.1:\d+\/v1\/traces\n {2}OTLP\/gRPC {3}http/);
    expect(command.stdout).toMatch(/^Throughline is up \(ingest\)\n/);
    const [, url] = /(http:\S+\/v1\/traces)/.exec(command.stdout) ?? [];
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(answer.status).toBe(200);
    command.kill(signal);
    const { code, stderr } = await command.ended;
    expect(code, stderr).toBe(0);
    // Not on a terminal: the log is JSON, a line each.
    const log = stderr
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(log.at(-1)).toMatchObject({ level: 30, msg: 'stopped' });
  });

  test.each([
    ['ingest.http.port', 'THROUGHLINE_INGEST_HTTP_PORT'],
    ['ingest.grpc.port', 'THROUGHLINE_INGEST_GRPC_PORT'],
  ])('names %s where that port is taken, and exits 1', async (setting, variable) => {
    taken = createServer();
    await new Promise<void>(listening => taken?.listen(0, '127.0.0.1', listening));
    const { port } = taken.address() as { port: number };
    env = { ...env, [variable]: String(port), THROUGHLINE_LOG_LEVEL: 'error' };
    const { code, stderr } = await run('ingest');
    expect(code).toBe(1);
    expect(stderr).toContain(setting);
    expect(stderr).toContain(String(port));
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  test('--data-dir beats the environment, before or after the command', async () => {
    for (const args of [
      ['--data-dir', join(dataDir, 'a'), 'ingest'],
      ['ingest', '--data-dir', join(dataDir, 'b')],
    ]) {
      const command = new Command(args, env);
      await command.said(/OTLP\/HTTP/);
      command.kill('SIGTERM');
      await command.ended;
    }
    expect([existsSync(join(dataDir, 'a/log')), existsSync(join(dataDir, 'b/log'))]).toEqual([true, true]);
    expect(existsSync(join(dataDir, 'log'))).toBe(false);
  });

  test('takes what replay sends, to the endpoint that the configuration names', async () => {
    const command = new Command(['ingest'], env);
    await command.said(/OTLP\/HTTP/);
    const [, port] = /127\.0\.0\.1:(\d+)\/v1/.exec(command.stdout) ?? [];
    const file = resolve('../shared/data/traces/opentelemetry-demo.otlp.jsonl.gz');
    const replay = await new Command(['replay', file], { THROUGHLINE_INGEST_HTTP_PORT: port }).ended;
    expect(replay.stdout).toMatch(/^accepted 547 of 547 spans \(0 rejected\) in \d+ requests \(0 refused\)/);
    expect(replay.code).toBe(0);
    command.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });
});

describe('where nothing listens', () => {
  test('replay says so and exits 1', async () => {
    env = { THROUGHLINE_INGEST_HTTP_PORT: '9' };
    const { code, stderr } = await run('replay', resolve('../shared/data/conformance/otlp-trace.json'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/nothing listens at http:\/\/127\.0\.0\.1:9\/v1\/traces: start it with `throughline up`/);
  });

  test('demo with an address of an API says so and exits 1', async () => {
    const { code, stderr } = await run('demo', '--api', 'http://127.0.0.1:9');
    expect(code).toBe(1);
    expect(stderr).toMatch(/no Throughline is ready at http:\/\/127\.0\.0\.1:9/);
  });
});
