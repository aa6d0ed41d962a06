/**
 * The oracle of SLOs: status, budget and burn rates from a plain list of events, each looked at again for each question,
 * in exact fractions. It follows docs/slo.md and shares nothing with the product but the shape of definitions.
 */
import type { BurnCondition, SloDefinition, SloObjective, UnknownPolicy } from '../../schemas/index.js';
import { type OracleSpan, oracleWindow } from './slo-calendar.js';
import { isAbove, isAtLeast, minus, over, plus, type Ratio, ratio, times } from './slo-fraction.js';

export type OracleVerdict = 'good' | 'bad' | 'unknown';

export interface OracleEvent {
  readonly endMs: number;
  readonly verdict: OracleVerdict;
  readonly group: string;
  /** That many alike. */
  readonly count: number;
}

export interface OracleTerms {
  readonly slo: Pick<SloDefinition, 'window' | 'budgetingMethod' | 'unknown'>;
  readonly objective: Pick<SloObjective, 'targetPpm' | 'slices'>;
}

export interface OracleStatus {
  readonly window: OracleSpan;
  readonly total: number;
  readonly good: number;
  readonly bad: number;
  readonly unknown: number;
  readonly sli: Ratio | null;
  readonly allowed: Ratio;
  readonly consumed: Ratio;
  readonly remaining: Ratio;
  readonly interval: readonly [Ratio, Ratio];
  readonly exhaustedAtMs: number | null;
  readonly projectedAllowed: Ratio;
  readonly projectedExhaustionMs: number | null;
}

/** Counts for the budget when it ends: an event, or a slice. */
interface Unit {
  readonly minute: number;
  /** From 0, good, to 1, bad. */
  readonly badness: Ratio;
  readonly count: number;
}

const MINUTE_MS = 60_000;
const ONE = ratio(1);
const ZERO = ratio(0);

export function oracleStatus(events: readonly OracleEvent[], terms: OracleTerms, instantMs: number): OracleStatus {
  const at = Math.floor(instantMs / MINUTE_MS);
  const span = oracleWindow(terms.slo.window, at * MINUTE_MS);
  const from = span[0] / MINUTE_MS;
  const inWindow = events.filter(event => minuteOf(event) >= from && minuteOf(event) < at);
  const units = unitsOf(events, terms, terms.slo.unknown).filter(unit => unit.minute >= from && unit.minute < at);
  const allowed = allowedOf(units, terms);
  const consumed = consumedOf(units);
  return {
    window: span,
    total: countOf(inWindow),
    good: countOf(inWindow.filter(event => event.verdict === 'good')),
    bad: countOf(inWindow.filter(event => event.verdict === 'bad')),
    unknown: countOf(inWindow.filter(event => event.verdict === 'unknown')),
    sli: units.length === 0 ? null : minus(ONE, over(consumed, ratio(countOf(units)))),
    allowed,
    consumed,
    remaining: remainingOf(allowed, consumed),
    interval: [oracleRemaining(events, terms, from, at, 'bad'), oracleRemaining(events, terms, from, at, 'good')],
    exhaustedAtMs: exhaustedAtMs(units, allowed),
    ...projections(events, terms, span, at, allowed, consumed),
  };
}

/** What is left of the budget of the events in [from, to), minutes, were those without a verdict of this one. */
export function oracleRemaining(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  from: number,
  to: number,
  policy: UnknownPolicy,
): Ratio {
  const units = unitsOf(events, terms, policy).filter(unit => unit.minute >= from && unit.minute < to);
  return remainingOf(allowedOf(units, terms), consumedOf(units));
}

