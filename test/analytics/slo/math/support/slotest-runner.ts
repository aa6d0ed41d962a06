/** Runs the evals of a .slotest file: what is expected against the program and, where it can tell, against the oracle. */
import { expect } from 'vitest';
import {
  advanceAlert,
  burnDown,
  evaluator,
  type HoldReason,
  type HoldReasonsAt,
  NEW_ALERT,
  type SloStatus,
  statusOf,
} from '../../../../../analytics/slo/math/index.js';
import { oracleBurnDown, oracleBurnRate, oracleStatus } from '../../../../oracle/slo.js';
import { nearestDouble } from '../../../../oracle/slo-fraction.js';
import type { EvalAlerts, EvalBudget, EvalStatus, Expectation } from './slotest-commands.js';
import { durationOf, formatMinute, instantOf, numberOf, SlotestError } from './slotest-values.js';
import type { SlotestWorld } from './slotest-world.js';

type Value = number | null | readonly number[];
type Figures = (words: readonly string[]) => Value | undefined;

export function runStatus(file: string, world: SlotestWorld, command: EvalStatus): void {
  const terms = world.termsAt(command.atMinute);
  const burnMinutes = command.expected
    .filter(({ words }) => words[0] === 'burn')
    .map(({ words }) => durationOf(words[1]));
  const question = { ...terms, atMinute: command.atMinute, burnMinutes };
  const program = figuresOfProgram(statusOf(world.seriesOf(command.group), question));
  const oracle = figuresOfOracle(world, command);
  for (const expectation of command.expected) {
    const where = `${file}:${expectation.line}`;
    const expected = located(file, expectation, () => expectedValue(expectation.words));
    const found = program(expectation.words);
    if (found === undefined) throw new SlotestError(file, expectation.line, `"${expectation.words[0]}" is no figure`);
    expect(oracle(expectation.words), `${where} ${expectation.words.join(' ')}: the oracle`).toEqual(expected);
    expect(found, `${where} ${expectation.words.join(' ')}`).toEqual(expected);
  }
}

function located<T>(file: string, { line }: Expectation, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new SlotestError(file, line, (error as Error).message);
  }
}

function expectedValue([figure, ...rest]: readonly string[]): Value {
  const words = figure === 'burn' ? rest.slice(1) : rest;
  const read = ['window', 'exhausted', 'exhaustion'].includes(figure) ? instantOf : numberOf;
  const values = words.map(word => (word === 'null' ? null : read(word)));
  const wanted = figure === 'window' || figure === 'interval' ? 2 : 1;
  if (values.length !== wanted) throw new Error(`"${figure}" has ${wanted} value${wanted === 1 ? '' : 's'}`);
  return wanted === 1 ? values[0] : (values as number[]);
}

function figuresOfProgram({ span, budget, burnRates, ...status }: SloStatus): Figures {
  const figures: Record<string, Value> = {
    window: [span.fromMinute, span.toMinute],
    total: status.total,
    good: status.good,
    bad: status.bad,
    unknown: status.unknown,
    sli: status.sli,
    allowed: budget.allowed,
    consumed: budget.consumed,
    remaining: budget.remainingRatio,
    interval: budget.remainingInterval,
    exhausted: budget.exhaustedAtMinute,
    projected: budget.projectedAllowed,
    exhaustion: budget.projectedExhaustionMinute,
  };
  return ([figure, minutes]) =>
    figure === 'burn' ? burnRates.find(burn => burn.minutes === durationOf(minutes))!.rate : figures[figure];
}

function figuresOfOracle(world: SlotestWorld, { atMinute, group }: EvalStatus): Figures {
  const terms = world.termsAt(atMinute);
  const events = world.eventsOf(group);
  const status = oracleStatus(events, terms, atMinute * 60_000);
  const minuteOf = (ms: number | null) => (ms === null ? null : ms / 60_000);
  const figures: Record<string, Value> = {
    window: status.window.map(ms => ms / 60_000),
    total: status.total,
    good: status.good,
    bad: status.bad,
    unknown: status.unknown,
    sli: status.sli === null ? null : nearestDouble(status.sli),
    allowed: nearestDouble(status.allowed),
    consumed: nearestDouble(status.consumed),
    remaining: nearestDouble(status.remaining),
    interval: status.interval.map(nearestDouble),
    exhausted: minuteOf(status.exhaustedAtMs),
    projected: nearestDouble(status.projectedAllowed),
    exhaustion: minuteOf(status.projectedExhaustionMs),
  };
  return ([figure, minutes]) => {
    if (figure !== 'burn') return figures[figure];
    const rate = oracleBurnRate(events, terms, atMinute, durationOf(minutes));
    return rate === null || rate === 'infinite' ? null : nearestDouble(rate);
  };
}

