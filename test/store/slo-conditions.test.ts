/** Random definitions over random traces: the SQL counts what the oracle counts. Every text of it may be hostile. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GoodCondition, GroupDimension, SloDefinition, TraceSelection } from '../../schemas/index.js';
import type { CountedSlo, Store } from '../../store/index.js';
import { computedCells, WHOLE_MINUTE } from '../../store/queries/slo/computed.js';
import {
  insertRevisions,
  insertSpans,
  type Revision,
  servicesText,
  spanId,
  traceId,
} from '../analytics/support/rows.js';
import { sloDefinition, sortedMap } from '../analytics/support/slos.js';
import { startStore } from '../analytics/support/store.js';
import { type JudgedTrace, type OracleCounts, oracleSloCounts } from '../oracle/slo-counts.js';
import { seededRandom } from '../support/random.js';

const START = Date.UTC(2026, 10, 24, 10, 0, 0);
const HOSTILE = ["it's", 'back\\slash', '{x:String}', '"quoted"/\n\ttab', 'Zürich 🏦', "') OR 1=1 --", '', 'plain'];
const PLACES = [
  ['New York', 'US-NY', 'US'],
  ['', 'GB-LND', 'GB'],
  ['', '', 'DE'],
  ['', '', ''],
  ["L'Aquila", 'IT-65', 'IT'],
] as const;
const TIERS = ['edge', 'app', "da'ta"];

let store: Store;
const judged: JudgedTrace[] = [];

beforeAll(async () => {
  store = await startStore();
  const random = seededRandom(20_261_124);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)];
  const revisions: Revision[] = [];
  const spans = [];
  for (let number = 1; number <= 300; number++) {
    const place = pick(PLACES);
    const tiers = TIERS.filter(() => random() < 0.6).map(tier => ({
      tier,
      ns: BigInt(Math.floor(random() * 5)) * 100_000_000n,
    }));
    const services = HOSTILE.filter(() => random() < 0.3).map(service => ({ service }));
    const hasRoot = random() < 0.8;
    const own: Record<string, string> = random() < 0.6 ? { [pick(HOSTILE)]: pick(HOSTILE) } : {};
    const resource: Record<string, string> = random() < 0.6 ? { [pick(HOSTILE)]: pick(HOSTILE) } : {};
    const revision = {
      traceId: traceId(number),
      endMs: START + Math.floor(random() * 180_000),
      durationMs: pick([100, 200, 300, 400]),
      place,
      service: pick(HOSTILE),
      operation: pick(HOSTILE),
      environment: pick(['prod', 'test']),
      error: random() < 0.2,
      hasRoot,
      complete: hasRoot && random() < 0.8,
    };
    const more = {
      tier_names: tiers.map(({ tier }) => tier),
      tier_ns: tiers.map(({ ns }) => ns),
      path_services: servicesText(services.map(({ service }) => service)),
      root_span_id: hasRoot ? spanId(number) : '',
    };
    // An older revision, and for some a tombstone: neither counts.
    const isGone = random() < 0.1;
    revisions.push({ ...revision, durationMs: 1, error: true, more }, { ...revision, spans: 2, more });
    if (isGone) revisions.push({ ...revision, spans: 3, isDeleted: true, more });
    const span = { traceId: traceId(number), startMs: revision.endMs, service: 'x' };
    spans.push({ ...span, spanId: spanId(number), attributes: { [pick(HOSTILE)]: 'of an older copy' } });
    spans.push({ ...span, spanId: spanId(number), attributes: own, resource, version: 2 });
    spans.push({ ...span, spanId: spanId(9_999), parentSpanId: spanId(number), attributes: { plain: 'plain' } });
    const [locality, region, country] = place;
    if (isGone) continue;
    judged.push({
      ...revision,
      durationNs: BigInt(revision.durationMs) * 1_000_000n,
      endNs: BigInt(revision.endMs) * 1_000_000n,
      locality,
      region,
      country,
      tiers,
      services,
      attribute: key => own[key] ?? resource[key],
    });
  }
  await insertRevisions(store, revisions);
  await insertSpans(store, spans);
}, 60_000);
afterAll(() => store?.close());

const text = fc.constantFrom(...HOSTILE);
/** ClickHouse does not find '' among low-cardinality keys; no document can ask for it. */
const key = text.filter(name => name !== '');
const some = (of: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.uniqueArray(of, { minLength: 1, maxLength: 3 }) },
  );
