/** What alerts tell Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AlertStatus } from '../math/index.js';

export type NotificationOutcome = 'sent' | 'failed' | 'given_up';

export interface AlertMetrics {
  /** By state; those that no row says anything of count as 0. */
  standing(counts: Readonly<Record<Exclude<AlertStatus, 'inactive'>, number>>, held: number): void;
  notified(outcome: NotificationOutcome): void;
  failed(): void;
}

export function createAlertMetrics(registry: Registry): AlertMetrics {
  const registers = [registry];
  const alerts = new Gauge({
    name: 'throughline_slo_alerts',
    help: 'Alerts by state: pending, firing, resolved; held counts those without a verdict now, whatever their state',
    labelNames: ['state'],
    registers,
  });
  const notifications = new Counter({
    name: 'throughline_slo_notifications_total',
    help: 'Tries to send a notification to a webhook, by outcome: sent, failed (tried again), given_up',
    labelNames: ['outcome'],
    registers,
  });
  const failures = new Counter({
    name: 'throughline_slo_alert_failures_total',
    help: 'Passes of evaluating alerts or of sending notifications that failed and were repeated',
    registers,
  });
  return {
    standing: (counts, held) => {
      for (const [state, count] of Object.entries({ ...counts, held })) alerts.set({ state }, count);
    },
    notified: outcome => notifications.inc({ outcome }),
    failed: () => failures.inc(),
  };
}
