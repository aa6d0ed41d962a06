/**
 * A whole life of the stitcher on a virtual clock: seeded spans arrive in any grouping and order over several
 * partitions, processes crash between any two effects, stale owners go on for a while, memory is short; or several
 * stitchers share the partitions in a group, join it, leave it and die. In the end the live trace rows must be what the
 * oracle computes from the log.
 */
import { pino } from 'pino';
import { jsonToProtobuf, SpanReader } from '../../otlp/index.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../../schemas/index.js';
import { Stitcher } from '../../stitcher/stitcher.js';
import type { TraceStore } from '../../store/index.js';
import type { GeneratedSpan } from '../oracle/generate.js';
import { generateTrace, toRequest } from '../oracle/generate.js';
import type { OracleRecord, OracleRules } from '../oracle/index.js';
import { type Random, seededRandom } from '../support/random.js';
import { MemoryBus, type MortalConsumer, type ScheduledRecord } from './memory-bus.js';
import type { MemoryGroup } from './memory-group.js';
import { MemoryStore } from './memory-store.js';

/** Some seconds before midnight: what is received on two days is in two partitions of the store. */
const START_MS = Date.UTC(2026, 10, 24, 23, 59, 50);
/**
 * Most seeds live in short: traces and all windows are a fraction as long, so that there are fewer turns of the stitcher
 * to simulate for the same number of things that happen to it.
 */
const SHORT = 1 / 5;
/** One seed in so many is as long as life is. */
const LONG_EVERY = 64;

const logger = pino({ level: 'silent' });
/** Shared by all processes: they are made by the hundred, and a reader keeps nothing that counts. */
const reader = new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER });

export interface Plan {
  readonly rules: OracleRules;
  readonly partitionCount: number;
  readonly schedule: readonly ScheduledRecord[];
  readonly requests: ReadonlyMap<Uint8Array, unknown>;
  /** Effects after which a process dies, is doubled by a second one, or the group is disturbed. */
  readonly crashEvery: number;
  readonly isGroup: boolean;
  readonly maxMemoryBytes: number;
  readonly batchMaxBytes: number;
  /** What every time is multiplied by. */
  readonly scale: number;
  readonly tickMs: number;
  /** From here on nothing fails any more. */
  readonly stableFromMs: number;
}

const between = (random: Random, low: number, high: number) => low + Math.floor(random() * (high - low + 1));

/** When a span comes after the first of its trace: mostly at once, sometimes late, now and then too late. */
function delayMs(random: Random): number {
  const kind = random();
  if (kind < 0.7) return between(random, 0, 1_500);
  if (kind < 0.9) return between(random, 1_500, 12_000);
  if (kind < 0.97) return between(random, 12_000, 60_000);
  return between(random, 60_000, 150_000);
}

/** From crashes all over to one or two; each costs the start of a process, so a short life has mostly few. */
function crashEveryOf(random: Random, scale: number): number {
  return scale === 1 ? between(random, 5, 60) : Math.round(10 * 50 ** random());
}

export function planOf(seed: number, isLong = seed % LONG_EVERY === 0): Plan {
  const random = seededRandom(seed);
  const scale = isLong ? 1 : SHORT;
  const partitionCount = between(random, 1, 4);
  const foreignShare = random() < 0.3 ? 0.1 : 0;
  const events: { atMs: number; partition: number; span: GeneratedSpan }[] = [];
  for (let index = scale === 1 ? between(random, 2, 14) : between(random, 1, 5); index > 0; index--) {
    const spans = generateTrace(random, index, { maxSpans: scale === 1 ? 24 : 12 }).spans;
    const firstMs = START_MS + Math.round(between(random, 0, 60_000) * scale);
    const home = between(random, 0, partitionCount - 1);
    for (const span of spans) {
      const copies = random() < 0.1 ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const partition = random() < foreignShare ? between(random, 0, partitionCount - 1) : home;
        events.push({ atMs: firstMs + Math.round(delayMs(random) * scale), partition, span });
      }
    }
  }
  const requests = new Map<Uint8Array, unknown>();
  const lastMs = Math.max(...events.map(event => event.atMs));
  return {
    // Long enough for the last trace to close, be let go of, and be audited under fire.
    stableFromMs: lastMs + Math.round(75_000 * scale),
    tickMs: scale === 1 ? 100 : [100, 200, 300][between(random, 0, 2)],
    rules: {
      completeAfterMs: Math.round(2_000 * scale),
      idleMs: Math.round(10_000 * scale),
      maxOpenMs: Math.round(between(random, 15_000, 60_000) * scale),
      latenessMs: 60_000 * scale,
      maxClockSkewNs: 3_600_000_000_000n,
      maxSpansPerTrace: random() < 0.1 ? 8 : 1_000,
    },
    partitionCount,
    schedule: groupIntoRecords(random, events, requests, 500 * scale),
    requests,
    isGroup: seed % 2 === 0,
    crashEvery: random() < 0.7 ? crashEveryOf(random, scale) : Number.POSITIVE_INFINITY,
    maxMemoryBytes: random() < 0.2 ? 4_000 : 1 << 24,
    batchMaxBytes: random() < 0.5 ? 2_000 : 1 << 20,
    scale,
  };
}

