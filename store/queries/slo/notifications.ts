/**
 * What is told of alerts, on its way to webhooks. Each step of a notification is a row of the next version, made from the
 * one before only if that is still the newest: of several processes one sends.
 */
import type { Store } from '../../types.js';
import { literal } from '../literal.js';

export type NotificationState = 'waiting' | 'sent' | 'given_up';

/** An alert tells each webhook of each kind once. */
export interface NotificationKey {
  readonly tenant: string;
  readonly alertId: string;
  readonly kind: string;
  readonly url: string;
}

export interface NewNotification extends NotificationKey {
  readonly slo: string;
  /** The target's name. */
  readonly target: string;
  /** In which it happened, since the epoch. */
  readonly minute: number;
  readonly payload: string;
}

export interface StoredNotification extends NewNotification {
  readonly version: number;
  readonly attempts: number;
  readonly isDue: boolean;
  /** Since it was made. */
  readonly ageMs: number;
}

const MAX_WAITING = 10_000;

const KEY = 'tenant, alert_id, kind, url';
const CONTENT = 'slo, target, minute, payload';
const COLUMNS = `${KEY}, version, ${CONTENT}, state, attempts, next_at, owner, created`;

/** Those that are there already stay as they are. */
export async function addNotifications(store: Store, notifications: readonly NewNotification[]): Promise<void> {
  for (const { tenant, alertId, kind, url, slo, target, minute, payload } of notifications) {
    const key = [tenant, alertId, kind, url].map(literal).join(', ');
    const texts = `${literal(slo)}, ${literal(target)}, ${Math.trunc(minute)}, ${literal(payload)}`;
    // A row that is further on its way has a higher version.
    await store.command(
      `INSERT INTO slo_notifications (${COLUMNS}) SELECT ${key}, 1, ${texts}, 'waiting', 0, now64(3), '', now64(3)`,
    );
  }
}

/** To whom something was told, or will be, of these alerts and with what payload. */
export async function toldOf(
  store: Store,
  tenant: string,
  kind: string,
  alertIds: readonly string[],
): Promise<NewNotification[]> {
  if (alertIds.length === 0) return [];
  const rows = await store.queryRows(
    `SELECT alert_id, url, ${CONTENT} FROM slo_notifications FINAL
     WHERE tenant = {tenant:String} AND kind = {kind:String} AND alert_id IN (${alertIds.map(literal).join(', ')})`,
    { tenant, kind },
  );
  return rows.map(([alertId, url, slo, target, minute, payload]) => ({
    tenant,
    kind,
    alertId: String(alertId),
    url: String(url),
    slo: String(slo),
    target: String(target),
    minute: Number(minute),
    payload: String(payload),
  }));
}

/** What is to be sent, due or not, what happened first first: so many of each webhook, so that none is in another's way. */
export async function waitingNotifications(store: Store, limitByUrl: number): Promise<StoredNotification[]> {
  const rows = await store.queryRows(
    `SELECT ${KEY}, version, ${CONTENT}, attempts, next_at <= now64(3), dateDiff('millisecond', created, now64(3))
     FROM slo_notifications FINAL WHERE state = 'waiting' ORDER BY minute, ${KEY}
     LIMIT {limitByUrl:UInt32} BY url LIMIT ${MAX_WAITING}`,
    { limitByUrl },
  );
  return rows.map(row => ({
    tenant: String(row[0]),
    alertId: String(row[1]),
    kind: String(row[2]),
    url: String(row[3]),
    version: Number(row[4]),
    slo: String(row[5]),
    target: String(row[6]),
    minute: Number(row[7]),
    payload: String(row[8]),
    attempts: Number(row[9]),
    isDue: Boolean(row[10]),
    ageMs: Number(row[11]),
  }));
}

/** Takes it for `leaseMs`: after that others try. Returns it as it is then, or undefined if somebody else has it. */
export async function claimNotification(
  store: Store,
  notification: StoredNotification,
  owner: string,
  leaseMs: number,
): Promise<StoredNotification | undefined> {
  await step(store, notification, { state: 'waiting', attempts: notification.attempts + 1, delayMs: leaseMs, owner });
  const rows = await store.queryRows(
    `SELECT version, owner FROM slo_notifications FINAL WHERE ${WHERE_KEY}`,
    parametersOf(notification),
  );
  const version = notification.version + 1;
  if (Number(rows[0]?.[0]) !== version || rows[0][1] !== owner) return undefined;
  return { ...notification, version, attempts: notification.attempts + 1 };
}

/** What became of a try: it is done with, or is tried again after `delayMs`. */
export async function settleNotification(
  store: Store,
  claimed: StoredNotification,
  state: NotificationState,
  delayMs: number,
): Promise<void> {
  await step(store, claimed, { state, attempts: claimed.attempts, delayMs, owner: '' });
}

const WHERE_KEY =
  'tenant = {tenant:String} AND alert_id = {alertId:String} AND kind = {kind:String} AND url = {url:String}';

function parametersOf({ tenant, alertId, kind, url }: NotificationKey) {
  return { tenant, alertId, kind, url };
}

interface Next {
  readonly state: NotificationState;
  readonly attempts: number;
  readonly delayMs: number;
  readonly owner: string;
}

async function step(store: Store, from: StoredNotification, { state, attempts, delayMs, owner }: Next): Promise<void> {
  await store.command(
    `INSERT INTO slo_notifications (${COLUMNS})
     SELECT ${KEY}, current.version + 1, ${CONTENT}, {state:String}, {attempts:UInt32},
            now64(3) + toIntervalMillisecond({delayMs:UInt32}), {owner:String}, created
     FROM slo_notifications AS current FINAL WHERE ${WHERE_KEY} AND current.version = {version:UInt64}`,
    { ...parametersOf(from), version: from.version, state, attempts, delayMs: Math.ceil(delayMs), owner },
  );
}
