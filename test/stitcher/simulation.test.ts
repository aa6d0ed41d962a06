import { describe, expect, test } from 'vitest';
import { computeTraces, type OracleTrace } from '../oracle/index.js';
import type { Row } from './memory-store.js';
import { planOf, simulate } from './simulation.js';

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 2_000);
const FIRST_SEED = Number(process.env.SIMULATION_FIRST_SEED ?? 1);
const GROUPS = 8;
/** Many times what a seed takes where nothing else runs. */
const TIMEOUT_MS = 60_000 + (SEEDS / GROUPS) * 500;

const zip = (names: unknown, ns: unknown) =>
  (names as unknown[]).map((name, i) => `${name}=${(ns as unknown[])[i]}`).sort();

/** Sections follow each other: where one begins is told by the lengths of those before. */
function pathOf(row: Row): string[] {
  const lengths = row.path_self_ns as bigint[];
  return (row.path_sections as string[]).map((section, i) => {
    const [kind, ...names] = JSON.parse(section) as string[];
    const offsetNs = lengths.slice(0, i).reduce((sum, ns) => sum + ns, 0n);
    return [kind, (row.path_span_id as string[])[i], ...names, offsetNs, lengths[i]].join(' ');
  });
}

/** A stored row as the oracle would write it. */
function written(row: Row) {
  return {
    spanCount: row.span_count,
    serviceCount: row.service_count,
    orphanCount: row.orphan_count,
    duplicateCount: row.duplicate_count,
    lateCount: row.late_span_count,
    tooLateCount: row.too_late_count,
    complete: row.complete === 1,
    hasRoot: row.has_root === 1,
    rootSpanId: row.root_span_id,
    root: [row.service, row.operation, row.environment],
    place: [row.locality, row.region, row.country],
    startNs: row.start,
    endNs: row.end,
    durationNs: row.duration_ns,
    error: row.error === 1,
    errorOrigin: [row.error_span_id, row.error_service, row.error_operation, row.error_tier],
    flags: [...(row.flags as string[])].sort(),
    tiers: zip(row.tier_names, row.tier_ns),
    services: JSON.parse(row.path_services as string),
    path: pathOf(row),
  };
}

function expected(trace: OracleTrace): ReturnType<typeof written> {
  return {
    spanCount: trace.spanCount,
    serviceCount: trace.serviceCount,
    orphanCount: trace.orphanCount,
    duplicateCount: trace.duplicateCount,
    lateCount: trace.lateCount,
    tooLateCount: trace.tooLateCount,
    complete: trace.complete,
    hasRoot: trace.hasRoot,
    rootSpanId: trace.rootSpanId,
    root: [trace.service, trace.operation, trace.environment],
    place: [trace.locality, trace.region, trace.country],
    startNs: trace.startNs,
    endNs: trace.endNs,
    durationNs: trace.durationNs,
    error: trace.error,
    errorOrigin: [trace.errorSpanId, trace.errorService, trace.errorOperation, trace.errorTier],
    flags: [...trace.flags].sort(),
    tiers: trace.tiers.map(({ tier, ns }) => `${tier}=${ns}`).sort(),
    services: trace.services.map(({ service }) => service).sort(),
    path: trace.path.map(section =>
      [
        section.kind,
        section.spanId,
        section.caller,
        section.service,
        section.operation,
        section.tier,
        section.offsetNs,
        section.selfNs,
      ].join(' '),
    ),
  };
}

async function check(seed: number): Promise<void> {
  const plan = planOf(seed);
  const { store, records, crashes } = await simulate(seed, plan);
  const oracle = computeTraces(records, plan.rules);
  const live = store.liveRevisions();
  const note = `seed ${seed} (${crashes} crashes)`;
  expect(live.map(row => row.trace_id).sort(), note).toEqual([...oracle.keys()].sort());
  for (const row of live) {
    const trace = oracle.get(String(row.trace_id));
    if (trace === undefined) throw new Error(`${note}: no such trace ${row.trace_id}`);
    expect(written(row), `${note}, trace ${row.trace_id}`).toEqual(expected(trace));
  }
}

describe('whatever happens on the way, the live rows are what the oracle computes from the log', () => {
  test.each(Array.from({ length: GROUPS }, (_, group) => group))(
    'seeds of group %i',
    async group => {
      for (let i = group; i < SEEDS; i += GROUPS) await check(FIRST_SEED + i);
    },
    TIMEOUT_MS,
  );
});
