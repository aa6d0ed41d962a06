/**
 * The oracle of blame: every bad trace looked at by itself, in exact fractions, as docs/slo.md says (Blame). It shares
 * nothing with the product but the shape of definitions. Attributes it does not know: traces here do not carry them.
 */
import type { GoodCondition, GroupDimension, SloDefinition, TraceSelection } from '../../schemas/index.js';
import { groupBy } from './group-by.js';
import type { OracleVerdict } from './slo.js';
import { oracleWindow } from './slo-calendar.js';
import type { OracleTrace } from './types.js';

export interface OracleBlameQuestion {
  readonly definition: SloDefinition;
  readonly objective: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly group?: Readonly<Record<string, string>> | undefined;
}

export interface OracleBlameLimits {
  readonly minTraces: number;
  readonly enoughTraces: number;
  readonly maxMinutes: number;
}

interface Element {
  readonly kind: 'service' | 'link';
  readonly caller: string;
  readonly service: string;
  readonly operation: string;
  readonly tier: string;
}

/** numerator / denominator, the latter positive. */
type Fraction = readonly [bigint, bigint];

interface Blamed {
  readonly trace: OracleTrace;
  readonly element: Element;
  readonly excess: Fraction;
  /** The healthy traces it was held against; null: it failed, and none were needed. */
  readonly healthy: readonly OracleTrace[] | null;
  /** All that were found of its entry. */
  readonly ofEntry: readonly OracleTrace[];
  /** Names those it was held against. */
  readonly baseline: string;
}

const MINUTE_MS = 60_000;
const MINUTE_NS = 60_000_000_000n;
const DAY_MS = 86_400_000;
const NAMES = ['kind', 'caller', 'service', 'operation', 'tier'] as const;

export function oracleBlame(traces: readonly OracleTrace[], question: OracleBlameQuestion, limits: OracleBlameLimits) {
  const judged = judge(traces, question);
  const from = BigInt(question.fromMs) * 1_000_000n;
  const to = BigInt(question.toMs) * 1_000_000n;
  const bad = judged.filter(({ verdict, trace }) => verdict === 'bad' && trace.endNs >= from && trace.endNs < to);
  const pools = poolsOf(judged, question, limits);
  const blamed = bad.map(({ trace }) => blameOf(trace, question, pools, limits));
  const shares = [...groupBy(blamed, ({ element }) => JSON.stringify(NAMES.map(name => element[name]))).values()];
  return {
    bad: bad.length,
    shares: shares
      .map(same => ({ element: same[0].element, excessNs: totalExcess(same), same }))
      .sort(
        (a, b) =>
          b.same.length - a.same.length || order(b.excessNs, a.excessNs) || compareElements(a.element, b.element),
      )
      .map(({ element, excessNs, same }) => ({
        ...element,
        caller: element.kind === 'link' ? element.caller : null,
        events: same.length,
        share: same.length / bad.length,
        excess_ms: Number(excessNs) / 1e6,
        examples: [...same]
          .sort(worstFirst)
          .map(each => each.trace.traceId)
          .slice(0, 5),
      })),
    baseline: describe(blamed),
  };
}

/** Three-valued, by definition.ts. null: not one of those that count. */
export function oracleVerdict(
  trace: OracleTrace,
  { selection }: SloDefinition,
  good: GoodCondition,
): OracleVerdict | null {
  if (!isSelected(trace, selection)) return null;
  const known: (boolean | null)[] = good.durations.map(({ tier, op, ns }) => {
    if (tier === null ? !trace.hasRoot : !trace.complete) return null;
    const measure = tier === null ? trace.durationNs : (trace.tiers.find(each => each.tier === tier)?.ns ?? 0n);
    return {
      lt: measure < BigInt(ns),
      lte: measure <= BigInt(ns),
      gt: measure > BigInt(ns),
      gte: measure >= BigInt(ns),
    }[op];
  });
  if (good.noError) known.push(trace.error ? false : trace.hasRoot ? true : null);
  if (good.within !== null) known.push(trace.hasRoot ? isSelected(trace, good.within) : null);
  if (known.includes(false)) return good.isNegated ? 'good' : 'bad';
  if (known.includes(null)) return 'unknown';
  return good.isNegated ? 'bad' : 'good';
}

function isSelected(trace: OracleTrace, selection: TraceSelection): boolean {
  if (selection.attributes.length > 0) throw new Error('the oracle of blame knows no attributes');
  const places = [trace.locality, trace.region, trace.country].map(place => place.toLowerCase());
  return (
    isAmong(selection.services, trace.service) &&
    isAmong(selection.operations, trace.operation) &&
    isAmong(selection.environments, trace.environment) &&
    (selection.locations.length === 0 || places.some(place => selection.locations.includes(place))) &&
    selection.pathTiers.every(tier => trace.tiers.some(each => each.tier === tier)) &&
    selection.pathServices.every(service => trace.services.some(each => each.service === service))
  );
}

