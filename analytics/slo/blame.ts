/** GET /api/v1/slos/{name}/blame: who spent the error budget. What is blamed for what, exactly, is in docs/slo.md. */
import {
  type BlameShare,
  formatShortInstant,
  NS_PER_MS,
  type SloBlameAnswer,
  type SloDefinition,
} from '../../schemas/index.js';
import {
  type Baseline,
  BLAME_EXAMPLES,
  type BlamedElement,
  type BlameQuestion,
  badEntries,
  blamedElements,
  elementKey,
  kindKey,
  type PathElement,
} from '../../store/index.js';
import { ApiError } from '../errors.js';
import type { Parts } from '../settings.js';
import { type BaselineLimits, DEFAULT_BASELINE_LIMITS, readBaselines } from './blame-baseline.js';

const MAX_SHARES = 1_000;
const MAX_ENTRIES = 1_000;
const MAX_ROWS = 20_000;
const NS_PER_SECOND = 1_000_000_000n;

export interface BlameWindow {
  /** [fromMs, toMs) of the trace's end, epoch milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** A value for each of the SLO's `groupBy`, as in `key` of the status; undefined: all groups together. */
  readonly group?: Readonly<Record<string, string>> | undefined;
}

/** Throws an ApiError where there is too much to tell apart. `objective`: index into the definition's objectives. */
export async function answerBlame(
  { store, tenant }: Pick<Parts, 'store' | 'tenant'>,
  definition: SloDefinition,
  objective: number,
  { fromMs, toMs, group }: BlameWindow,
  limits: BaselineLimits = DEFAULT_BASELINE_LIMITS,
): Promise<SloBlameAnswer> {
  const [fromNs, toNs] = [fromMs, toMs].map(ms => BigInt(Math.trunc(ms)) * NS_PER_MS);
  const question: BlameQuestion = { tenant, definition, objective, group, fromNs, toNs };
  const { slow: entries, hasFailed } = await badEntries(store, question, MAX_ENTRIES + 1);
  if (entries.length > MAX_ENTRIES) refuse(`bad traces have more than ${MAX_ENTRIES} different entry operations`);
  const baselines = await readBaselines(store, question, entries, limits);
  const isNone = entries.length === 0 && !hasFailed;
  const blamed = isNone ? [] : await blamedElements(store, question, baselines, MAX_ROWS + 1);
  const bad = countOf(blamed);
  const shares = sharesOf(blamed, baselines, bad);
  if (blamed.length > MAX_ROWS || shares.length > MAX_SHARES) refuse(`there are more than ${MAX_SHARES} shares`);
  return {
    name: definition.name,
    window: { from: formatShortInstant(fromNs), to: formatShortInstant(toNs) },
    bad,
    shares,
    baseline: describe(baselines, blamed),
  };
}

function refuse(problem: string): never {
  throw new ApiError(
    'API_TOO_MANY_GROUPS',
    `${problem}: ask for a shorter window or a group, or give operations fewer names`,
  );
}

/** One per element, the largest first; ties by excess, then by name. */
export function sharesOf(blamed: readonly BlamedElement[], baselines: readonly Baseline[], bad: number): BlameShare[] {
  const shares = new Map<string, Part[]>();
  for (const each of blamed) {
    const key = elementKey(each.element);
    shares.set(key, [...(shares.get(key) ?? []), { ...each, traces: tracesOf(baselines, each) }]);
  }
  return [...shares.values()]
    .map(parts => ({ ...parts[0].element, events: countOf(parts), excessNs: excessNs(parts), examples: worst(parts) }))
    .sort((a, b) => b.events - a.events || compare(b.excessNs, a.excessNs) || compareElements(a, b))
    .map(({ kind, caller, service, tier, operation, events, excessNs, examples }) => ({
      kind,
      caller: kind === 'link' ? caller : null,
      service,
      tier,
      operation,
      events,
      share: events / bad,
      excess_ms: Number(excessNs) / Number(NS_PER_MS),
      examples,
    }));
}

/** What one element is to blame for among the bad traces of one kind. */
interface Part extends BlamedElement {
  /** Of the baseline; 0: there is none, or none is needed: how much they exceed it is not known, and counts as nothing. */
  readonly traces: bigint;
}

function tracesOf(baselines: readonly Baseline[], { kind, isFailed }: BlamedElement): bigint {
  const found = baselines.find(({ of }) => kindKey(of) === kindKey(kind));
  return isFailed || found === undefined ? 0n : BigInt(found.traces);
}

/** Each baseline's sum is divided last, and rounded down to a nanosecond. */
function excessNs(parts: readonly Part[]): bigint {
  const byKind = new Map<string, { scaled: bigint; traces: bigint }>();
  for (const { kind, scaledExcess, traces } of parts) {
    if (traces === 0n) continue;
    const key = kindKey(kind);
    byKind.set(key, { scaled: (byKind.get(key)?.scaled ?? 0n) + scaledExcess, traces });
  }
  return [...byKind.values()].reduce((sum, { scaled, traces }) => sum + floorDivide(scaled, traces), 0n);
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** Ids of the traces that exceed their baseline the most. */
function worst(parts: readonly Part[]): string[] {
  const examples = parts.flatMap(({ examples, traces }) =>
    examples.map(({ scaledExcess, traceId }) => ({
      traceId,
      scaled: traces === 0n ? 0n : scaledExcess,
      traces: traces === 0n ? 1n : traces,
    })),
  );
  return examples
    .sort((a, b) => compare(b.scaled * a.traces, a.scaled * b.traces) || compare(a.traceId, b.traceId))
    .slice(0, BLAME_EXAMPLES)
    .map(({ traceId }) => traceId);
}

/** Of the entries that slow traces have: of the others it depends on what they once looked like whether they were read. */
function describe(baselines: readonly Baseline[], blamed: readonly BlamedElement[]): SloBlameAnswer['baseline'] {
  const slow = blamed.filter(({ isFailed }) => !isFailed);
  const used = baselines.filter(
    ({ of }) => of.services === '' && slow.some(({ kind }) => kindKey({ ...kind, services: '' }) === kindKey(of)),
  );
  const instant = (seconds: number) => formatShortInstant(BigInt(seconds) * NS_PER_SECOND);
  return {
    traces: used.reduce((sum, { traces }) => sum + traces, 0),
    from: used.length === 0 ? null : instant(Math.min(...used.map(({ firstMinute }) => firstMinute))),
    to: used.length === 0 ? null : instant(Math.max(...used.map(({ lastMinute }) => lastMinute)) + 60),
    events_without: countOf(slow.filter(each => tracesOf(baselines, each) === 0n)),
  };
}

function countOf(parts: readonly BlamedElement[]): number {
  return parts.reduce((sum, { events }) => sum + events, 0);
}

function compareElements(a: PathElement, b: PathElement): number {
  for (const name of ['kind', 'caller', 'service', 'operation', 'tier'] as const) {
    const compared = Buffer.compare(Buffer.from(a[name]), Buffer.from(b[name]));
    if (compared !== 0) return compared;
  }
  return 0;
}

function compare<T extends bigint | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
