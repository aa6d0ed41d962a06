/** Timing of stages: CPU seconds of this process (or another's, from /proc), over several runs of the same work. */
import { readFileSync } from 'node:fs';

export interface Figure {
  readonly stage: string;
  readonly unit: string;
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

const RUNS = 15;
/** As a process that has been running for a while: what the compiler does at first, on threads of its own, is over by then. */
const WARM_UP_CPU_S = 1.5;

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs `work` (over `spans` spans) several times; the figure is spans per CPU-second. */
export async function measure(stage: string, spans: number, work: () => void | Promise<void>): Promise<Figure> {
  for (const started = cpuSeconds(); cpuSeconds() - started < WARM_UP_CPU_S; ) await work();
  const rates: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const before = cpuSeconds();
    await work();
    rates.push(spans / (cpuSeconds() - before));
  }
  return figure(stage, 'spans/CPU-s', rates);
}

export function figure(stage: string, unit: string, values: readonly number[]): Figure {
  return { stage, unit, low: Math.min(...values), median: median(values), high: Math.max(...values) };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

export function print({ stage, unit, low, median, high }: Figure): void {
  const text = (value: number) => Math.round(value).toLocaleString('en').padStart(12);
  console.log(`${stage.padEnd(44)}${text(median)} ${unit.padEnd(12)} (${text(low).trim()} to ${text(high).trim()})`);
}

const CLOCK_TICKS_PER_SECOND = 100;

/** CPU seconds used so far by processes, user and system (Linux). */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold anything; the fields after it are plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / CLOCK_TICKS_PER_SECOND;
}

/** A process and all that descend from it. */
export function processTree(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return [pid, ...children.flatMap(processTree)];
}
