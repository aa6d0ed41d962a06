/**
 * Puts what states have to tell among the notifications, one for each webhook of the rule.
 *
 * A state and its outbox are one row, and only rows that have stood for some seconds are believed, so that of two
 * evaluators at the same instant one is heard. What is put twice is the same. An item stays in the outbox until it is
 * among the notifications for certain; so a crash between any two steps neither loses nor invents one.
 */
import type { AlertRule } from '../../../schemas/index.js';
import { addNotifications, type CountedSlo, type NewNotification, type Store, toldOf } from '../../../store/index.js';
import type { NotificationKind } from '../math/index.js';
import type { KeptAlert, OutboxItem } from './kept-alert.js';
import { beginningOf, webhookBody } from './webhook.js';

/** Of a kind that ends something: what it ends. Told to those that were told of the beginning, under the same labels. */
const ENDS: Partial<Record<NotificationKind, NotificationKind>> = { resolved: 'firing', data: 'no_data' };

export class Outbox {
  readonly #store: Store;
  readonly #settleMs: number;
  /** What this process has put already and is in an outbox still. */
  #told = new Set<string>();

  constructor(store: Store, settleMs: number) {
    this.#store = store;
    this.#settleMs = settleMs;
  }

  /** Whether it is among the notifications for certain. */
  isTold(item: OutboxItem, { key }: Pick<KeptAlert, 'key'>): boolean {
    return this.#told.has(nameOf(item, key.tenant));
  }

  /** `nowMs` is the store's clock when the alerts were read. Returns how many items it put. */
  async tell(alerts: readonly KeptAlert[], slos: readonly CountedSlo[], nowMs: number): Promise<number> {
    const waiting = alerts.filter(({ outbox }) => outbox.length > 0);
    const names = new Set(waiting.flatMap(({ outbox, key }) => outbox.map(item => nameOf(item, key.tenant))));
    this.#told = new Set([...this.#told].filter(name => names.has(name)));
    let put = 0;
    for (const alert of waiting) {
      if (alert.atMs > nowMs - this.#settleMs) continue;
      const rule = ruleOf(alert, slos);
      // In their order: what ends something looks for what began it.
      for (const item of alert.outbox) {
        if (this.isTold(item, alert)) continue;
        await addNotifications(this.#store, await this.#notificationsOf(alert, item, rule));
        this.#told.add(nameOf(item, alert.key.tenant));
        put++;
      }
    }
    return put;
  }

  async #notificationsOf(
    { key }: KeptAlert,
    item: OutboxItem,
    rule: AlertRule | undefined,
  ): Promise<NewNotification[]> {
    const { tenant, slo } = key;
    const { alertId, kind, minute } = item;
    const notification = { tenant, alertId, kind, slo, minute };
    const begins = ENDS[kind];
    if (begins === undefined) {
      const targets = (rule?.targets ?? []).filter(({ url }) => url !== '');
      return targets.map(({ name, url }) => {
        return { ...notification, url, target: name, payload: webhookBody(item, name, null) };
      });
    }
    const told = await toldOf(this.#store, tenant, begins, [alertId]);
    return told.map(({ url, target, payload }) => {
      return { ...notification, url, target, payload: webhookBody(item, target, beginningOf(payload)) };
    });
  }
}

function ruleOf({ key }: KeptAlert, slos: readonly CountedSlo[]): AlertRule | undefined {
  const slo = slos.find(({ tenant, name }) => tenant === key.tenant && name === key.slo);
  return slo?.spec.alerts.find(({ name }) => name === key.rule);
}

function nameOf({ alertId, kind }: OutboxItem, tenant: string): string {
  return JSON.stringify([tenant, alertId, kind]);
}
