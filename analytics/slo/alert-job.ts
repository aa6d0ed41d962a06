/**
 * Evaluates the alerts of all SLOs at every minute whose events are there and counted, and tells webhooks of them.
 *
 * Any number of jobs may run, without a leader: what follows from a state and the counts is the same whoever works it
 * out, and a state is only ever replaced by what follows from it. Nothing is remembered that a restart would miss.
 */
import {
  alertSeries,
  type CountedSlo,
  completenessOf,
  countedSlos,
  saveAlerts,
  storedAlerts,
} from '../../store/index.js';
import { PacedLoop } from '../paced-loop.js';
import type { Parts } from '../settings.js';
import { incompleteShares, MAX_INCOMPLETE_SHARE } from './alerts/completeness.js';
import { conditionsOf, evaluateSlo, isQuiet } from './alerts/evaluate.js';
import { countedFrom, type Horizon, readHorizon } from './alerts/horizon.js';
import { type KeptAlert, keptAlert } from './alerts/kept-alert.js';
import { type AlertMetrics, createAlertMetrics } from './alerts/metrics.js';
import { closeOrphans, isWatched } from './alerts/orphans.js';
import { Outbox } from './alerts/outbox.js';
import { Sender, type SenderSettings } from './alerts/sender.js';
import { firstMinuteEvaluated, type HoldReason, MAX_MISSED_MINUTES } from './math/index.js';

export interface AlertSettings extends SenderSettings {
  /** Least pause between two passes, and between two looks for what is to be sent. */
  readonly everyMs: number;
  readonly sendEveryMs: number;
  /** Share of the wall time that evaluating may take. */
  readonly maxShare: number;
  /** How long a state must have stood before it is told of: longer than two evaluators write at the same instant. */
  readonly settleMs: number;
  readonly graceMs: number;
  readonly patienceMinutes: number;
  /** Of one SLO: conditions times groups. */
  readonly maxAlerts: number;
}

export const DEFAULT_ALERTS: Omit<AlertSettings, 'random'> = {
  everyMs: 5_000,
  sendEveryMs: 1_000,
  maxShare: 0.2,
  settleMs: 2_000,
  graceMs: 10_000,
  patienceMinutes: 3,
  maxAlerts: 10_000,
  timeoutMs: 10_000,
  leaseMs: 30_000,
  retryMs: 1_000,
  maxRetryMs: 5 * 60_000,
  giveUpMs: 24 * 60 * 60_000,
};

type AlertJobParts = Pick<Parts, 'store' | 'logger' | 'registry' | 'clock' | 'limits'>;

export class AlertJob {
  readonly #parts: AlertJobParts;
  readonly #settings: AlertSettings;
  readonly #metrics: AlertMetrics;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #evaluating: PacedLoop;
  /** Apart: a webhook that hangs holds up no alert. */
  readonly #sending: PacedLoop;
  /** Up to where SLOs were evaluated, by what they said: groups without events have no state that would tell. */
  readonly #evaluated = new Map<string, string>();

  constructor(parts: AlertJobParts, settings: Partial<AlertSettings> & Pick<AlertSettings, 'random'>) {
    this.#parts = parts;
    this.#settings = { ...DEFAULT_ALERTS, ...settings };
    this.#metrics = createAlertMetrics(parts.registry);
    this.#outbox = new Outbox(parts.store, this.#settings.settleMs);
    this.#sender = new Sender({ ...parts, metrics: this.#metrics }, this.#settings);
    const { everyMs, sendEveryMs } = this.#settings;
    this.#evaluating = this.#loop('evaluating alerts', everyMs, () => this.pass());
    this.#sending = this.#loop('sending notifications', sendEveryMs, () => this.send());
  }

  start(): void {
    this.#evaluating.start();
    this.#sending.start();
  }