function isAmong(values: readonly string[], value: string): boolean {
  return values.length === 0 || values.includes(value);
}

export function oracleGroup(trace: OracleTrace, { groupBy }: SloDefinition): Record<string, string> {
  const of = (dimension: GroupDimension) =>
    dimension === 'location' ? trace.locality || trace.region || trace.country : trace[dimension];
  return Object.fromEntries(groupBy.map(dimension => [dimension, of(dimension)]));
}

interface Judged {
  readonly trace: OracleTrace;
  readonly verdict: OracleVerdict;
}

function judge(traces: readonly OracleTrace[], { definition, objective, group }: OracleBlameQuestion): Judged[] {
  return traces.flatMap(trace => {
    const verdict = oracleVerdict(trace, definition, definition.objectives[objective].good);
    const isAsked = group === undefined || JSON.stringify(oracleGroup(trace, definition)) === JSON.stringify(group);
    return verdict === null || !isAsked ? [] : [{ trace, verdict }];
  });
}

/** The healthy traces of each pool of minutes. */
function poolsOf(judged: readonly Judged[], question: OracleBlameQuestion, limits: OracleBlameLimits): OracleTrace[][] {
  const { definition, fromMs, toMs } = question;
  const objective = definition.objectives[question.objective];
  const targetPpm = (objective.slices ?? objective).targetPpm;
  const from = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS;
  const to = Math.ceil(toMs / MINUTE_MS) * MINUTE_MS;
  const [windowFrom, windowTo] = oracleWindow(definition.window, from);
  const reach = Math.min(windowTo - windowFrom, 30 * DAY_MS);
  const minutes = [...groupBy(judged, ({ trace }) => Number(trace.endNs / MINUTE_NS) * MINUTE_MS)]
    .filter(([at]) => at >= from - reach && at < to + reach)
    .map(([at, all]) => {
      const good = all.filter(({ verdict }) => verdict === 'good').map(({ trace }) => trace);
      const bad = all.filter(({ verdict }) => verdict === 'bad').length;
      return { at, good, isKept: bad * 1e6 <= (good.length + bad) * (1e6 - targetPpm) };
    })
    .filter(({ good }) => good.length > 0);
  const before = minutes.filter(({ at }) => at < from).sort((a, b) => b.at - a.at);
  const later = minutes.filter(({ at }) => at >= from).sort((a, b) => a.at - b.at);
  return [
    before.filter(({ isKept }) => isKept),
    later.filter(({ isKept }) => isKept),
    [...before, ...later].filter(({ isKept }) => !isKept),
  ].map(pool => {
    const taken: OracleTrace[] = [];
    for (const { good } of pool.slice(0, limits.maxMinutes)) {
      if (taken.length >= limits.enoughTraces) break;
      taken.push(...good);
    }
    return taken;
  });
}

function healthyFor(
  trace: OracleTrace,
  pools: readonly OracleTrace[][],
  { minTraces }: OracleBlameLimits,
): OracleTrace[] {
  const healthy: OracleTrace[] = [];
  for (const pool of pools) {
    if (healthy.length >= minTraces) break;
    healthy.push(...pool.filter(each => each.service === trace.service && each.operation === trace.operation));
  }
  return healthy;
}

function blameOf(
  trace: OracleTrace,
  { definition, objective }: OracleBlameQuestion,
  pools: readonly OracleTrace[][],
  limits: OracleBlameLimits,
): Blamed {
  const { good } = definition.objectives[objective];
  const tooSlow = slowMeasures(trace, good);
  if (trace.error && ((good.noError && !good.isNegated) || tooSlow.length === 0)) {
    const { errorService: service, errorOperation: operation, errorTier: tier } = trace;
    return {
      trace,
      element: { kind: 'service', caller: '', service, operation, tier },
      excess: [0n, 1n],
      healthy: null,
      ofEntry: [],
      baseline: '',
    };
  }
  const entry = JSON.stringify([trace.service, trace.operation]);
  const services = servicesOf(trace);
  const ofEntry = remembered(pools, `healthy ${entry}`, () => healthyFor(trace, pools, limits));
  const alike = remembered(pools, `alike ${entry} ${services}`, () =>
    ofEntry.filter(each => servicesOf(each) === services),
  );
  const healthy = alike.length >= limits.minTraces ? alike : ofEntry;
  const count = BigInt(Math.max(1, healthy.length));
  const baseline = `${entry} ${healthy === alike ? services : ''}`;
  const usually = remembered(pools, `usually ${baseline}`, () => timePerElement(healthy));
  const elements = distinctElements(trace);
  const inSlowTier = elements.filter(
    element => tooSlow.length === 0 || tooSlow.some(tier => tier === null || tier === element.tier),
  );
  const candidates = (inSlowTier.length > 0 ? inSlowTier : elements).map(element => {
    const own = timeIn(trace, element);
    const usual = usually.get(JSON.stringify(element)) ?? 0n;
    return { element, own, excess: own * count - usual };
  });
  candidates.sort((a, b) => order(b.excess, a.excess) || order(b.own, a.own) || compareElements(a.element, b.element));
  const [worst] = candidates;
  return {
    trace,
    element: worst.element,
    excess: healthy.length === 0 ? [0n, 1n] : [worst.excess, count],
    healthy,
    ofEntry,
    baseline,
  };
}

