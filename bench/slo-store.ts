/** A store of a benchmark's own, in the embedded engine, gone when the work is done; and spreads of times. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readSloDocuments, resolveSloDocuments, type SloDefinition } from '../schemas/index.js';
import { migrate, openStore, type Store, startEmbeddedEngine } from '../store/index.js';

const DATABASE = 'throughline';

/** `work` may restart the engine: its caches are empty then, but not the operating system's. What is in `directory` stays. */
export async function withStore<Result>(
  work: (store: Store, restart: () => Promise<void>) => Promise<Result>,
  directory?: string,
): Promise<Result> {
  const logger = pino({ level: 'silent' });
  const dataDir = directory ?? (await mkdtemp(join(tmpdir(), 'throughline-bench-')));
  const start = (port: number) => startEmbeddedEngine({ dataDir, host: '127.0.0.1', port, database: DATABASE, logger });
  let engine = await start(0);
  const restart = async () => {
    await engine.close();
    engine = await start(Number(new URL(engine.url).port));
  };
  try {
    const retention = { spansDays: 3_650, tracesDays: 3_650, rollupsDays: 3_650 };
    await migrate({ url: engine.url, database: DATABASE, retention, logger });
    const store = openStore({ url: engine.url, database: DATABASE, logger });
    try {
      return await work(store, restart);
    } finally {
      await store.close();
    }
  } finally {
    await engine.close();
    if (directory === undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Rows and bytes on disk of a table. */
export async function sizeOf(store: Store, table: string): Promise<{ rows: number; bytes: number }> {
  const [[rows, bytes]] = await store.queryRows(
    'SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = {table:String} AND database = {database:String}',
    { table, database: DATABASE },
  );
  return { rows: Number(rows), bytes: Number(bytes) };
}

/** The SLO of an OpenSLO document. */
export function definitionIn(document: string): SloDefinition {
  const sources = readSloDocuments(document, 'bench').flatMap(({ source }) => source ?? []);
  const definition = resolveSloDocuments(sources).slos[0]?.definition ?? null;
  if (definition === null) throw new Error('the SLO of the benchmark is none');
  return definition;
}

/** One kind of question, asked several times. */
export interface QueryFigure {
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly runs: number;
  /** In the store, of the table that the question is about. */
  readonly rows: number;
}

export function queryFigure(times: readonly number[], rows: number): QueryFigure {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1), runs: sorted.length, rows };
}

export function describeFigure({ p50_ms, p99_ms, max_ms, runs }: QueryFigure): string {
  return `${runs} times: p50 ${p50_ms} ms, p99 ${p99_ms} ms, longest ${max_ms} ms`;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export function millions(value: number): string {
  return (value / 1e6).toFixed(1);
}