  /** Gives up the tries under way, and waits for the passes. */
  async close(): Promise<void> {
    await Promise.all([this.#evaluating.close(), this.#sending.close()]);
  }

  /** Sends what is due. Returns how many notifications were sent. */
  send(): Promise<number> {
    return this.#sender.pass(this.#sending.signal);
  }

  /** Tells what is settled, then evaluates what is due. Returns how many states it meant to change. */
  async pass(): Promise<number> {
    const { store, logger } = this.#parts;
    const horizon = await readHorizon(store, { ...this.#settings, aliveMs: this.#parts.limits.instanceAliveMs });
    const slos = await countedSlos(store);
    const { alerts, serverNowMs } = await storedAlerts(store);
    const kept = alerts.map(keptAlert);
    this.#report(kept);
    await this.#outbox.tell(kept, slos, serverNowMs);
    let changes = 0;
    for (const slo of slos) {
      if (this.#evaluating.signal.aborted) return changes;
      try {
        changes += await this.#evaluate(slo, kept, horizon);
      } catch (error) {
        this.#metrics.failed();
        logger.warn({ err: error, tenant: slo.tenant, slo: slo.name }, 'alerts of an SLO could not be evaluated');
      }
    }
    const closed = closeOrphans(kept, slos, horizon.completeMinute, (item, alert) => this.#outbox.isTold(item, alert));
    await saveAlerts(store, closed);
    return changes + closed.length;
  }

  async #evaluate(slo: CountedSlo, all: readonly KeptAlert[], horizon: Horizon): Promise<number> {
    const { store, logger } = this.#parts;
    const kept = all.filter(alert => isOf(alert, slo) && isWatched(alert, [slo]));
    const plan = planOf(slo, kept, horizon);
    if (plan === undefined || !this.#isDue(slo, kept, horizon, plan)) return 0;
    const { fromMinute, earliestMinute, toMinute, isCounted } = plan;
    const cells = { tenant: slo.tenant, slo: slo.name, definition: slo.definition };
    const span = { fromMinute: earliestMinute - 1, toMinute };
    const shares = incompleteShares(await completenessOf(store, slo.tenant, span), slo.spec);
    const holdReasonsAt = (minute: number): HoldReason[] => {
      if (!isCounted || minute > horizon.completeMinute) return ['watermark'];
      return (shares.get(minute - 1) ?? 0) > MAX_INCOMPLETE_SHARE ? ['completeness'] : [];
    };
    const series = await alertSeries(store, cells, { fromMinute, toMinute });
    const isTold = this.#outbox.isTold.bind(this.#outbox);
    const { maxAlerts } = this.#settings;
    const { changes, leftOut } = evaluateSlo({
      slo,
      kept,
      series,
      earliestMinute,
      toMinute,
      holdReasonsAt,
      isTold,
      maxAlerts,
    });
    if (leftOut > 0) {
      logger.warn({ tenant: slo.tenant, slo: slo.name, leftOut }, 'too many groups: some have no alerts');
    }
    await saveAlerts(store, changes);
    this.#evaluated.set(nameOf(slo), evaluationOf(slo, plan));
    return changes.length;
  }

  /** The counts are read once a minute, however often it is looked. */
  #isDue(slo: CountedSlo, kept: readonly KeptAlert[], { completeMinute, isLate }: Horizon, plan: Plan): boolean {
    if (this.#evaluated.get(nameOf(slo)) !== evaluationOf(slo, plan)) return true;
    return kept.some(alert => {
      const { state, outbox } = alert;
      if (outbox.some(item => this.#outbox.isTold(item, alert))) return true;
      if (isQuiet(alert)) return false;
      const isBehind = (state.lastMinute ?? 0) < completeMinute && plan.isCounted;
      return isBehind || ((isLate || !plan.isCounted) && state.held === null);
    });
  }

  #report(kept: readonly KeptAlert[]): void {
    const counts = { pending: 0, firing: 0, resolved: 0 };
    for (const { state } of kept) if (state.status !== 'inactive') counts[state.status]++;
    this.#metrics.standing(counts, kept.filter(({ state }) => state.held !== null).length);
  }

  #loop(name: string, everyMs: number, pass: () => Promise<unknown>): PacedLoop {
    const { logger } = this.#parts;
    const { maxShare } = this.#settings;
    return new PacedLoop({
      name,
      pace: { everyMs, maxShare },
      logger,
      pass,
      onFailed: () => this.#metrics.failed(),
      onTook: () => {},
    });
  }
}

interface Plan {
  /** The first minute whose counts are needed. */
  readonly fromMinute: number;
  /** The first one that is evaluated. */
  readonly earliestMinute: number;
  readonly toMinute: number;
  readonly isCounted: boolean;
}

/** Undefined where there is nothing to evaluate: no conditions, or it has never been counted. */
function planOf(slo: CountedSlo, kept: readonly KeptAlert[], horizon: Horizon): Plan | undefined {
  const conditions = conditionsOf(slo);
  if (conditions.length === 0) return undefined;
  const { completeMinute, nowMinute, isLate } = horizon;
  // Where it is late, one more: that is the one which is said to wait.
  const toMinute = completeMinute === 0 ? nowMinute : completeMinute + Number(isLate);
  const firstOf = (minute: number) =>
    Math.min(
      ...conditions.map(({ objective, condition }) =>
        firstMinuteEvaluated({ slo: slo.spec, objective: slo.spec.objectives[objective], condition }, minute),
      ),
    );
  const isWholeSlo = slo.spec.groupBy.length === 0;
  const due = kept
    .filter(alert => isWholeSlo || !isQuiet(alert))
    .map(({ state }) => (state.lastMinute ?? toMinute - 1) + 1);
  const oldest = Math.max(
    due.reduce((a, b) => Math.min(a, b), toMinute),
    toMinute - MAX_MISSED_MINUTES + 1,
  );
  const judged = kept.flatMap(({ state }) => (state.status === 'firing' ? (state.lastJudgedMinute ?? []) : []));
  // What an alert fired on is looked at again when it ends; after an outage of days that is not worth its reading.
  const reviewed = Math.max(
    judged.reduce((a, b) => Math.min(a, b), oldest),
    toMinute - 2 * MAX_MISSED_MINUTES,
  );
  const fromMinute = firstOf(Math.min(oldest, reviewed));
  const counted = countedFrom(horizon, slo, fromMinute);
  if (counted === 'not begun' && kept.length === 0) return undefined;
  return { fromMinute, earliestMinute: oldest, toMinute, isCounted: counted === 'yes' };
}

function evaluationOf(slo: CountedSlo, { toMinute, isCounted }: Plan): string {
  return JSON.stringify([slo.definition, slo.countedSince, slo.spec, toMinute, isCounted]);
}

function isOf({ key }: KeptAlert, { tenant, name }: CountedSlo): boolean {
  return key.tenant === tenant && key.slo === name;
}

function nameOf({ tenant, name }: CountedSlo): string {
  return JSON.stringify([tenant, name]);
}
