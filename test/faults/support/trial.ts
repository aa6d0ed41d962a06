/** One trial: a system, loads into it, whatever the test does to it, and the judge. */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { gather } from './evidence.js';
import { GENERATOR_DEFAULTS, Generator, type GeneratorSettings } from './generator.js';
import { judge } from './judge.js';
import { readLedger } from './ledger.js';
import type { LoadPlan } from './load-plan.js';
import { putSlo } from './slo.js';
import { System, type SystemOptions } from './system.js';

/** Apart, so that loads never share the number of a trace or a batch. */
const FIRST_STEP = 1_000_000;

export class Trial {
  readonly system: System;
  readonly seed: number;
  readonly #ledger: string;
  #loads = 0;

  /** Everything is cleaned up when the test has finished. */
  static async start(seed: number, options: SystemOptions = {}): Promise<Trial> {
    const system = await System.start(options);
    onTestFinished(() => system.destroy());
    await putSlo(system);
    return new Trial(seed, system);
  }

  constructor(seed: number, system: System) {
    this.seed = seed;
    this.system = system;
    this.#ledger = join(tmpdir(), `throughline-ledger-${process.pid}-${performance.now()}.jsonl`);
    onTestFinished(() => rmSync(this.#ledger, { force: true }));
  }

  /** Starts another load, whose plan follows from the trial's seed and its number. */
  load(traces: number, more: Partial<Omit<GeneratorSettings, 'plan' | 'ledger'>> & Partial<LoadPlan> = {}): Generator {
    const number = this.#loads++;
    const { spansPerBatch = 40, ...settings } = more;
    const startMs = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
    const plan = {
      seed: this.seed * 1_000 + number,
      first: number * FIRST_STEP,
      traces,
      spansPerBatch,
      startNs: `${startMs}000000`,
    };
    const generator = new Generator({
      ...GENERATOR_DEFAULTS,
      endpoints: [this.system.otlpHttp],
      ...settings,
      plan,
      ledger: this.#ledger,
    });
    onTestFinished(() => generator.destroy());
    return generator;
  }

  /** Waits until the backlog has drained; throws with what is wrong, and the seed. */
  async judge(timeoutMs = 120_000): Promise<void> {
    const evidence = await gather(this.system, this.system.memory.peaks(), timeoutMs);
    const batches = [...readLedger(this.#ledger).values()];
    expect(judge(batches, evidence), `seed ${this.seed}: THROUGHLINE_FAULT_SEED=${this.seed} repeats it`).toEqual([]);
    // Else nothing was shown.
    expect(batches.some(({ isAcked }) => isAcked)).toBe(true);
  }
}
