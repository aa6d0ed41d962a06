/**
 * What healthy traces of an entry, or of a kind of its traces, spend, and where: the measure that bad traces are held against (docs/slo.md, Blame).
 * Traces come in three pools of minutes; the second and third are taken in only where those before brought too few.
 */
import type { SloDefinition } from '../../schemas/index.js';
import {
  addBaselines,
  type Baseline,
  type BlameQuestion,
  type Entry,
  healthyMinutes,
  healthySums,
  type MinuteChoice,
  type Store,
} from '../../store/index.js';
import { ApiError } from '../errors.js';
import { lengthMinutes, windowAt } from './math/index.js';

export interface BaselineLimits {
  /** An entry with fewer healthy traces takes in the next pool of minutes; a kind with fewer has no baseline of its own. */
  readonly minTraces: number;
  /** Of each pool the nearest minutes, until they have that many good traces: a mean gets no better by more. */
  readonly enoughTraces: number;
  /** Bounds what is read for an SLO that few traces are selected by. */
  readonly maxMinutes: number;
}

export const DEFAULT_BASELINE_LIMITS: BaselineLimits = { minTraces: 30, enoughTraces: 5_000, maxMinutes: 1_440 };

const MAX_REACH_MINUTES = 30 * 24 * 60;
const MAX_ROWS = 200_000;

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_MINUTE = 60;

/** Of each entry that has healthy traces one, and one of each of its kinds that has enough of them. */
export async function readBaselines(
  store: Store,
  question: BlameQuestion,
  entries: readonly Entry[],
  limits: BaselineLimits,
): Promise<Baseline[]> {
  if (entries.length === 0) return [];
  let found: Baseline[] = [];
  for (const minutes of await healthyMinutes(store, question, choiceOf(question, limits))) {
    const lacking = entries.filter(entry => tracesOf(found, entry) < limits.minTraces);
    if (lacking.length === 0) break;
    const more = await healthySums(store, question, lacking, minutes, MAX_ROWS + 1);
    if (more.reduce((rows, { sums }) => rows + sums.length + 1, 0) > MAX_ROWS) {
      throw new ApiError('API_TOO_MANY_GROUPS', 'healthy traces differ in too many ways: give operations fewer names');
    }
    found = addBaselines([...found, ...more]);
  }
  const whole = addBaselines(found.map(each => ({ ...each, of: { ...each.of, services: '' } })));
  return [...whole, ...found.filter(({ traces }) => traces >= limits.minTraces)];
}

function choiceOf(question: BlameQuestion, { enoughTraces, maxMinutes }: BaselineLimits): MinuteChoice {
  const { definition, objective, fromNs, toNs } = question;
  const fromMinute = Number(fromNs / NS_PER_SECOND / 60n);
  const toMinute = Number((toNs + 60n * NS_PER_SECOND - 1n) / NS_PER_SECOND / 60n);
  return {
    fromMinute: fromMinute * SECONDS_PER_MINUTE,
    toMinute: toMinute * SECONDS_PER_MINUTE,
    reachSeconds: reachMinutes(definition, fromMinute) * SECONDS_PER_MINUTE,
    targetPpm: targetOf(definition, objective),
    enoughTraces,
    maxMinutes,
  };
}

/** As long as the SLO's window: what lies further off was another system. */
function reachMinutes({ window }: SloDefinition, minute: number): number {
  return Math.min(lengthMinutes(windowAt(window, minute)), MAX_REACH_MINUTES);
}

/** Of events, which is what a minute has. */
function targetOf({ objectives }: SloDefinition, objective: number): number {
  return objectives[objective].slices?.targetPpm ?? objectives[objective].targetPpm;
}

function tracesOf(baselines: readonly Baseline[], { service, operation }: Entry): number {
  const own = baselines.filter(({ of }) => of.service === service && of.operation === operation);
  return own.reduce((sum, { traces }) => sum + traces, 0);
}
