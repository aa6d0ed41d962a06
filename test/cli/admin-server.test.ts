import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { type AdminServer, startAdminServer } from '../../cli/admin-server.js';
import { Program } from '../support/program.js';
import { freePorts } from '../support/throughline.js';

const logger = pino({ level: 'silent' });
const closes: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close();
});

async function start(
  readiness: () => Promise<{ ready: boolean; reasons: string[] }>,
): Promise<{ url: string; registry: Registry; server: AdminServer }> {
  const registry = new Registry();
  const server = await startAdminServer({ host: '127.0.0.1', port: 0, registry, readiness, logger });
  closes.push(() => server.close());
  return { url: `http://127.0.0.1:${server.port}`, registry, server };
}

const ready = async () => ({ ready: true, reasons: [] });

describe('the server', () => {
  test('says that the process lives, whether it is ready and why not', async () => {
    let reasons = ['the log does not answer'];
    const { url } = await start(async () => ({ ready: reasons.length === 0, reasons }));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const unready = await fetch(`${url}/readyz`);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({ ready: false, reasons });
    reasons = [];
    expect((await fetch(`${url}/readyz?verbose`)).status).toBe(200);
  });

  test('gives the metrics in the text format of Prometheus', async () => {
    const { url, registry } = await start(ready);
    new Counter({ name: 'some_total', help: 'Some.', registers: [registry] }).inc(3);
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('\nsome_total 3\n');
  });

  test('answers HEAD without a body, other methods with 405 and other paths with 404', async () => {
    const { url } = await start(ready);
    const head = await fetch(`${url}/readyz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${url}/api/v1/latency`)).status).toBe(404);
  });

  test('answers 500, and lives on, where a metric cannot be read', async () => {
    const { url, registry } = await start(ready);
    new Counter({
      name: 'broken_total',
      help: 'Broken.',
      registers: [registry],
      collect() {
        throw new Error('hunter2');
      },
    });
    const answer = await fetch(`${url}/metrics`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('hunter2');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('closes though a connection stays that asks nothing', async () => {
    const { server } = await start(ready);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    await new Promise(resolve => socket.once('connect', resolve));
    const gone = new Promise(resolve => socket.once('close', resolve));
    await server.close();
    await gone;
  });

  test('says that a port is taken', async () => {
    const { server } = await start(ready);
    const options = { host: '127.0.0.1', port: server.port, registry: new Registry(), readiness: ready, logger };
    await expect(startAdminServer(options)).rejects.toThrow(/EADDRINUSE/);
  });
});

describe('a process with one role', () => {
  async function program(role: string, settings: Record<string, string> = {}) {
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-admin-'));
    closes.push(() => rm(dataDir, { recursive: true, force: true }));
    const [metrics, http, grpc] = await freePorts(3);
    const started = new Program([role], {
      PATH: process.env.PATH,
      THROUGHLINE_DATA_DIR: dataDir,
      THROUGHLINE_METRICS_PORT: String(metrics),
      THROUGHLINE_INGEST_HTTP_PORT: String(http),
      THROUGHLINE_INGEST_GRPC_PORT: String(grpc),
      ...settings,
    });
    started.start();
    closes.push(() => started.kill());
    return { started, url: `http://127.0.0.1:${metrics}`, http };
  }

  async function readiness(url: string): Promise<string> {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    return answer === undefined ? 'nothing listens' : `${answer.status} ${JSON.stringify(await answer.json())}`;
  }

  test('ingest is ready, has its metrics, and while it drains it is not ready', async () => {
    const { started, url, http } = await program('ingest');
    await expect.poll(() => readiness(url)).toBe('200 {"ready":true,"reasons":[]}');
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^throughline_ingest_in_flight_bytes 0$/m);

    const body = '{"resourceSpans":[]}';
    const sender = connect(http, '127.0.0.1');
    const answer = new Promise<string>(resolve => sender.once('data', data => resolve(String(data))));
    const type = 'Content-Type: application/json';
    sender.write(`POST /v1/traces HTTP/1.1\r\nHost: x\r\n${type}\r\nContent-Length: ${body.length}\r\n\r\n{`);
    const isReading = async () =>
      /^throughline_ingest_in_flight_bytes [1-9]/m.test(await (await fetch(`${url}/metrics`)).text());
    await expect.poll(isReading).toBe(true);

    const exited = started.stop();
    await expect.poll(() => readiness(url)).toBe('503 {"ready":false,"reasons":["draining"]}');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    sender.write(body.slice(1));
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exited).toBe(0);
    expect(await readiness(url)).toBe('nothing listens');
  });

  test('stitch that waits for its store lives and is not ready, and ends when told to', async () => {
    const [nobody] = await freePorts(1);
    const { started, url } = await program('stitch', {
      THROUGHLINE_STORE_CLICKHOUSE_URL: `http://127.0.0.1:${nobody}`,
    });
    await expect.poll(() => readiness(url)).toBe('503 {"ready":false,"reasons":["starting"]}');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const lag = async () => /^throughline_log_lag_records.*$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[0];
    await expect.poll(lag).toBe('throughline_log_lag_records{partition="0"} 0');
    expect(await started.stop()).toBe(0);
  });

  test('cannot have the port of another server of it', async () => {
    const { started } = await program('analytics', { THROUGHLINE_METRICS_PORT: '4320' });
    expect(await started.exited).toBe(1);
    expect(started.log.join('\n')).toContain('metrics.port is 4320, as analytics.port is: give another port');
  });
});