/** At the end of each step, by the budget as it is at the instant. */
export function oracleBurnDown(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  instantMs: number,
  stepMinutes: number,
): { readonly endMs: number; readonly remaining: Ratio }[] {
  const at = Math.floor(instantMs / MINUTE_MS);
  const from = oracleWindow(terms.slo.window, at * MINUTE_MS)[0] / MINUTE_MS;
  const units = unitsOf(events, terms, terms.slo.unknown).filter(unit => unit.minute >= from && unit.minute < at);
  const points: { endMs: number; remaining: Ratio }[] = [];
  for (let start = from; start < at; start += stepMinutes) {
    const end = Math.min(start + stepMinutes, at);
    const spent = consumedOf(units.filter(unit => unit.minute < end));
    points.push({ endMs: end * MINUTE_MS, remaining: remainingOf(allowedOf(units, terms), spent) });
  }
  return points;
}

/** null: no events; 'infinite': bad ones of which none is allowed. */
export function oracleBurnRate(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  atMinute: number,
  minutes: number,
): Ratio | 'infinite' | null {
  const units = unitsBefore(events, terms, atMinute, minutes);
  if (units.length === 0) return null;
  const [spent, allowed] = [consumedOf(units), allowedOf(units, terms)];
  if (spent[0] === 0n) return ZERO;
  return allowed[0] === 0n ? 'infinite' : over(spent, allowed);
}

/** Whether the condition holds at the minute. */
export function oracleIsBurning(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  { factorPerMille, longMinutes, op, shortMinutes }: BurnCondition,
  atMinute: number,
): boolean {
  const factor = ratio(factorPerMille, 1000);
  return [longMinutes, shortMinutes].every(minutes => {
    const rate = oracleBurnRate(events, terms, atMinute, minutes);
    if (rate === 'infinite') return true;
    if (rate === null || rate[0] === 0n) return false;
    return op === 'gt' ? isAbove(rate, factor) : isAtLeast(rate, factor);
  });
}

/** When it fires and when it is over, of the minutes [from, to], given that it was quiet before. */
export function oracleFirings(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  condition: BurnCondition,
  from: number,
  to: number,
): { readonly minute: number; readonly kind: 'firing' | 'resolved' }[] {
  const firings: { minute: number; kind: 'firing' | 'resolved' }[] = [];
  let isFiring = false;
  let held = 0;
  for (let minute = from; minute <= to; minute++) {
    const burns = oracleIsBurning(events, terms, condition, minute);
    held =
      burns && (isFiring || validBefore(events, terms, minute, condition) >= condition.minimumEvents) ? held + 1 : 0;
    if (!isFiring && held > condition.pendingMinutes) {
      isFiring = true;
      firings.push({ minute, kind: 'firing' });
    } else if (isFiring && !burns) {
      isFiring = false;
      firings.push({ minute, kind: 'resolved' });
    }
  }
  return firings;
}

function validBefore(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  atMinute: number,
  { longMinutes }: BurnCondition,
): number {
  const [from, to] = burnSpan(terms, atMinute, longMinutes);
  const counted = terms.slo.unknown === 'excluded' ? events.filter(event => event.verdict !== 'unknown') : events;
  return countOf(counted.filter(event => minuteOf(event) >= from && minuteOf(event) < to));
}

function unitsBefore(events: readonly OracleEvent[], terms: OracleTerms, atMinute: number, minutes: number): Unit[] {
  const [from, to] = burnSpan(terms, atMinute, minutes);
  return unitsOf(events, terms, terms.slo.unknown).filter(unit => unit.minute >= from && unit.minute < to);
}

/** With slices: back from the end of the last whole one, slice by slice, until it is long enough. */
function burnSpan({ objective: { slices } }: OracleTerms, atMinute: number, minutes: number): [number, number] {
  const length = slices?.minutes ?? 1;
  let to = atMinute;
  while (to % length !== 0) to--;
  let from = to;
  while (to - from < minutes) from -= length;
  return [from, to];
}

