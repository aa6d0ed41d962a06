/**
 * The body of a webhook, as Alertmanager sends it (its documentation, webhook_config, version 4), one alert each.
 *
 * `fingerprint` and `startsAt` together name an alert: sent twice, both are the same, so that receivers can tell.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { OutboxItem } from './kept-alert.js';

/** What Alertmanager, written in Go, sends for "not yet". */
const NO_TIME = '0001-01-01T00:00:00Z';

const Texts = z.record(z.string(), z.string());

/** What of an earlier body the one that ends it repeats. */
const Begun = z.object({ alerts: z.tuple([z.object({ labels: Texts, startsAt: z.string() })]) });

export interface Beginning {
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
}

export function beginningOf(payload: string): Beginning {
  return Begun.parse(JSON.parse(payload)).alerts[0];
}

/** `began`: of the one that this ends; null where it begins. */
export function webhookBody(item: OutboxItem, receiver: string, began: Beginning | null): string {
  const at = timeOf(item.minute);
  const { labels, startsAt } = began ?? { labels: item.labels, startsAt: at };
  const status = began === null ? 'firing' : 'resolved';
  const { alertname, slo } = labels;
  const alert = {
    status,
    labels,
    annotations: item.annotations,
    startsAt,
    endsAt: began === null ? NO_TIME : at,
    generatorURL: '',
    fingerprint: fingerprintOf(labels),
  };
  return JSON.stringify({
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(alertname)}, slo=${JSON.stringify(slo)}}`,
    truncatedAlerts: 0,
    status,
    receiver,
    groupLabels: { alertname, slo },
    commonLabels: labels,
    commonAnnotations: item.annotations,
    externalURL: '',
    alerts: [alert],
  });
}

/** 16 hexadecimal digits, of the labels in any order. */
export function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}

function timeOf(minute: number): string {
  return new Date(minute * 60_000).toISOString().replace('.000Z', 'Z');
}
