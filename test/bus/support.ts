/** Logs in temporary directories, and child processes that use the built room. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Database, open } from 'lmdb';
import ts from 'typescript';
import { afterEach } from 'vitest';
import { type Bus, type BusConsumer, type EmbeddedBusOptions, openEmbeddedBus } from '../../bus/index.js';
import type { LogRecord, RecordToPublish } from '../../bus/types.js';

const MIB = 1 << 20;
const cleanups: (() => Promise<unknown> | unknown)[] = [];

/** Last made, first cleaned up: buses before their directories. */
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-bus-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Closed when the test ends, if it is not before. */
export async function openBus(options: Partial<EmbeddedBusOptions> = {}): Promise<Bus> {
  const bus = await openEmbeddedBus({
    directory: options.directory ?? temporaryDirectory(),
    partitionCount: 2,
    maxBytes: 64 * MIB,
    clock: () => 1_000,
    ...options,
  });
  cleanups.push(() => bus.close());
  return bus;
}

/** Changes a tree of the log behind its back. */
export async function tamper(
  directory: string,
  tree: 'records' | 'meta',
  change: (tree: Database<Buffer, Buffer>) => unknown,
): Promise<void> {
  const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const environment = open<Buffer, Buffer>({ path: directory, noSubdir: false, pageSize: 4096, maxDbs: 8, ...binary });
  await change(environment.openDB<Buffer, Buffer>({ name: tree, ...binary }));
  await environment.close();
}

export function record(partition: number, text: string, itemCount = 1): RecordToPublish {
  return { partition, tenant: 'default', itemCount, payload: Buffer.from(text) };
}

export function recordOf(partition: number, bytes: number, itemCount = 1): RecordToPublish {
  return { partition, tenant: 'default', itemCount, payload: Buffer.alloc(bytes, bytes & 255) };
}

export function text(record: LogRecord): string {
  return Buffer.from(record.payload).toString();
}

/** Everything there is to read now. */
export async function drain(consumer: BusConsumer): Promise<LogRecord[]> {
  const all: LogRecord[] = [];
  for (;;) {
    const records = await consumer.poll(64 * MIB, 0);
    if (records.length === 0) return all;
    all.push(...records);
  }
}

/** A commit point behind the last record of each partition. */
export function pointsAfter(records: readonly LogRecord[]): { partition: number; offset: number }[] {
  const ends = new Map(records.map(({ partition, offset }) => [partition, offset + 1]));
  return [...ends].map(([partition, offset]) => ({ partition, offset }));
}

/** Compiles bus/ and a program of this folder to plain JavaScript; returns the program's path. */
export function compileProgram(name: string): string {
  const directory = temporaryDirectory();
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  cpSync('package.json', join(directory, 'package.json'));
  const sources = readdirSync('bus', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'));
  for (const path of [...sources.map(source => join('bus', source)), join('test/bus', `${name}.ts`)]) {
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), { compilerOptions });
    const target = join(directory, path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return join(directory, 'test/bus', `${name}.js`);
}

export interface Program {
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly lines: readonly string[];
  /** Resolves once it has written so many lines; rejects if it ends before. */
  wrote(lines: number): Promise<void>;
  /** Resolves with the exit code, null after a signal. */
  readonly ended: Promise<number | null>;
}

/** A program of this folder, under plain node. */
export function startProgram(name: string, ...parameters: string[]): Program {
  return start(process.execPath, compileProgram(name), ...parameters);
}

export function start(command: string, ...parameters: string[]): Program {
  // lmdb writes what fails to stderr; the tests look at outcomes.
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'ignore'] });
  cleanups.push(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  const reader = createInterface({ input: child.stdout });
  reader.on('line', line => {
    lines.push(line);
    for (const watcher of watchers) watcher();
  });
  const exited = new Promise<number | null>(done => child.on('exit', done));
  const drained = new Promise<void>(done => reader.on('close', done));
  const ended = Promise.all([exited, drained]).then(([code]) => code);
  return {
    process: child,
    lines,
    ended,
    wrote: count =>
      new Promise((done, failed) => {
        const watcher = () => {
          if (lines.length < count) return;
          watchers.delete(watcher);
          done();
        };
        watchers.add(watcher);
        watcher();
        void ended.then(code => failed(new Error(`ended with ${code} after ${lines.length} of ${count} lines`)));
      }),
  };
}