function unitsOf(events: readonly OracleEvent[], { slo, objective }: OracleTerms, policy: UnknownPolicy): Unit[] {
  const judged = events
    .filter(event => event.count > 0 && (event.verdict !== 'unknown' || policy !== 'excluded'))
    .map(event => ({ ...event, isBad: event.verdict === 'bad' || (event.verdict === 'unknown' && policy === 'bad') }));
  if (slo.budgetingMethod === 'Occurrences') {
    return judged.map(event => ({ minute: minuteOf(event), badness: event.isBad ? ONE : ZERO, count: event.count }));
  }
  const { minutes, targetPpm } = objective.slices!;
  const slices = new Map<number, typeof judged>();
  for (const event of judged) {
    const slice = Math.floor(minuteOf(event) / minutes);
    slices.set(slice, [...(slices.get(slice) ?? []), event]);
  }
  return [...slices].map(([slice, inSlice]) => {
    const badRatio = ratio(countOf(inSlice.filter(event => event.isBad)), countOf(inSlice));
    const isGood = isAtLeast(minus(ONE, badRatio), ratio(targetPpm, 1_000_000));
    const badness = slo.budgetingMethod === 'RatioTimeslices' ? badRatio : isGood ? ZERO : ONE;
    return { minute: slice * minutes + minutes - 1, badness, count: 1 };
  });
}

function allowedOf(units: readonly Unit[], { objective }: OracleTerms): Ratio {
  return times(ratio(countOf(units)), minus(ONE, ratio(objective.targetPpm, 1_000_000)));
}

function consumedOf(units: readonly Unit[]): Ratio {
  return units.reduce((sum, unit) => plus(sum, times(unit.badness, ratio(unit.count))), ZERO);
}

function remainingOf(allowed: Ratio, consumed: Ratio): Ratio {
  if (consumed[0] === 0n) return ONE;
  return allowed[0] === 0n ? ZERO : minus(ONE, over(consumed, allowed));
}

function exhaustedAtMs(units: readonly Unit[], allowed: Ratio): number | null {
  const ascending = [...units].sort((a, b) => a.minute - b.minute);
  let spent = ZERO;
  for (const unit of ascending) {
    spent = plus(spent, times(unit.badness, ratio(unit.count)));
    if (spent[0] > 0n && isAtLeast(spent, allowed)) return unit.minute * MINUTE_MS;
  }
  return null;
}

function projections(
  events: readonly OracleEvent[],
  terms: OracleTerms,
  [fromMs, toMs]: OracleSpan,
  at: number,
  allowed: Ratio,
  consumed: Ratio,
): Pick<OracleStatus, 'projectedAllowed' | 'projectedExhaustionMs'> {
  const [length, elapsed] = [(toMs - fromMs) / MINUTE_MS, at - fromMs / MINUTE_MS];
  const projectedAllowed = elapsed === 0 ? ZERO : times(allowed, ratio(length, elapsed));
  const present = Math.max(60, Math.floor(length / 30));
  const recent = consumedOf(unitsBefore(events, terms, at, present));
  const [from, to] = burnSpan(terms, at, present);
  const isOver = consumed[0] > 0n && isAtLeast(consumed, allowed);
  if (isOver || recent[0] === 0n || !isAbove(projectedAllowed, consumed)) {
    return { projectedAllowed, projectedExhaustionMs: null };
  }
  const wait = over(minus(projectedAllowed, consumed), over(recent, ratio(to - from)));
  let minutes = wait[0] / wait[1];
  if (minutes * wait[1] < wait[0]) minutes += 1n;
  const last = terms.slo.window.kind === 'rolling' ? at + terms.slo.window.minutes : toMs / MINUTE_MS;
  const minute = at + Number(minutes);
  return { projectedAllowed, projectedExhaustionMs: minute <= last ? minute * MINUTE_MS : null };
}

function minuteOf({ endMs }: OracleEvent): number {
  return Math.floor(endMs / MINUTE_MS);
}

function countOf(counted: readonly { readonly count: number }[]): number {
  return counted.reduce((sum, { count }) => sum + count, 0);
}