function groupIntoRecords(
  random: Random,
  events: { atMs: number; partition: number; span: GeneratedSpan }[],
  requests: Map<Uint8Array, unknown>,
  togetherMs: number,
): ScheduledRecord[] {
  events.sort((a, b) => a.atMs - b.atMs);
  const records: ScheduledRecord[] = [];
  while (events.length > 0) {
    const [first] = events;
    const most = between(random, 1, 12);
    const group = events
      .filter(e => e.partition === first.partition && e.atMs < first.atMs + togetherMs)
      .slice(0, most);
    for (const event of group) events.splice(events.indexOf(event), 1);
    const request = toRequest(group.map(event => event.span));
    const payload = jsonToProtobuf(Buffer.from(JSON.stringify(request)));
    requests.set(payload, request);
    const { atMs, partition } = group[group.length - 1];
    records.push({ atMs, partition, tenant: 'default', itemCount: group.length, payload });
  }
  return records;
}

class Crash extends Error {}
/** One for all: where it was thrown tells nothing, and a stack trace costs more than most of what is simulated. */
const CRASH = new Crash('dead');

/** One process: its view of log and store dies with it, so that nothing it left running has effects afterwards. */
class Life {
  isDead = false;
  /** Any that is not an injected crash is a bug. */
  failure: unknown = null;
  readonly instance: string;
  readonly stitcher: Promise<Stitcher>;
  #consumer: MortalConsumer | null = null;

  constructor(instance: string, plan: Plan, bus: MemoryBus, store: MemoryStore, onEffect: () => void) {
    this.instance = instance;
    const guard = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (object, name) => {
          const value: unknown = Reflect.get(object, name, object);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            if (name === 'consumer') return this.#consume(bus).then(guard);
            if (name === 'close' || name === 'takeRevoked') return value.apply(object, args);
            return this.#effect(() => value.apply(object, args) as Promise<unknown>, onEffect);
          };
        },
      });
    this.stitcher = Stitcher.start({
      bus: guard(bus),
      store: guard<TraceStore>(store),
      reader,
      logger,
      instance,
      clock: bus.clock,
      windows: { ...plan.rules, debounceMs: 500 * plan.scale },
      latenessMs: plan.rules.latenessMs,
      maxClockSkewMs: Number(plan.rules.maxClockSkewNs / 1_000_000n),
      auditEveryMs: 2_000 * plan.scale,
      auditOverlapMs: 15_000 * plan.scale,
      maxMemoryBytes: plan.maxMemoryBytes,
      batchMaxBytes: plan.batchMaxBytes,
      flushEveryMs: 300,
      tickMs: plan.tickMs,
      offsetsEveryMs: 200,
      seenCapacityBits: 8,
    });
    this.stitcher
      .then(stitcher => stitcher.done)
      .catch((error: unknown) => {
        if (!(error instanceof Crash)) this.failure = error;
      });
  }

  die(): void {
    this.isDead = true;
    this.#consumer?.abandon();
  }

  async #consume(bus: MemoryBus): Promise<MortalConsumer> {
    this.#consumer = await bus.consumer();
    if (this.isDead) this.#consumer.abandon();
    return this.#consumer;
  }

  async #effect<T>(call: () => Promise<T>, onEffect: () => void): Promise<T> {
    if (this.isDead) throw CRASH;
    // Dies before the effect, or after it and before anyone hears of it.
    onEffect();
    if (this.isDead) throw CRASH;
    const result = await call();
    if (this.isDead) throw CRASH;
    return result;
  }
}

