/** GET /api/v1/alerts: the present or last alert of each condition and group. */
import { z } from 'zod';
import { type Alert, AlertsAnswer, shorthandText } from '../../../schemas/index.js';
import { type StoredAlert, storedAlerts } from '../../../store/index.js';
import { type Route, route } from '../../routes.js';
import type { Parts } from '../../settings.js';
import { type KeptAlert, keptAlert } from './kept-alert.js';
import { groupOf } from './wording.js';

/** In this order they are listed. */
const STATES = ['firing', 'pending', 'resolved'] as const;

const AlertsParameters = z.strictObject({
  state: z
    .enum(STATES, { error: `give one of ${STATES.join(', ')}` })
    .optional()
    .describe('Only alerts in this state.'),
  slo: z.string({ error: 'give one name' }).max(512).optional().describe('Only alerts of the SLO of this name.'),
});
type AlertsParameters = z.output<typeof AlertsParameters>;

export function alertRoutes(parts: Parts): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/alerts',
      operationId: 'alerts',
      summary: 'Alerts that are pending or firing, and of the others the last one that is over.',
      query: AlertsParameters,
      answers: { 'application/json': AlertsAnswer },
      errors: [],
      handle: async ({ query }) => ({ body: await answerAlerts(parts, query) }),
    }),
  ];
}

async function answerAlerts({ store, tenant }: Parts, { state, slo }: AlertsParameters): Promise<AlertsAnswer> {
  const { alerts } = await storedAlerts(store, tenant);
  const wanted = alerts.filter(alert => slo === undefined || alert.slo === slo).flatMap(row => alertOf(row) ?? []);
  return {
    alerts: STATES.flatMap(each => {
      if (state !== undefined && state !== each) return [];
      return wanted.filter(alert => alert.state === each).sort((a, b) => (a.since < b.since ? 1 : -1));
    }),
  };
}

function alertOf(row: StoredAlert): Alert | undefined {
  const alert = keptAlert(row);
  const { key, state, severity } = alert;
  if (state.status === 'inactive' || state.alertId === null || state.beganMinute === null) return undefined;
  return {
    id: state.alertId,
    slo: key.slo,
    rule: key.rule,
    condition: key.condition,
    severity,
    objective: key.objective,
    key: groupOf(key),
    state: state.status,
    since: timeOf(state.beganMinute),
    fired_at: timeOrNull(state.firedMinute),
    resolved_at: timeOrNull(state.resolvedMinute),
    burn_rates: burnRatesOf(alert),
    held: state.held?.reasons.join(', ') ?? '',
  };
}

function burnRatesOf({ figures }: KeptAlert): Alert['burn_rates'] {
  if (figures === null) return [];
  return [
    { window: shorthandText(figures.longMinutes), rate: figures.longRate },
    { window: shorthandText(figures.shortMinutes), rate: figures.shortRate },
  ];
}

function timeOf(minute: number): string {
  return new Date(minute * 60_000).toISOString();
}

function timeOrNull(minute: number | null): string | null {
  return minute === null ? null : timeOf(minute);
}
