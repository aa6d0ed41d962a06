/** Latency cells of rows in memory: what `exactLatency` asks the store for, and nothing else. */
import {
  type LatencyCell,
  type LatencyDimension,
  type LatencyQuestion,
  minuteOf,
  type PartRow,
} from '../store/index.js';
import type { Held } from './recent-revisions.js';

const NS_PER_S = 1_000_000_000n;
const NS_PER_MS = 1e6;

const DIMENSIONS: Readonly<Record<LatencyDimension, (row: PartRow) => string>> = {
  location: ({ locality, region, country }) => locality || region || country,
  locality: ({ locality }) => locality,
  region: ({ region }) => region,
  country: ({ country }) => country,
  service: ({ service }) => service,
  operation: ({ operation }) => operation,
  environment: ({ environment }) => environment,
};

/** Whether two texts are the same in lower case is for the engine to say where they are more than ASCII. */
export function isAnsweredHere({ location }: LatencyQuestion): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  return location === undefined || /^[\x00-\x7f]*$/.test(location);
}

interface Group {
  readonly key: readonly string[];
  readonly stepStartNs: bigint;
  traces: number;
  errors: number;
  unknown: number;
  incomplete: number;
  /** Of the roots; nanoseconds. */
  readonly durations: number[];
}

/** In the order of their keys, at most `maxCells`. The rows must reach back to the minute in which the window begins. */
export function cellsAmong(held: Held, question: LatencyQuestion, maxCells: number): LatencyCell[] {
  const { groupBy, stepNs, quantiles } = question;
  const baseNs = held.fromMinute * NS_PER_S;
  const groups = new Map<string, Group>();
  for (const row of matching(held, question)) {
    const key = groupBy.map(dimension => DIMENSIONS[dimension](row));
    const stepStartNs = stepNs === undefined ? 0n : ((baseNs + BigInt(row.endNs)) / stepNs) * stepNs;
    const name = JSON.stringify([...key, String(stepStartNs)]);
    let group = groups.get(name);
    if (group === undefined) {
      group = { key, stepStartNs, traces: 0, errors: 0, unknown: 0, incomplete: 0, durations: [] };
      groups.set(name, group);
    }
    group.traces++;
    if (row.error) group.errors++;
    if (!row.complete) group.incomplete++;
    if (row.hasRoot) group.durations.push(row.durationNs);
    else group.unknown++;
  }
  return [...groups.values()]
    .sort(byKey)
    .slice(0, maxCells)
    .map(({ durations, ...cell }) => {
      const sorted = Float64Array.from(durations).sort();
      return { ...cell, latencyMs: quantiles.map(level => quantileExact(sorted, level) / NS_PER_MS) };
    });
}

function* matching(held: Held, { fromNs, toNs, location, service, operation }: LatencyQuestion): Generator<PartRow> {
  const baseNs = held.fromMinute * NS_PER_S;
  const from = Number(fromNs - baseNs);
  const to = Number(toNs - baseNs);
  const lastMinute = Number(minuteOf(toNs - 1n));
  const place = location?.toLowerCase();
  for (const row of held.rows) {
    if (row.isDeleted || row.endNs < from || row.endNs >= to || row.endMinute > lastMinute) continue;
    if (place !== undefined && !row.lowerCase.includes(place)) continue;
    if (service !== undefined && row.service !== service) continue;
    if (operation !== undefined && row.operation !== operation) continue;
    yield row;
  }
}

/** As the engine compares: byte by byte. */
function byKey(one: Group, other: Group): number {
  for (const [index, text] of one.key.entries()) {
    const ahead = text === other.key[index] ? 0 : Buffer.compare(Buffer.from(text), Buffer.from(other.key[index]));
    if (ahead !== 0) return ahead;
  }
  return one.stepStartNs < other.stepStartNs ? -1 : 1;
}

/** The element at level × n, rounded down; 0 of none. */
function quantileExact(sorted: Float64Array, level: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length))];
}
