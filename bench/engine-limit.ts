/**
 * What the engine alone takes for the rows of the pipe: the same Native blocks, made beforehand, into the same tables,
 * merges included, and nothing else. No pipe around this engine can use less.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { createSpanBlock, SpanReader } from '../otlp/index.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../schemas/index.js';
import { Assembler } from '../stitcher/assembly/index.js';
import { Closer } from '../stitcher/closer.js';
import { OpenTraces } from '../stitcher/open-traces.js';
import { ArrivalCounter, spanColumns } from '../stitcher/span-columns.js';
import { TraceRows } from '../stitcher/trace-rows.js';
import type { NativeColumn, Store } from '../store/index.js';
import { type BenchData, bodiesWithOtherIds } from './data.js';
import { cpuSecondsOf, figure, print, processTree } from './measure.js';
import { saveResults } from './results.js';
import { withStore } from './slo-store.js';
import { ASSEMBLY, WINDOWS } from './stages.js';

/** About what the stitcher stores at once at the pipe's highest rate. */
const ROWS_PER_BLOCK = 100_000;
const RUNS = 3;
/** For so long nothing is merged before the engine counts as done. */
const QUIET_CHECKS = 8;
const CHECK_EVERY_MS = 250;

interface Block {
  readonly table: string;
  readonly columns: readonly NativeColumn[];
  readonly rows: number;
}

export async function benchEngineLimit(data: BenchData, rounds: number, runs = RUNS): Promise<void> {
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) {
    rates.push((data.spans * rounds) / (await withStore(store => cpuSecondsFor(store, blocksOf(data, rounds)))));
  }
  const limit = figure('engine alone: the same blocks, merged', 'spans/CPU-s', rates);
  print(limit);
  saveResults({
    engine_limit: {
      spans_per_cpu_s: Math.round(limit.median),
      spread: [Math.round(limit.low), Math.round(limit.high)],
    },
  });
}

async function cpuSecondsFor(store: Store, blocks: Iterable<Block>): Promise<number> {
  const engine = processTree(process.pid).filter(pid => pid !== process.pid);
  const before = cpuSecondsOf(engine);
  for (const { table, columns, rows } of blocks) await store.insert(table, columns, rows);
  for (let quiet = 0; quiet < QUIET_CHECKS; await sleep(CHECK_EVERY_MS)) {
    const [[merges]] = await store.queryRows('SELECT count() FROM system.merges');
    quiet = Number(merges) === 0 ? quiet + 1 : 0;
  }
  return cpuSecondsOf(engine) - before;
}

/** In the order in which the stitcher stores them. A block is borrowed until the next is taken. */
function* blocksOf(data: BenchData, rounds: number): Generator<Block> {
  const reader = new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER });
  const arrivals = new ArrivalCounter();
  const block = createSpanBlock();
  let offset = 0;
  for (let round = 0; round < rounds; round++) {
    for (const payload of bodiesWithOtherIds(data, round)) {
      const origin = { partition: 0, offset: offset++, appendTimeMs: Date.now(), tenant: 'default' };
      const { error } = reader.read(payload, origin, block);
      if (error !== '') throw new Error(error);
      if (block.rows < ROWS_PER_BLOCK) continue;
      yield* tablesOf(block, arrivals);
      block.reset();
    }
  }
  if (block.rows > 0) yield* tablesOf(block, arrivals);
}

function* tablesOf(block: ReturnType<typeof createSpanBlock>, arrivals: ArrivalCounter): Generator<Block> {
  yield { table: 'spans', columns: spanColumns(block), rows: block.rows };
  yield { table: 'trace_arrivals', ...arrivals.columns(block) };
  const open = new OpenTraces(WINDOWS, 16);
  const traces = new TraceRows(open.interner, open.tenants);
  const closer = new Closer(
    open,
    new Assembler({ ...ASSEMBLY, appTier: open.appTier, dataTier: open.dataTier }),
    traces,
  );
  open.addBlock(block);
  closer.advance(0, Number.MAX_SAFE_INTEGER);
  yield { table: 'trace_revisions', ...traces.take() };
}
