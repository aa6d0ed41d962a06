/** GET /api/v1/latency: what users experience in a window, by group, exact or with an error bound. */
import {
  DEFAULT_QUANTILES,
  formatShortInstant,
  type LatencyAnswer,
  type LatencyGroup,
  type LatencyParameters,
  NS_PER_MS,
} from '../schemas/index.js';
import {
  countRevisions,
  exactLatency,
  type LatencyCell,
  type LatencyQuestion,
  latencyOfFew,
  SKETCH_RELATIVE_ERROR,
  sketchLatency,
} from '../store/index.js';
import { ApiError } from './errors.js';
import { type Progress, readFreshness, withFreshness } from './freshness.js';
import { cellsAmong, isAnsweredHere } from './recent-cells.js';
import type { Parts } from './settings.js';
import { windowAnswer, windowOf } from './window.js';

const MAX_GROUPS = 10_000;
/** "Right now": windows so short hold few traces, mostly, and are asked about at once. */
const SHORT_NS = 900_000_000_000n;

type Method = LatencyGroup['method'];

export async function answerLatency(parts: Parts, parameters: LatencyParameters): Promise<LatencyAnswer> {
  const window = windowOf(parameters, parts.clock());
  const { location, service, operation } = parameters;
  const question: LatencyQuestion = {
    tenant: parts.tenant,
    ...window,
    location,
    service,
    operation,
    groupBy: parameters.group_by ?? [],
    quantiles: parameters.quantile ?? DEFAULT_QUANTILES,
    stepNs: parameters.step,
  };
  const { progress, cells, method } = await readCells(parts, question);
  if (cells.length > MAX_GROUPS) {
    throw new ApiError(
      'API_TOO_MANY_GROUPS',
      `there are more than ${MAX_GROUPS} groups: give a shorter window, a longer step, fewer group_by or more filters`,
    );
  }
  const groups = cells.map(cell => groupOf(question, cell, method));
  return {
    window: windowAnswer(window),
    groups: groups.length === 0 && isOneGroup(question) ? [emptyGroup(question, method)] : groups,
    freshness: { ...progress, incomplete_ratio: incompleteRatio(cells) },
  };
}

interface Cells {
  readonly progress: Progress;
  readonly cells: readonly LatencyCell[];
  readonly method: Method;
}

async function readCells(parts: Parts, question: LatencyQuestion): Promise<Cells> {
  if (question.toNs - question.fromNs <= SHORT_NS) {
    const { progress, answer } = await withFreshness(parts, sinceMs => shortCells(parts, question, sinceMs));
    if (answer !== undefined) return { progress, cells: answer, method: 'exact' };
  }
  // Before the question: so what is settled is in the answer.
  const [progress, method] = await Promise.all([readFreshness(parts), methodFor(parts, question)]);
  const asked = method === 'exact' ? exactLatency : sketchLatency;
  return { progress, cells: await asked(parts.store, question, MAX_GROUPS + 1), method };
}

/** From memory where it is of now, else from the store; undefined if there is much to read. */
async function shortCells(
  parts: Parts,
  question: LatencyQuestion,
  sinceMs: number,
): Promise<readonly LatencyCell[] | undefined> {
  const { store, limits } = parts;
  const held = isRecent(parts, question) ? await parts.recent.since(sinceMs, question) : undefined;
  if (held !== undefined) return cellsAmong(held, question, MAX_GROUPS + 1);
  return latencyOfFew(store, question, MAX_GROUPS + 1, limits.exactTraces);
}

/** Parts are what one server has. */
function isRecent({ store, clock }: Parts, question: LatencyQuestion): boolean {
  const oldestNs = BigInt(Math.trunc(clock())) * NS_PER_MS - 2n * SHORT_NS;
  return store.cluster === undefined && question.fromNs >= oldestNs && isAnsweredHere(question);
}

/** Whatever comes in after it was counted: there are hardly more traces than that. */
async function methodFor({ store, limits }: Parts, question: LatencyQuestion): Promise<Method> {
  const revisions = await countRevisions(store, question, limits.exactTraces);
  return revisions > limits.exactTraces ? 'sketch' : 'exact';
}

function isOneGroup({ groupBy, stepNs }: LatencyQuestion): boolean {
  return groupBy.length === 0 && stepNs === undefined;
}

/** Grouped: the group's values. Else: the filters that were given. With steps, the start of the step besides. */
function keyOf(question: LatencyQuestion, cell: Pick<LatencyCell, 'key' | 'stepStartNs'>): Record<string, string> {
  const { groupBy, stepNs, fromNs } = question;
  const key: Record<string, string> = {};
  if (groupBy.length === 0) Object.assign(key, filtersOf(question));
  for (const [index, dimension] of groupBy.entries()) key[dimension] = cell.key[index];
  if (stepNs !== undefined) {
    key.from = formatShortInstant(cell.stepStartNs < fromNs ? fromNs : cell.stepStartNs);
  }
  return key;
}

function filtersOf({ location, service, operation }: LatencyQuestion): Record<string, string> {
  return {
    ...(location !== undefined && { location }),
    ...(service !== undefined && { service }),
    ...(operation !== undefined && { operation }),
  };
}

function groupOf(question: LatencyQuestion, cell: LatencyCell, method: Method): LatencyGroup {
  const isKnown = cell.traces > cell.unknown;
  return {
    key: keyOf(question, cell),
    traces: cell.traces,
    errors: cell.errors,
    unknown: cell.unknown,
    latency_ms: Object.fromEntries(
      question.quantiles.map((quantile, index) => [String(quantile), isKnown ? cell.latencyMs[index] : null]),
    ),
    method,
    relative_error: method === 'exact' ? 0 : SKETCH_RELATIVE_ERROR,
  };
}

function emptyGroup(question: LatencyQuestion, method: Method): LatencyGroup {
  const nothing = { key: [], stepStartNs: 0n, traces: 0, errors: 0, unknown: 0, incomplete: 0, latencyMs: [] };
  return groupOf(question, nothing, method);
}

function incompleteRatio(cells: readonly LatencyCell[]): number {
  const traces = cells.reduce((sum, cell) => sum + cell.traces, 0);
  return traces === 0 ? 0 : cells.reduce((sum, cell) => sum + cell.incomplete, 0) / traces;
}
