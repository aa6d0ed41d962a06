/** The whole pipe: `throughline up` as its users run it, fed over OTLP/HTTP until every answer has settled. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchData, bodiesWithOtherIds } from './data.js';
import { cpuSecondsOf, figure, print, processTree } from './measure.js';

const MAIN = join(import.meta.dirname, '../cli/main.js');
const SENDERS = 8;
const RUNS = 3;

export async function benchPipe(data: BenchData, rounds: number): Promise<void> {
  const perCpu: number[] = [];
  const perSecond: number[] = [];
  const receive: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const result = await runOnce(data, rounds);
    perCpu.push(result.spans / result.cpuSeconds);
    perSecond.push(result.spans / result.seconds);
    receive.push(result.spans / result.receiveSeconds);
  }
  print(figure('pipe: acknowledged (2 cores, wall)', 'spans/s', receive));
  print(figure('pipe: received to settled (wall)', 'spans/s', perSecond));
  print(figure('pipe: received to settled, all processes', 'spans/CPU-s', perCpu));
}

async function runOnce(data: BenchData, rounds: number) {
  const dataDir = mkdtempSync(join(tmpdir(), 'throughline-bench-'));
  const [http, grpc, api, clickhouse] = await freePorts(4);
  const child = spawn(process.execPath, [MAIN, 'up'], {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH,
      THROUGHLINE_DATA_DIR: dataDir,
      THROUGHLINE_INGEST_HTTP_PORT: String(http),
      THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
      THROUGHLINE_ANALYTICS_PORT: String(api),
      THROUGHLINE_STORE_EMBEDDED_PORT: String(clickhouse),
      THROUGHLINE_STITCHER_IDLE: '3s',
    },
  });
  try {
    await until(async () => (await fetch(`http://127.0.0.1:${api}/readyz`)).ok);
    // Every round has ids of its own, so that each is new work and not a duplicate.
    const bodiesByRound = Array.from({ length: rounds }, (_, round) => bodiesWithOtherIds(data, round));
    const pids = processTree(child.pid ?? 0);
    const cpuBefore = cpuSecondsOf(pids);
    const started = performance.now();
    for (const bodies of bodiesByRound) await send(bodies, http);
    const receiveSeconds = (performance.now() - started) / 1000;
    await until(async () => {
      const answer = await fetch(`http://127.0.0.1:${api}/api/v1/latency?window=1m`);
      return ((await answer.json()) as { freshness: { settled: boolean } }).freshness.settled;
    });
    const seconds = (performance.now() - started) / 1000;
    return { spans: data.spans * rounds, seconds, receiveSeconds, cpuSeconds: cpuSecondsOf(pids) - cpuBefore };
  } finally {
    child.kill('SIGTERM');
    await new Promise(resolve => child.once('exit', resolve));
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function send(bodies: readonly Uint8Array[], port: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  let next = 0;
  const sender = async () => {
    for (let at = next++; at < bodies.length; at = next++) {
      while (!(await post(agent, port, bodies[at]))) await sleep(100);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  agent.destroy();
}

function post(agent: Agent, port: number, body: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const call = request({ agent, port, host: '127.0.0.1', path: '/v1/traces', method: 'POST', headers }, response => {
      response.resume().once('end', () => {
        if (response.statusCode === 200) resolve(true);
        else if (response.statusCode === 429 || response.statusCode === 503) resolve(false);
        else reject(new Error(`refused with ${response.statusCode}`));
      });
    });
    call.once('error', reject).end(body);
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 180_000; performance.now() < deadline; ) {
    if (await holds().catch(() => false)) return;
    await sleep(100);
  }
  throw new Error('the pipe did not get there within three minutes');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map(server => new Promise<void>(done => server.listen(0, '127.0.0.1', done))));
  const ports = servers.map(server => (server.address() as { port: number }).port);
  await Promise.all(servers.map(server => new Promise(done => server.close(done))));
  return ports;
}
