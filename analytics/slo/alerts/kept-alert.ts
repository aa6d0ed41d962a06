/** A row of `slo_alerts` as this room works with it. */
import type { AlertChange, AlertKey, StoredAlert } from '../../../store/index.js';
import { type AlertFigures, type AlertState, NEW_ALERT, type NotificationKind } from '../math/index.js';

/** What has yet to be put among the notifications, as text that is final. */
export interface OutboxItem {
  readonly kind: NotificationKind;
  readonly alertId: string;
  readonly minute: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** At the last verdict. */
export interface KeptFigures extends AlertFigures {
  /** What the rule wanted when it was last seen. */
  readonly notifyResolved: boolean;
}

export interface KeptAlert {
  readonly key: AlertKey;
  /** 0: not stored yet. */
  readonly version: number;
  readonly atMs: number;
  readonly severity: string;
  readonly state: AlertState;
  readonly figures: KeptFigures | null;
  readonly outbox: readonly OutboxItem[];
}

/** Versions of a minute: more than it is ever written again. */
const VERSIONS_PER_MINUTE = 2 ** 20;

/** Throws where the row is of a program that writes it otherwise: nothing may be built on what is not understood. */
export function keptAlert(row: StoredAlert): KeptAlert {
  const { tenant, slo, objective, rule, condition, groupKey, version, atMs, severity } = row;
  return {
    key: { tenant, slo, objective, rule, condition, groupKey },
    version,
    atMs,
    severity,
    state: JSON.parse(row.state) as AlertState,
    figures: JSON.parse(row.figures) as KeptFigures | null,
    outbox: JSON.parse(row.outbox) as OutboxItem[],
  };
}

export function newAlert(key: AlertKey, severity: string, lastMinute: number | null): KeptAlert {
  return { key, version: 0, atMs: 0, severity, state: { ...NEW_ALERT, lastMinute }, figures: null, outbox: [] };
}

export type AlertContent = Pick<KeptAlert, 'severity' | 'state' | 'figures' | 'outbox'>;

/** Undefined where nothing has changed. The same content after the same row is the same change, whoever writes it. */
export function changeOf(
  before: KeptAlert,
  { severity, state, figures, outbox }: AlertContent,
): AlertChange | undefined {
  const texts = { state: JSON.stringify(state), figures: JSON.stringify(figures), outbox: JSON.stringify(outbox) };
  const isSame =
    before.version > 0 &&
    severity === before.severity &&
    texts.state === JSON.stringify(before.state) &&
    texts.figures === JSON.stringify(before.figures) &&
    texts.outbox === JSON.stringify(before.outbox);
  if (isSame) return undefined;
  return {
    ...before.key,
    version: Math.max(before.version + 1, (state.lastMinute ?? 0) * VERSIONS_PER_MINUTE),
    follows: before.version,
    status: state.status,
    severity,
    alertId: state.alertId ?? '',
    sinceMinute: state.beganMinute,
    firedMinute: state.firedMinute,
    resolvedMinute: state.resolvedMinute,
    held: state.held?.reasons.join(', ') ?? '',
    lastMinute: state.lastMinute,
    ...texts,
  };
}

export function keyTextOf({ tenant, slo, objective, rule, condition, groupKey }: AlertKey): string {
  return JSON.stringify([tenant, slo, objective, rule, condition, groupKey]);
}