function timePerElement(traces: readonly OracleTrace[]): Map<string, bigint> {
  const times = new Map<string, bigint>();
  for (const section of traces.flatMap(({ path }) => path)) {
    const key = JSON.stringify(toElement(section));
    times.set(key, (times.get(key) ?? 0n) + section.selfNs);
  }
  return times;
}

/** Per question: thousands of bad traces may be held against the same healthy ones. */
const memories = new WeakMap<object, Map<string, unknown>>();

function remembered<Value>(question: object, key: string, compute: () => Value): Value {
  const memory = memories.get(question) ?? new Map<string, unknown>();
  memories.set(question, memory);
  if (!memory.has(key)) memory.set(key, compute());
  return memory.get(key) as Value;
}

/** Those with time of their own on the critical path. */
function servicesOf({ path }: OracleTrace): string {
  const names = path.filter(({ kind }) => kind === 'service').map(({ service }) => service);
  return JSON.stringify([...new Set(names)].sort());
}

/** Tiers in which it was too slow; null among them: as a whole. */
function slowMeasures(trace: OracleTrace, good: GoodCondition): (string | null)[] {
  const only = (durations: GoodCondition['durations']): GoodCondition => ({
    ...good,
    durations,
    noError: false,
    within: null,
  });
  const everything = {
    services: [],
    operations: [],
    environments: [],
    locations: [],
    attributes: [],
    pathTiers: [],
    pathServices: [],
  };
  return good.durations
    .filter(
      condition =>
        oracleVerdict(trace, { selection: everything } as unknown as SloDefinition, only([condition])) === 'bad',
    )
    .map(({ tier }) => tier);
}

/** Of a trace without any time: its entry. */
function distinctElements(trace: OracleTrace): Element[] {
  const { service, operation } = trace;
  if (trace.path.length === 0) return [{ kind: 'service', caller: '', service, operation, tier: '' }];
  return trace.path
    .filter((section, index) => trace.path.findIndex(each => isSame(each, section)) === index)
    .map(toElement);
}

function toElement({ kind, caller, service, operation, tier }: Element): Element {
  return { kind, caller, service, operation, tier };
}

function timeIn(trace: OracleTrace, element: Element): bigint {
  return trace.path.filter(section => isSame(section, element)).reduce((sum, { selfNs }) => sum + selfNs, 0n);
}

function isSame(a: Element, b: Element): boolean {
  return NAMES.every(name => a[name] === b[name]);
}

function totalExcess(blamed: readonly Blamed[]): bigint {
  const known = blamed.filter(({ healthy }) => healthy !== null && healthy.length > 0);
  let total = 0n;
  for (const same of groupBy(known, ({ baseline }) => baseline).values()) {
    const [scaled, count] = [same.reduce((sum, { excess }) => sum + excess[0], 0n), same[0].excess[1]];
    let floor = scaled / count;
    while (floor * count > scaled) floor--;
    total += floor;
  }
  return total;
}

function worstFirst(a: Blamed, b: Blamed): number {
  return order(b.excess[0] * a.excess[1], a.excess[0] * b.excess[1]) || order(a.trace.traceId, b.trace.traceId);
}

function describe(blamed: readonly Blamed[]) {
  const slow = blamed.filter(({ healthy }) => healthy !== null);
  const healthy = [...new Set(slow.flatMap(each => each.ofEntry))];
  const minutes = healthy.map(({ endNs }) => Number(endNs / MINUTE_NS) * MINUTE_MS);
  const instant = (ms: number) => new Date(ms).toISOString();
  return {
    traces: healthy.length,
    from: healthy.length === 0 ? null : instant(Math.min(...minutes)),
    to: healthy.length === 0 ? null : instant(Math.max(...minutes) + MINUTE_MS),
    events_without: slow.filter(each => each.healthy!.length === 0).length,
  };
}

/** By the bytes of the names. */
function compareElements(a: Element, b: Element): number {
  for (const name of NAMES) {
    const compared = Buffer.compare(Buffer.from(a[name]), Buffer.from(b[name]));
    if (compared !== 0) return compared;
  }
  return 0;
}

function order<T extends bigint | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
