/**
 * A real fault, recorded: network delays in front of one service (../shared/data/traces/faults.json). Whoever calls that
 * service gets slower, so a plain critical path blames the callers; the link into the service is what is to blame.
 */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerBlame } from '../../../analytics/slo/blame.js';
import type { BlameShare, SloBlameAnswer, SloDefinition } from '../../../schemas/index.js';
import { openStore, type Store } from '../../../store/index.js';
import {
  computeTraces,
  DEFAULT_ORACLE_RULES,
  type OracleTrace,
  quantileExact,
  readOtlpLines,
} from '../../oracle/index.js';
import { oracleBlame } from '../../oracle/slo-blame.js';
import { Throughline } from '../../support/throughline.js';
import { definitionOf, insertCounts } from './support/blame-rows.js';

const FILES = ['onlineboutique', 'onlineboutique-delays'].map(name => `../shared/data/traces/${name}.otlp.jsonl.gz`);
const DEFAULT_LIMITS = { minTraces: 30, enoughTraces: 5_000, maxMinutes: 1_440 };

let throughline: Throughline;
let store: Store;
let traces: OracleTrace[];

beforeAll(async () => {
  throughline = await Throughline.start();
  for (const file of FILES) {
    const { code, stdout, stderr } = await throughline.run('replay', file);
    expect(code, stderr + stdout).toBe(0);
  }
  let offset = 0;
  const records = FILES.flatMap(file =>
    [...readOtlpLines(file)].map(request => ({ partition: 0, offset: offset++, appendTimeMs: 0, request })),
  );
  traces = [...computeTraces(records, DEFAULT_ORACLE_RULES).values()];
  store = openStore({
    url: throughline.clickhouse,
    ...throughline.clickhouseLogin,
    database: 'throughline',
    logger: pino({ level: 'silent' }),
  });
  await throughline.settled(120_000);
}, 240_000);

afterAll(async () => {
  await store?.close();
  await throughline?.destroy();
});

/** `12:36` on the day of the faults. */
const at = (time: string) => Date.parse(`2022-08-23T${time}:00Z`);

function endingIn(from: number, to: number): OracleTrace[] {
  return traces.filter(({ endNs }) => Number(endNs / 1_000_000n) >= from && Number(endNs / 1_000_000n) < to);
}

/** "No slower than that part of the requests of the healthy minute". */
async function countedSlo(quantile: number): Promise<SloDefinition> {
  const healthy = endingIn(at('16:59'), at('17:01')).filter(trace => trace.hasRoot);
  const durations = healthy.map(({ durationNs }) => durationNs).sort((a, b) => (a < b ? -1 : 1));
  const ns = String(quantileExact(durations, quantile));
  const name = `p${quantile * 100}`;
  const good = { durations: [{ tier: null, op: 'lte' as const, ns }] };
  const definition = definitionOf(good, { name }, Math.round(quantile * 1e6) - 10_000);
  await insertCounts(store, traces, definition, 0);
  return definition;
}

const counted = new Map<number, Promise<SloDefinition>>();

function sloOf(quantile: number): Promise<SloDefinition> {
  const slo = counted.get(quantile) ?? countedSlo(quantile);
  counted.set(quantile, slo);
  return slo;
}

async function blame(definition: SloDefinition, from: string, to: string): Promise<SloBlameAnswer> {
  const question = { fromMs: at(from), toMs: at(to) };
  const answer = await answerBlame({ store, tenant: 'default' }, definition, 0, question);
  const { name, window, ...figures } = answer;
  expect(figures).toEqual(oracleBlame(traces, { definition, objective: 0, ...question }, DEFAULT_LIMITS));
  return answer;
}

function portions({ shares }: SloBlameAnswer, isMeant: (share: BlameShare) => boolean) {
  const sum = (of: readonly BlameShare[], what: 'events' | 'excess_ms') =>
    of.reduce((total, each) => total + each[what], 0);
  const meant = shares.filter(isMeant);
  return {
    events: sum(meant, 'events') / sum(shares, 'events'),
    excess: sum(meant, 'excess_ms') / sum(shares, 'excess_ms'),
  };
}

const CASES = [
  ...[0.5, 0.75, 0.95, 0.99].flatMap(quantile =>
    [
      ['13:36', '13:38'],
      ['13:37', '13:38'],
      ['13:38', '13:39'],
    ].map(([from, to]) => ({ service: 'currencyservice', quantile, from, to })),
  ),
  ...[0.5, 0.75].flatMap(quantile =>
    [
      ['12:36', '12:38'],
      ['12:37', '12:38'],
    ].map(([from, to]) => ({ service: 'cartservice', quantile, from, to })),
  ),
];

describe('a recorded network delay', () => {
  const table: string[] = [];

  test.each(CASES)(
    'in front of $service at $from: the links into it are to blame, SLO p$quantile',
    async ({ service, quantile, from, to }) => {
      const answer = await blame(await sloOf(quantile), from, to);
      const [top] = answer.shares;
      const links = portions(answer, share => share.kind === 'link' && share.service === service);
      const percent = (ratio: number) => `${(100 * ratio).toFixed(1)} %`.padStart(8);
      table.push(
        `${from} p${100 * quantile}`.padEnd(10) +
          `${answer.bad} bad, top: ${top.caller} → ${top.service} ${percent(top.share)}; links into ${service}: ` +
          `${percent(links.events)} of events, ${percent(links.excess)} of excess`,
      );
      expect([top.kind, top.service]).toEqual(['link', service]);
      expect(links.events).toBeGreaterThan(0.5);
      expect(links.excess).toBeGreaterThan(0.5);
    },
  );

  afterAll(() => console.log(table.join('\n')));
});
