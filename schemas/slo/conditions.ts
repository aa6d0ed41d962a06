/** What the numerator of a ratio, or an objective of a threshold, says makes a trace good. */
import { scaled } from './decimals.js';
import type { DurationCondition, GoodCondition, TraceSelection } from './definition.js';
import type { Objective } from './documents.js';
import { type ConditionsSpec, type MetricSpecOf, VALUE_UNIT_DIGITS } from './metric-spec.js';
import { inside, type Located, type Report } from './report.js';

/** The largest time that the store's signed 64 bits hold. */
const MAX_NS = (1n << 63n) - 1n;

/** `within` is what the numerator selects beyond the total. null: it has been reported why not. */
export function ratioCondition(
  says: 'good' | 'bad',
  { value: spec, place }: Located<ConditionsSpec>,
  within: TraceSelection | null,
  report: Report,
): GoodCondition | null {
  const durations = durationsOf(spec);
  const isEmpty = durations.length === 0 && within === null;
  if (isEmpty && spec.error === undefined) {
    const valid = says === 'good' ? 'maxDuration: 300ms or error: false' : 'minDuration: 300ms or error: true';
    report.add('problem', place, `says not what makes a trace ${says}: give a condition such as ${valid}`);
    return null;
  }
  if (says === 'good') {
    if (spec.error === true) {
      report.add(
        'problem',
        inside(place, 'error'),
        'a good trace has no error: give error: false, or leave it out',
        true,
      );
      return null;
    }
    return { durations, noError: spec.error === false, within, isNegated: false };
  }
  if (spec.error !== true) {
    warnOfOpposites(spec, { value: spec, place }, report);
    return { durations, noError: spec.error === false, within, isNegated: true };
  }
  if (isEmpty) return { durations, noError: true, within, isNegated: false };
  const message =
    'goes with no other condition of bad (a trace is bad if all of them hold): give good instead, where error: false goes with the others';
  report.add('problem', inside(place, 'error'), message, true);
  return null;
}

function durationsOf(spec: ConditionsSpec): DurationCondition[] {
  const one = (tier: string | null, op: DurationCondition['op'], ns: bigint | undefined): DurationCondition[] =>
    ns === undefined ? [] : [{ tier, op, ns: String(ns) }];
  const perTier = (op: DurationCondition['op'], durations: Readonly<Record<string, bigint>> = {}) =>
    Object.keys(durations)
      .sort()
      .flatMap(tier => one(tier, op, durations[tier]));
  return [
    ...one(null, 'lte', spec.maxDuration),
    ...one(null, 'gte', spec.minDuration),
    ...perTier('lte', spec.tierMaxDuration),
    ...perTier('gte', spec.tierMinDuration),
  ];
}

/** `bad: {maxDuration: 300ms}` counts the fast ones as bad; hardly anyone means that. */
function warnOfOpposites(spec: ConditionsSpec, { place }: Located<ConditionsSpec>, report: Report): void {
  const meant = { maxDuration: 'minDuration', tierMaxDuration: 'tierMinDuration' } as const;
  for (const [key, other] of Object.entries(meant) as [keyof typeof meant, string][]) {
    if (spec[key] === undefined) continue;
    report.add('warning', inside(place, key), `counts traces up to that as bad; if the slow ones are, give ${other}`);
  }
  if (spec.error === false) {
    report.add(
      'warning',
      inside(place, 'error'),
      'counts traces without an error as bad; if failed ones are, give error: true',
      false,
    );
  }
}

/** One objective of a `thresholdMetric`. */
export function thresholdCondition(
  spec: MetricSpecOf<'threshold'>,
  { value: objective, place }: Located<Objective>,
  report: Report,
): GoodCondition | null {
  const { op, value } = objective;
  if (op === undefined)
    report.add('problem', inside(place, 'op'), 'is missing: a thresholdMetric needs one of lt, lte, gt, gte');
  if (value === undefined) {
    report.add('problem', inside(place, 'value'), 'is missing: a thresholdMetric needs a number to compare with');
  }
  if (op === undefined || value === undefined) return null;
  const ns = scaled(value, VALUE_UNIT_DIGITS[spec.valueUnit ?? 'ms']);
  if (ns === undefined || ns <= 0n || ns > MAX_NS) {
    const unit = spec.valueUnit ?? 'ms';
    report.add(
      'problem',
      inside(place, 'value'),
      `give a duration in ${unit} (valueUnit), more than 0 and of whole nanoseconds`,
      value,
    );
    return null;
  }
  if (op.startsWith('g'))
    report.add('warning', inside(place, 'op'), 'counts the slow traces as good; mostly lt is meant', op);
  const tier = typeof spec.metric === 'object' ? spec.metric.tierDuration : null;
  return { durations: [{ tier, op, ns: String(ns) }], noError: false, within: null, isNegated: false };
}
