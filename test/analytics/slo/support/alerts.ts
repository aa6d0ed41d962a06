/** What tests of alerts share: counts of a known burn, how far things are said to have come, and a webhook. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { AlertJob, type AlertSettings } from '../../../../analytics/slo/alert-job.js';
import { type AlertRule, type BurnCondition, countingHash, type SloDefinition } from '../../../../schemas/index.js';
import { type Store, saveSloBackfills, writeProgress } from '../../../../store/index.js';
import { literal } from '../../support/rows.js';
import { putSlo, sloDefinition } from '../../support/slos.js';

export const ALERT_TABLES = [
  'slo_alerts',
  'slo_notifications',
  'slo_rollup',
  'slo_documents',
  'latency_rollup',
  'progress',
];

/** The SRE Workbook's, for 30 days. */
export const WORKBOOK = [
  ['page-1h', 14_400, 60, 5],
  ['page-6h', 6_000, 360, 30],
  ['ticket-1d', 3_000, 1_440, 120],
  ['ticket-3d', 1_000, 4_320, 360],
] as const;

export function condition(
  name: string,
  factorPerMille: number,
  longMinutes: number,
  shortMinutes: number,
): BurnCondition {
  const rest = { severity: name.split('-')[0], op: 'gt' as const, pendingMinutes: 0, minimumEvents: 10 };
  return { name, factorPerMille, longMinutes, shortMinutes, ...rest };
}

export function alertingSlo(
  url: string,
  more: Partial<SloDefinition> = {},
  rule: Partial<AlertRule> = {},
): SloDefinition {
  const definition = sloDefinition(more);
  const alerts: AlertRule[] = [
    {
      name: 'error-budget',
      displayName: 'Error budget',
      conditions: WORKBOOK.map(([name, factor, long, short]) => condition(name, factor, long, short)),
      targets: [{ name: 'pager', url }],
      notifyResolved: true,
      notifyNoData: false,
      ...rule,
    },
  ];
  const objectives = definition.objectives.map(each => ({ ...each, targetPpm: 999_000 }));
  return { ...definition, objectives, alerts };
}

/** It is counted, as far back as there is anything. */
export async function putCounted(store: Store, definition: SloDefinition): Promise<void> {
  const since = await putSlo(store, definition);
  const counted = { minutesTotal: 0, minutesLeft: 0, isDone: true, note: '', job: 'test', reachedMinute: 0 };
  const key = { tenant: 'default', slo: definition.name, definition: countingHash(definition) };
  await saveSloBackfills(store, [{ ...key, since, ...counted }]);
}

export interface Burn {
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly good: number;
  readonly bad: number;
  readonly groupKey?: string;
  /** Later counts of a minute have more. */
  readonly seen?: number;
}

/** The same counts in each of the minutes. */
export async function count(store: Store, definition: SloDefinition, burn: Burn): Promise<void> {
  const { fromMinute, toMinute, good, bad, groupKey = '{}', seen = 1 } = burn;
  await store.command(
    `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, late_spans, received)
     SELECT 'default', ${literal(definition.name)}, ${literal(countingHash(definition))}, 0, toDateTime(60 * (${fromMinute} + number)),
            ${literal(groupKey)}, ${seen}, 0, ${good + bad}, ${good}, ${bad}, 0, 0, now()
     FROM numbers(${toMinute - fromMinute})`,
  );
}

/** All events before that minute are stored, counted and rolled up. */
export async function completeTo(store: Store, minute: number): Promise<void> {
  const ms = minute * 60_000;
  const stitcher = {
    partitions: { 0: 1 },
    watermark_ms: ms,
    open_traces: 0,
    pending: 0,
    audited: true,
    last_trace_row_ms: ms,
  };
  await writeProgress(store, 'stitcher', 'stitcher', JSON.stringify(stitcher));
  for (const name of ['slo', 'rollup']) {
    await writeProgress(store, name, name, JSON.stringify({ covered_ms: ms, resume_ms: ms }));
  }
}

export function alertJob(store: Store, settings: Partial<AlertSettings> = {}, log?: string[]): AlertJob {
  const logger =
    log === undefined ? pino({ level: 'silent' }) : pino({ level: 'trace' }, { write: line => log.push(line) });
  const limits = { exactTraces: 1, spansPerAnswer: 1, instanceAliveMs: 600_000, progressMaxAgeMs: 0 };
  const parts = { store, logger, registry: new Registry(), clock: Date.now, limits };
  const quick = {
    settleMs: 0,
    graceMs: 0,
    patienceMinutes: 1e9,
    timeoutMs: 150,
    leaseMs: 400,
    retryMs: 1,
    maxRetryMs: 2,
  };
  return new AlertJob(parts, { ...quick, random: () => 0.5, ...settings });
}

export type Behaviour = 'ok' | 'error' | 'hang' | 'cut' | 'redirect' | 'flood';

/** As the receiver saw it: only what it answered with 200 counts as told. */
export interface Told {
  readonly id: string;
  readonly kind: string;
  readonly condition: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly fingerprint: string;
  readonly body: WebhookBody;
}

export interface WebhookBody {
  readonly version: string;
  readonly status: string;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly fingerprint: string;
  }[];
}

export class Webhook {
  readonly told: Told[] = [];
  readonly asked: { readonly url: string; readonly authorization: string }[] = [];
  /** Of the next requests; then ok. */
  behaviours: Behaviour[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<this> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** What was told, once each, as `kind condition`, and by minutes since one. */
  distinct(): Told[] {
    return [...new Map(this.told.map(each => [`${each.kind} ${each.id}`, each])).values()];
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    this.asked.push({ url: request.url ?? '', authorization: request.headers.authorization ?? '' });
    switch (this.behaviours.shift() ?? 'ok') {
      case 'hang':
        return;
      case 'cut':
        request.socket.destroy();
        return;
      case 'error':
        response.writeHead(500).end('no');
        return;
      case 'redirect':
        response.writeHead(302, { location: this.url }).end();
        return;
      case 'flood':
        response.writeHead(200);
        for (let part = 0; part < 100 && !response.destroyed; part++) response.write(Buffer.alloc(1e6));
        response.end();
        break;
      case 'ok':
        response.writeHead(200).end('{}');
    }
    const body = JSON.parse(text) as WebhookBody;
    const [{ status, labels, annotations, startsAt, endsAt, fingerprint }] = body.alerts;
    const { alert_id: id } = annotations;
    const suffix = labels.alertname.endsWith(' (no data)') ? ' (no data)' : '';
    this.told.push({
      id,
      kind: status,
      condition: `${labels.condition}${suffix}`,
      startsAt,
      endsAt,
      fingerprint,
      body,
    });
  }
}

/** Evaluates and sends until nothing more happens and nothing waits to be sent. */
export async function settle(store: Store, ...jobs: readonly AlertJob[]): Promise<void> {
  for (let quiet = 0; quiet < 2; ) {
    let done = 0;
    for (const job of jobs) done += (await job.pass()) + (await job.send());
    const [[waiting]] = await store.queryRows("SELECT count() FROM slo_notifications FINAL WHERE state = 'waiting'");
    const isQuiet = done === 0 && Number(waiting) === 0;
    quiet = isQuiet ? quiet + 1 : 0;
  }
}