export interface Outcome {
  readonly store: MemoryStore;
  readonly records: readonly OracleRecord[];
  readonly crashes: number;
}

export async function simulate(seed: number, plan: Plan): Promise<Outcome> {
  const random = seededRandom(seed ^ 0x5bd1e995);
  const groupRandom = plan.isGroup ? seededRandom(seed ^ 0x2545f491) : null;
  const bus = new MemoryBus(plan.partitionCount, START_MS, plan.schedule, groupRandom, plan.scale);
  const store = new MemoryStore(bus.clock);
  let crashes = 0;
  let effectsLeft = nextCrash();
  let isStable = false;
  let begun = 0;
  const lives: Life[] = [];

  function nextCrash(): number {
    return plan.crashEvery === Number.POSITIVE_INFINITY ? plan.crashEvery : between(random, 1, plan.crashEvery * 2);
  }

  function onEffect(): void {
    if (isStable || --effectsLeft > 0) return;
    crashes++;
    effectsLeft = nextCrash();
    if (bus.group !== null) {
      disturb(bus.group);
      return;
    }
    // A stale owner: the new one starts while the old still runs; else the old one dies first.
    const isStale = random() < 0.3;
    if (!isStale || lives.length > 2) for (const life of lives.splice(0)) life.die();
    begin();
  }

  /** Something happens to the group: a death, a leave, a join, or its partitions move for no reason at all. */
  function disturb(group: MemoryGroup): void {
    const kind = random();
    const [life] = lives.splice(between(random, 0, lives.length - 1), 1);
    if (kind < 0.35) life.die();
    else if (kind < 0.5 && lives.length > 0) void leave(life);
    else lives.push(life);
    if (kind >= 0.7) {
      group.rebalance(bus.nowMs);
      // Often followed by another: partitions come back before anyone else has committed anything.
      if (kind > 0.8) effectsLeft = between(random, 1, 5);
    }
    if (lives.length === 0 || (kind >= 0.5 && kind < 0.7 && lives.length < 3)) begin();
  }

  async function leave(life: Life): Promise<void> {
    const stitcher = await life.stitcher.catch(() => null);
    await stitcher?.close();
  }

  function begin(): void {
    lives.push(new Life(`simulated-${begun++}`, plan, bus, store, onEffect));
  }

  begin();
  for (let turns = 0; ; turns++) {
    await new Promise(resolve => setImmediate(resolve));
    if (bus.nowMs > plan.stableFromMs && !isStable) {
      isStable = true;
      // Of a group, those that have lived through all of it must come to an end with it, too.
      if (!plan.isGroup) for (const life of lives.splice(0)) life.die();
      begin();
    }
    if (isStable && bus.isDrained && isSettled(bus, store, lives)) break;
    if (turns > 200_000) throw new Error(`does not settle: ${JSON.stringify([...store.progress.values()])}`);
    for (const { failure } of lives) if (failure !== null) throw failure;
  }
  for (const life of lives) await (await life.stitcher).close();
  return { store, crashes, records: oracleRecords(bus, plan) };
}

/** As `settled` in the API: every stitcher that lives has nothing left to do, and each partition is somebody's. */
function isSettled(bus: MemoryBus, store: MemoryStore, lives: readonly Life[]): boolean {
  const owned = new Set<string>();
  for (const { instance } of lives) {
    const row = store.progress.get(`stitcher/${instance}`);
    if (row === undefined || row.atMs < bus.nowMs - 5_000) return false;
    const state = JSON.parse(row.state);
    if (state.open_traces > 0 || state.pending > 0 || state.audited !== true) return false;
    for (const partition of Object.keys(state.partitions)) owned.add(partition);
  }
  return owned.size === bus.partitionCount;
}

function oracleRecords(bus: MemoryBus, plan: Plan): OracleRecord[] {
  return bus.records.map(({ partition, offset, appendTimeMs, payload }) => ({
    partition,
    offset,
    appendTimeMs,
    request: plan.requests.get(payload),
  }));
}
