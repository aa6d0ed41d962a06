/**
 * A report over a window: figures of every SLO from counts, details from traces as far as time allows, and what has
 * changed since the last report of the same window. What it means is in docs/slo.md.
 */
import { createHash } from 'node:crypto';
import type { ReportAnswer, SloReport } from '../../schemas/index.js';
import { type CountedSlo, lastReportOf, type MinuteSpan, type Store } from '../../store/index.js';
import { instantOf, minuteText } from '../slo/times.js';
import { changesBetween } from './changes.js';
import { readDetails } from './details.js';
import { type GroupsWindow, type ObjectiveGroups, readGroups } from './groups.js';
import { inOrder } from './in-order.js';
import { type ReportRestatements, readReportRestatements } from './report-restatements.js';
import { type ReportStateParts, readReportState } from './report-state.js';
import { slosOfReport } from './slos.js';

const MINUTE_MS = 60_000;
/** What one SLO may take of the time for details: one that is slow must not leave nothing for the others. */
const PART_MS = 10_000;
export const DEFAULT_DETAILS_MS = 30_000;

export interface ReportParts extends ReportStateParts {
  readonly tenant: string;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

export interface ReportRequest {
  readonly window: MinuteSpan;
  /** Names; empty for all. */
  readonly slos: readonly string[];
  /** Time for what is read from traces, of all SLOs together. */
  readonly detailsMs?: number;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

interface Part {
  readonly slo: CountedSlo;
  readonly objective: number;
  readonly figures: ObjectiveGroups;
}

/** Nothing is stored. Throws an ApiError for SLOs that are not there. */
export async function buildReport(parts: ReportParts, request: ReportRequest): Promise<ReportAnswer> {
  const { store, tenant, clock } = parts;
  const nowMs = clock();
  const { fromMinute, toMinute } = request.window;
  const atMinute = Math.max(fromMinute, Math.min(toMinute, Math.floor(nowMs / MINUTE_MS)));
  const window = { fromMinute, toMinute, atMinute };
  const slos = await slosOfReport(store, tenant, request.slos, Math.min(toMinute * MINUTE_MS, nowMs));
  const names = slos.map(({ name }) => name);
  // Before the counts: what is restated from now on counts as new in the next report.
  const state = await readReportState(parts, slos, window);
  const previous = await previousReport(store, tenant, window, names);
  const figures = await readFigures(store, slos, window, request);
  const sections = await readSections(parts, figures, window, previous?.created_at, request);
  const report = {
    window: { from: minuteText(fromMinute), to: minuteText(toMinute) },
    created_at: instantOf(state.createdAtMs),
    watermark: state.watermark,
    settled: state.settled,
    changes: previous === undefined ? [] : changesBetween(previous.slos, sections),
    previous_id: previous?.id ?? null,
    slos: sections,
  };
  return { id: idOf(tenant, report), ...report };
}

async function previousReport(store: Store, tenant: string, window: MinuteSpan, names: readonly string[]) {
  const document = await lastReportOf(store, tenant, window, names);
  return document === undefined ? undefined : (JSON.parse(document) as ReportAnswer);
}

async function readFigures(
  store: Store,
  slos: readonly CountedSlo[],
  window: GroupsWindow,
  { onProgress }: ReportRequest,
): Promise<Part[]> {
  let done = 0;
  const parts = await inOrder(slos, async slo => {
    const objectives = await readGroups(store, slo, window);
    onProgress?.(done++, 2 * slos.length, slo.name);
    return objectives.map((figures, objective) => ({ slo, objective, figures }));
  });
  return parts.flat();
}

/** Details first of those that have spent the most of their budget: for the last ones the time may be over. */
async function readSections(
  parts: ReportParts,
  figures: readonly Part[],
  window: GroupsWindow,
  previousAt: string | undefined,
  { detailsMs = DEFAULT_DETAILS_MS, onProgress }: ReportRequest,
): Promise<SloReport[]> {
  const endMs = performance.now() + detailsMs;
  const patienceMs = () => Math.min(PART_MS, endMs - performance.now());
  const remaining = ({ figures: { groups } }: Part) => groups[0].budget.remaining_ratio;
  const order = [...figures.keys()].sort((a, b) => remaining(figures[a]) - remaining(figures[b]));
  const restated = await inOrder(figures, ({ slo, objective }) =>
    readReportRestatements(parts.store, slo, objective, window, previousAt),
  );
  const sections: SloReport[] = [];
  // One after the other: side by side each would take longer, and more of them longer than they may.
  for (const [done, index] of order.entries()) {
    const part = figures[index];
    onProgress?.(figures.length + done, 2 * figures.length, part.slo.name);
    sections[index] = await readSection(parts, part, window, restated[index], patienceMs);
  }
  return sections;
}

async function readSection(
  parts: ReportParts,
  { slo, objective, figures }: Part,
  window: GroupsWindow,
  restated: ReportRestatements,
  patienceMs: () => number,
): Promise<SloReport> {
  const { groups, note } = figures;
  const [{ total, bad }] = groups;
  const details = await readDetails(parts, { slo, objective, window, total, bad }, patienceMs);
  const { displayName, targetPpm } = slo.spec.objectives[objective];
  const ofObjective = slo.spec.objectives.length > 1 && displayName !== '' ? `: ${displayName}` : '';
  return {
    name: slo.name,
    objective,
    display_name: `${slo.spec.displayName || slo.name}${ofObjective}`,
    description: slo.spec.description,
    definition: slo.definition,
    objective_ppm: targetPpm,
    groups: [...groups],
    blame: [...details.blame],
    slowest: [...details.slowest],
    failed: [...details.failed],
    restatements: restated.restatements,
    notes: [note, ...details.notes, restated.note].filter(text => text !== undefined),
  };
}

/** The same figures at the same watermark are the same report, whenever it is made. */
function idOf(
  tenant: string,
  { window, watermark, slos }: Pick<ReportAnswer, 'window' | 'watermark' | 'slos'>,
): string {
  const figures = slos.map(({ name, objective, definition, objective_ppm, groups, notes }) => {
    return [name, objective, definition, objective_ppm, groups, notes];
  });
  const text = JSON.stringify([tenant, window, watermark, figures]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
