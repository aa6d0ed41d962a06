/**
 * The life of an alert, one minute after the other: a pure function of the state before and the evaluation of a minute.
 *
 *   inactive ──burning──▶ pending ──for pendingMinutes──▶ firing ──no longer burning──▶ resolved ──burning──▶ pending …
 *                           └──no longer burning──▶ inactive
 *
 * One state per SLO, objective, group, rule and condition. It carries the last minute that was evaluated, so evaluating a
 * minute again changes nothing; ids are made of what the alert is about and the minute it began in, so what is written
 * twice after a crash is the same.
 */
import { createHash } from 'node:crypto';
import type { AlertEvaluation, HoldReason } from './alert-evaluation.js';

export type AlertStatus = 'inactive' | 'pending' | 'firing' | 'resolved';

/**
 * Why it was over. `recovered`: the burning stopped; `no_data`: nothing came in any more over the short window;
 * `restated`: late spans changed the counts, and by what they are now it was not burning in the minute before either.
 */
export type ResolveCause = 'recovered' | 'no_data' | 'restated';

export interface AlertState {
  readonly status: AlertStatus;
  /** The last minute evaluated, or passed over; null before the first one. */
  readonly lastMinute: number | null;
  /** The last minute that there was a verdict on. */
  readonly lastJudgedMinute: number | null;
  /** Of the present or last alert; null if there was none. */
  readonly alertId: string | null;
  /** When it began to burn (pending, or firing at once). */
  readonly beganMinute: number | null;
  readonly firedMinute: number | null;
  readonly resolvedMinute: number | null;
  readonly resolveCause: ResolveCause | null;
  /** Minutes passed over since it began: they do not count as burning. */
  readonly passedOverMinutes: number;
  /** The first minute that no verdict was reached for, and why; null when the last one asked for was judged. */
  readonly held: { readonly sinceMinute: number; readonly reasons: readonly HoldReason[] } | null;
  /** Since when there is no event in the long window; null while there is. */
  readonly noDataSinceMinute: number | null;
}

export const NEW_ALERT: AlertState = {
  status: 'inactive',
  lastMinute: null,
  lastJudgedMinute: null,
  alertId: null,
  beganMinute: null,
  firedMinute: null,
  resolvedMinute: null,
  resolveCause: null,
  passedOverMinutes: 0,
  held: null,
  noDataSinceMinute: null,
};

export interface AlertIdentity {
  readonly slo: string;
  readonly objective: number;
  readonly group: Readonly<Record<string, string>>;
  readonly rule: string;
  readonly condition: string;
}

export type TransitionKind = 'pending' | 'inactive' | 'firing' | 'resolved' | 'held' | 'released' | 'no_data' | 'data';

export interface AlertTransition {
  readonly kind: TransitionKind;
  readonly minute: number;
  /** Of the alert it is about: that of a held one, too; null where there is none. */
  readonly alertId: string | null;
  /** Only of `resolved`. */
  readonly cause: ResolveCause | null;
  /** Only of `held`. */
  readonly reasons: readonly HoldReason[];
}

export interface AlertStep {
  readonly state: AlertState;
  readonly transitions: readonly AlertTransition[];
}

/** Lower-case hex SHA-256. The group's keys in any order are the same group. */
export function alertIdOf(identity: AlertIdentity, beganMinute: number): string {
  const group = Object.entries(identity.group).sort(([a], [b]) => (a < b ? -1 : 1));
  const { slo, objective, rule, condition } = identity;
  const text = JSON.stringify([slo, objective, group, rule, condition, beganMinute]);
  return createHash('sha256').update(text).digest('hex');
}

/**
 * One minute. `wasBurning` says whether, by the counts as they are now, the condition holds at the minute judged last;
 * it is asked only when an alert resolves.
 */
export function stepAlert(
  identity: AlertIdentity,
  pendingMinutes: number,
  state: AlertState,
  evaluation: AlertEvaluation,
  wasBurning: () => boolean,
): AlertStep {
  if (state.lastMinute !== null && evaluation.minute <= state.lastMinute) return { state, transitions: [] };
  if (evaluation.holdReasons.length > 0) return hold(state, evaluation);
  const step = new Step(state, evaluation.minute);
  step.release();
  step.noteData(identity, evaluation.hasLongData);
  if (evaluation.isBurning) burn(step, identity, pendingMinutes, evaluation);
  else calm(step, evaluation, wasBurning);
  step.change({ lastMinute: evaluation.minute, lastJudgedMinute: evaluation.minute });
  return step.done();
}