const SELECTION: fc.Arbitrary<TraceSelection> = fc.record({
  services: some(text),
  operations: some(text),
  environments: some(fc.constantFrom('prod', 'test')),
  locations: some(fc.constantFrom('new york', 'us-ny', 'gb', 'de', "l'aquila")),
  attributes: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.record({ key, values: fc.uniqueArray(text, { minLength: 1, maxLength: 4 }) }), {
        minLength: 1,
        maxLength: 2,
      }),
    },
  ),
  pathTiers: some(fc.constantFrom(...TIERS)),
  pathServices: some(text),
});
const GOOD: fc.Arbitrary<GoodCondition> = fc.record({
  durations: fc.array(
    fc.record({
      tier: fc.option(fc.constantFrom(...TIERS, 'none'), { nil: null }),
      op: fc.constantFrom('lt' as const, 'lte' as const, 'gt' as const, 'gte' as const),
      ns: fc.constantFrom('0', '200000000', '300000000', '18446744073709551615'),
    }),
    { maxLength: 2 },
  ),
  noError: fc.boolean(),
  within: fc.option(SELECTION, { nil: null }),
  isNegated: fc.boolean(),
});
const DIMENSIONS: GroupDimension[] = [
  'location',
  'locality',
  'region',
  'country',
  'service',
  'operation',
  'environment',
];
const DEFINITION: fc.Arbitrary<SloDefinition> = fc
  .tuple(SELECTION, fc.subarray(DIMENSIONS), fc.array(GOOD, { minLength: 1, maxLength: 3 }), text)
  .map(([selection, groupBy, goods, name]) => sloDefinition({ name, selection, groupBy }, ...goods));

async function counted(slos: readonly SloDefinition[]): Promise<Map<string, OracleCounts>[]> {
  const chunk = {
    tenant: 'default',
    minutes: [0, 1, 2].map(minute => START / 1_000 + minute * 60),
    slos: slos.map(
      (spec): CountedSlo => ({ tenant: 'default', name: spec.name, definition: 'x', spec, countedSince: 1 }),
    ),
  };
  const rows = await store.queryRows(
    `SELECT slo, objective, intDiv(toUnixTimestamp(minute), 60), group_key, good, bad, unknown FROM ${computedCells(store, chunk)}`,
  );
  const cells = slos.map(() => new Map<string, OracleCounts>());
  for (const [slo, objective, minute, group, good, bad, unknown] of rows) {
    if (slo === WHOLE_MINUTE) continue;
    // Written as JSON.stringify would: whoever asks for a group in SQL need not know who wrote it.
    expect(JSON.stringify(JSON.parse(String(group)))).toBe(group);
    const key = JSON.stringify([objective, Number(minute), JSON.parse(String(group))]);
    cells[Number(slo)].set(key, { good: Number(good), bad: Number(bad), unknown: Number(unknown) });
  }
  return cells;
}

describe('many definitions in one statement', () => {
  test('count what the oracle counts, each for itself', async () => {
    let total = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(DEFINITION, { minLength: 1, maxLength: 8 }), async slos => {
        const cells = await counted(slos);
        slos.forEach((slo, index) => {
          const expected = oracleSloCounts(judged, slo);
          total += expected.size;
          expect(sortedMap(cells[index]), JSON.stringify(slo)).toEqual(sortedMap(expected));
        });
      }),
      { numRuns: 40 },
    );
    expect(total).toBeGreaterThan(1_000);
  }, 300_000);

  test('are refused where a number of nanoseconds is none', async () => {
    const bad = sloDefinition(
      {},
      {
        durations: [{ tier: null, op: 'lt', ns: '1 OR 1' }],
        noError: false,
        within: null,
        isNegated: false,
      },
    );
    await expect(counted([bad])).rejects.toThrow(/not a number of nanoseconds/);
  });
});
