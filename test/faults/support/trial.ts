/** One trial: a system, loads into it, whatever the test does to it, and the judge. */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { ApiClient } from '../../support/api-client.js';
import { type Evidence, gather } from './evidence.js';
import { GENERATOR_DEFAULTS, Generator, type GeneratorSettings } from './generator.js';
import { judge } from './judge.js';
import { type Batch, readLedger } from './ledger.js';
import type { LoadPlan } from './load-plan.js';
import type { MemoryPeak } from './memory.js';
import { putSlo } from './slo.js';
import { System, type SystemOptions } from './system.js';

/** Apart, so that loads never share the number of a trace or a batch. */
const FIRST_STEP = 1_000_000;

/** What is tried: anything that takes OTLP, answers, and has memory. */
export interface Target {
  readonly client: ApiClient;
  readonly endpoints: readonly string[];
  readonly peaks: () => MemoryPeak[];
}

/** A trial of a system that it started itself. */
export type SystemTrial = Trial & { readonly system: System };

export class Trial {
  readonly seed: number;
  readonly #target: Target;
  readonly #ledger: string;
  #loads = 0;

  /** Everything is cleaned up when the test has finished. */
  static async start(seed: number, options: SystemOptions = {}): Promise<SystemTrial> {
    const system = await System.start(options);
    onTestFinished(() => system.destroy());
    return Object.assign(await Trial.of(seed, targetOf(system)), { system });
  }

  /** Of what the test has started itself. */
  static async of(seed: number, target: Target): Promise<Trial> {
    await putSlo(target.client);
    return new Trial(seed, target);
  }

  constructor(seed: number, target: Target) {
    this.seed = seed;
    this.#target = target;
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
    const { endpoints } = this.#target;
    const generator = new Generator({ ...GENERATOR_DEFAULTS, endpoints, ...settings, plan, ledger: this.#ledger });
    onTestFinished(() => generator.destroy());
    return generator;
  }

  /** What was sent so far. */
  batches(): Batch[] {
    return [...readLedger(this.#ledger).values()];
  }

  /** Waits until the backlog has drained; throws with what is wrong, and the seed. */
  async judge(timeoutMs = 120_000): Promise<Evidence> {
    const evidence = await gather(this.#target.client, this.#target.peaks(), timeoutMs);
    const batches = this.batches();
    expect(judge(batches, evidence), `seed ${this.seed}: THROUGHLINE_FAULT_SEED=${this.seed} repeats it`).toEqual([]);
    // Else nothing was shown.
    expect(batches.some(({ isAcked }) => isAcked)).toBe(true);
    return evidence;
  }
}

export function targetOf(system: System): Target {
  return { client: system, endpoints: [system.otlpHttp], peaks: () => system.memory.peaks() };
}