/** Nothing fires and nothing resolves. A minute whose events may still come is left to be evaluated again. */
function hold(state: AlertState, { minute, holdReasons }: AlertEvaluation): AlertStep {
  const step = new Step(state, minute);
  const isNew = state.held === null || state.held.reasons.join() !== holdReasons.join();
  if (isNew) step.note('held', { alertId: idOfLive(state), reasons: holdReasons });
  step.change({ held: { sinceMinute: state.held?.sinceMinute ?? minute, reasons: holdReasons } });
  if (holdReasons.includes('watermark')) {
    // Also where it is the first minute of all: the next evaluation begins with it.
    step.change({ lastMinute: state.lastMinute ?? minute - 1 });
  } else {
    step.change({ lastMinute: minute, passedOverMinutes: state.passedOverMinutes + 1 });
  }
  return step.done();
}

function burn(
  step: Step,
  identity: AlertIdentity,
  pendingMinutes: number,
  { hasMinimumEvents, minute }: AlertEvaluation,
): void {
  const { status } = step.state;
  // The guard is against beginning on a handful of events. When traffic dies down under a firing alert that is no
  // recovery.
  if (status === 'firing') return;
  if (!hasMinimumEvents) {
    if (status === 'pending') step.abandon();
    return;
  }
  if (status !== 'pending') step.begin(alertIdOf(identity, minute));
  const { beganMinute, passedOverMinutes } = step.state;
  if (minute - beganMinute! - passedOverMinutes >= pendingMinutes) step.fire();
  else if (status !== 'pending') step.note('pending');
}

function calm(step: Step, { hasShortData }: AlertEvaluation, wasBurning: () => boolean): void {
  const { status } = step.state;
  if (status === 'pending') step.abandon();
  if (status !== 'firing') return;
  // In this order: a restatement that leaves nothing is a restatement.
  if (!wasBurning()) step.resolve('restated');
  else step.resolve(hasShortData ? 'recovered' : 'no_data');
}

function idOfLive({ status, alertId }: AlertState): string | null {
  return status === 'pending' || status === 'firing' ? alertId : null;
}

/** The state in the making, and what there is to tell about it. */
class Step {
  state: AlertState;
  readonly #minute: number;
  readonly #transitions: AlertTransition[] = [];

  constructor(state: AlertState, minute: number) {
    this.state = state;
    this.#minute = minute;
  }

  change(changes: Partial<AlertState>): void {
    this.state = { ...this.state, ...changes };
  }

  note(kind: TransitionKind, details: Partial<AlertTransition> = {}): void {
    const { alertId } = this.state;
    this.#transitions.push({ kind, minute: this.#minute, alertId, cause: null, reasons: [], ...details });
  }

  release(): void {
    if (this.state.held === null) return;
    this.change({ held: null });
    this.note('released', { alertId: idOfLive(this.state) });
  }

  /** That there are no data is an alert of its own, with an id of its own. */
  noteData(identity: AlertIdentity, hasData: boolean): void {
    const { noDataSinceMinute } = this.state;
    if (hasData === (noDataSinceMinute === null)) return;
    const sinceMinute = noDataSinceMinute ?? this.#minute;
    const alertId = alertIdOf({ ...identity, condition: `${identity.condition} (no data)` }, sinceMinute);
    this.change({ noDataSinceMinute: hasData ? null : sinceMinute });
    this.note(hasData ? 'data' : 'no_data', { alertId });
  }

  begin(alertId: string): void {
    this.change({
      status: 'pending',
      alertId,
      beganMinute: this.#minute,
      firedMinute: null,
      resolvedMinute: null,
      resolveCause: null,
      passedOverMinutes: 0,
    });
  }

  abandon(): void {
    this.note('inactive');
    this.change({ status: 'inactive' });
  }

  fire(): void {
    this.change({ status: 'firing', firedMinute: this.#minute });
    this.note('firing');
  }

  resolve(cause: ResolveCause): void {
    this.change({ status: 'resolved', resolvedMinute: this.#minute, resolveCause: cause });
    this.note('resolved', { cause });
  }

  done(): AlertStep {
    return { state: this.state, transitions: this.#transitions };
  }
}