/** Expected: a line `INSTANT REMAINING` per step. */
export function runBudget(file: string, world: SlotestWorld, command: EvalBudget): void {
  const { atMinute, expected, group, stepMinutes } = command;
  const terms = world.termsAt(atMinute);
  const wanted = expected.map(each =>
    located(file, each, () => `${formatMinute(instantOf(each.words[0]))} ${numberOf(each.words[1])}`),
  );
  const where = `${file}:${command.line}`;
  const oracle = oracleBurnDown(world.eventsOf(group), terms, atMinute * 60_000, stepMinutes);
  const oracleLines = oracle.map(point => `${formatMinute(point.endMs / 60_000)} ${nearestDouble(point.remaining)}`);
  expect(oracleLines, `${where}: the oracle`).toEqual(wanted);
  const points = burnDown(world.seriesOf(group), { ...terms, atMinute }, stepMinutes);
  const lines = points.map(point => `${formatMinute(point.minute)} ${point.remainingRatio}`);
  expect(lines, where).toEqual(wanted);
}

/**
 * Evaluates every minute of the stretch as the program's job does, except while it is down. Expected: a line
 * `INSTANT CONDITION KIND [CAUSE or REASON]` per transition, or `nothing`.
 */
export function runAlerts(file: string, world: SlotestWorld, command: EvalAlerts): void {
  const { expected, fromMinute, group, toMinute } = command;
  const series = world.seriesOf(group);
  const found: { minute: number; text: string }[] = [];
  for (const condition of world.conditions) {
    for (let minute = fromMinute; minute <= toMinute; minute++) {
      if (world.holds.some(hold => hold.reason === null && contains(hold, minute))) continue;
      for (const { text, minute: about } of advance(world, series, group, condition, minute)) {
        found.push({ minute: about, text: `${formatMinute(about)} ${condition.name} ${text}` });
      }
    }
  }
  const lines = found.sort((a, b) => a.minute - b.minute).map(({ text }) => text);
  const wanted = expected.map(each => located(file, each, () => expectedTransition(each.words)));
  expect(lines, `${file}:${command.line}`).toEqual(wanted.filter(text => text !== 'nothing'));
}

function expectedTransition([instant, ...rest]: readonly string[]): string {
  return instant === 'nothing' ? instant : `${formatMinute(instantOf(instant))} ${rest.join(' ')}`;
}

function advance(
  world: SlotestWorld,
  series: ReturnType<SlotestWorld['seriesOf']>,
  group: string,
  condition: SlotestWorld['conditions'][number],
  nowMinute: number,
): { minute: number; text: string }[] {
  const key = `${group}/${condition.name}`;
  const identity = { slo: 'slo', objective: 0, group: { location: group }, rule: 'rule', condition: condition.name };
  const state = world.alerts.get(key) ?? NEW_ALERT;
  const evaluate = evaluator(series, { ...world.termsAt(nowMinute), condition }, holdReasonsAt(world, nowMinute));
  const step = advanceAlert({ identity, pendingMinutes: condition.pendingMinutes, state }, nowMinute, evaluate);
  world.alerts.set(key, step.state);
  return step.transitions.map(({ cause, kind, minute, reasons }) => ({
    minute,
    text: [kind, ...(cause === null ? [] : [cause]), ...reasons].join(' '),
  }));
}

/** A held watermark stands where the hold began; incomplete traces are those of the held minutes themselves. */
function holdReasonsAt({ holds }: SlotestWorld, nowMinute: number): HoldReasonsAt {
  const stuck = holds.find(hold => hold.reason === 'watermark' && contains(hold, nowMinute));
  const watermark = stuck?.fromMinute ?? nowMinute;
  return minute => {
    const reasons: HoldReason[] = [];
    if (minute > watermark) reasons.push('watermark');
    if (holds.some(hold => hold.reason === 'completeness' && contains(hold, minute))) reasons.push('completeness');
    return reasons;
  };
}

function contains(span: { fromMinute: number; toMinute: number }, minute: number): boolean {
  return span.fromMinute <= minute && minute < span.toMinute;
}
