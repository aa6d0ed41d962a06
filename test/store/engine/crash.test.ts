/** Whoever is killed, whatever was acknowledged is there, and the directory has one engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store, startEmbeddedEngine } from '../../../store/index.js';
import { columnOf } from '../columns.js';
import { DATABASE, engineOptions, post, remove, SILENT, startTestEngine, temporaryDirectory } from '../support.js';

const TABLE = 'CREATE TABLE IF NOT EXISTS kept (n UInt64, text String) ENGINE = MergeTree ORDER BY n';

function insertNumber(store: Store, n: number): Promise<void> {
  const rows = 50;
  const numbers = Array.from({ length: rows }, (_, at) => n * rows + at);
  return store.insert('kept', [columnOf('n', 'UInt64', numbers), columnOf('text', 'String', numbers)], rows);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

describe('an engine that is killed while blocks come in', () => {
  it('is started again at the same port and has every block that was acknowledged', async () => {
    const { engine, store, dataDir, close } = await startTestEngine();
    await store.command(TABLE);
    const { url } = engine;
    let acknowledged = 0;
    let isDone = false;
    const writing = Promise.all(
      [0, 1, 2].map(async writer => {
        for (let at = 0; !isDone; at++) {
          await insertNumber(store, writer * 1_000_000 + at);
          acknowledged++;
        }
      }),
    );
    for (let kill = 0; kill < 3; kill++) {
      const before = acknowledged;
      await until('more blocks', () => acknowledged > before + 20);
      const { pid } = engine;
      process.kill(pid, 'SIGKILL');
      await until('another child', () => engine.isReady() && engine.pid !== pid);
    }
    isDone = true;
    await writing;

    expect(engine.url).toBe(url);
    const [[distinct]] = await store.queryRows('SELECT uniqExact(n) FROM kept');
    expect(Number(distinct)).toBe(acknowledged * 50);
    expect(await readdir(join(dataDir, 'spool'))).toEqual([]);
    await close();
  });
});

/** A program that starts an engine, says where, and goes on until it is killed. */
function startParent(dataDir: string): { process: ChildProcess; started: Promise<{ pid: number; url: string }> } {
  const program = `
    import { pino } from 'pino';
    import { startEmbeddedEngine } from ${JSON.stringify(resolve('dist/store/index.js'))};
    const options = { ...${JSON.stringify({ ...engineOptions(dataDir), logger: undefined })}, logger: pino({ level: 'silent' }) };
    const { pid, url } = await startEmbeddedEngine(options);
    console.log(JSON.stringify({ pid, url }));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started = new Promise<{ pid: number; url: string }>(resolveStarted => {
    parent.stdout?.once('data', (line: Buffer) => resolveStarted(JSON.parse(String(line))));
  });
  return { process: parent, started };
}

describe('an engine whose parent is killed', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await temporaryDirectory();
  });
  afterEach(() => remove(dataDir));

  it('ends, even while a query runs, and the next one has its tables', async () => {
    const parent = startParent(dataDir);
    const { pid, url } = await parent.started;
    await post(url, TABLE);
    await post(url, "INSERT INTO kept VALUES (1, 'a')");
    const lost = post(url, 'SELECT sleepEachRow(0.5) FROM numbers(100) SETTINGS max_block_size = 1').catch(
      () => 'lost',
    );
    await until('the query runs', async () => {
      return (await post(url, "SELECT count() FROM system.processes WHERE query LIKE '%numbers(100)%'")).text === '2\n';
    });
    parent.process.kill('SIGKILL');

    // At once: the new parent waits until the old child has left the directory.
    const engine = await startEmbeddedEngine(engineOptions(dataDir));
    expect(engine.pid).not.toBe(pid);
    expect(await lost).toBe('lost');
    expect((await post(engine.url, 'SELECT * FROM kept')).text).toBe('1\ta\n');
    await engine.close();
  });

  it('outlives SIGTERM and SIGINT, which reach whole groups of processes', async () => {
    const engine = await startEmbeddedEngine(engineOptions(dataDir));
    process.kill(engine.pid, 'SIGTERM');
    process.kill(engine.pid, 'SIGINT');
    await sleep(200);
    expect((await post(engine.url, 'SELECT 1')).text).toBe('1\n');
    await engine.close();
  });
});

describe('a directory that has an engine', () => {
  it('is shared: another one to be started there is the same', async () => {
    const { engine, dataDir, close } = await startTestEngine();
    const second = await startEmbeddedEngine(engineOptions(dataDir));
    expect([second.pid, second.url]).toEqual([engine.pid, engine.url]);
    await second.close();
    expect((await post(engine.url, 'SELECT 1')).text).toBe('1\n');
    await close();
  });

  it('is shared by those that start at the same moment', async () => {
    const dataDir = await temporaryDirectory();
    const engines = await Promise.all([1, 2, 3].map(() => startEmbeddedEngine(engineOptions(dataDir))));
    expect(new Set(engines.map(({ pid, url }) => `${pid} ${url}`)).size).toBe(1);
    for (const engine of engines) await engine.close();
    await remove(dataDir);
  });

  it('is taken over, at the same port and with its tables, when the process that has the engine is killed', async () => {
    const dataDir = await temporaryDirectory();
    const parent = startParent(dataDir);
    const { pid, url } = await parent.started;
    const engines = await Promise.all([1, 2].map(() => startEmbeddedEngine(engineOptions(dataDir))));
    expect(engines.map(engine => engine.url)).toEqual([url, url]);
    await post(url, TABLE);
    await post(url, "INSERT INTO kept VALUES (1, 'a')");
    parent.process.kill('SIGKILL');
    await until('another engine', () => engines.every(engine => engine.isReady() && engine.pid !== pid));
    expect(engines.map(engine => engine.url)).toEqual([url, url]);
    expect((await post(url, 'SELECT * FROM kept')).text).toBe('1\ta\n');
    for (const engine of engines) await engine.close();
    await remove(dataDir);
  });

  it('is not taken for one because of what a killed process left, or of a process of the same number', async () => {
    const dataDir = await temporaryDirectory();
    const claim = { pid: process.pid, parentPid: process.ppid, identity: 'old', url: 'http://127.0.0.1:9' };
    await writeFile(join(dataDir, 'engine.json'), JSON.stringify(claim));
    const engine = await startEmbeddedEngine(engineOptions(dataDir));
    expect(JSON.parse(await readFile(join(dataDir, 'engine.json'), 'utf8'))).toMatchObject({
      pid: engine.pid,
      url: engine.url,
    });
    await engine.close();
    expect(await readdir(dataDir)).not.toContain('engine.json');
    await remove(dataDir);
  });
});

it('an engine that cannot start says why', async () => {
  const taken = await startTestEngine();
  const dataDir = await temporaryDirectory();
  const attempt = startEmbeddedEngine({ ...engineOptions(dataDir), port: taken.engine.port });
  await expect(attempt).rejects.toMatchObject({ code: 'STORE_ENGINE', message: expect.stringContaining('EADDRINUSE') });
  await taken.close();
  await remove(dataDir);
});

it('closing lets running queries finish', async () => {
  const { engine, store, close } = await startTestEngine();
  const slow = store.queryRows('SELECT sum(sleepEachRow(0.2)) FROM numbers(3) SETTINGS max_block_size = 1');
  await sleep(150);
  await engine.close();
  expect(await slow).toEqual([['0']]);
  const away = openStore({ url: engine.url, database: DATABASE, logger: SILENT });
  expect(await away.ping()).toBe(false);
  await away.close();
  await close();
});
