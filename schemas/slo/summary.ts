/** A definition in one line, for people. */
import { unscaled } from './decimals.js';
import type {
  AlertRule,
  DurationCondition,
  GoodCondition,
  SloDefinition,
  SloObjective,
  SloWindow,
  TraceSelection,
} from './definition.js';
import { shorthandText } from './shorthand.js';

/** `99.5 % good (duration < 300ms) of traces of location new york; 30d rolling; by location; 4 alerts (…)` */
export function summarize(definition: SloDefinition): string {
  const { objectives, selection, window, groupBy, alerts, unknown, budgetingMethod } = definition;
  return [
    `${objectives.map(objective => objectiveText(objective, budgetingMethod)).join(', ')} of ${selectionText(selection)}`,
    windowText(window),
    ...(groupBy.length > 0 ? [`by ${groupBy.join(', ')}`] : []),
    ...(unknown === 'excluded' ? [] : [`unknown count as ${unknown}`]),
    alertsText(alerts),
  ].join('; ');
}

function objectiveText({ targetPpm, good, slices }: SloObjective, method: SloDefinition['budgetingMethod']): string {
  const target = `${percentText(targetPpm)} ${goodText(good)}`;
  if (slices === null) return target;
  const slice = `slices of ${shorthandText(slices.minutes)}`;
  if (method === 'RatioTimeslices') return `${target}, mean of ${slice}`;
  return `${target}, ${slice} at ${percentText(slices.targetPpm)}`;
}

const percentText = (ppm: number): string => `${unscaled(BigInt(ppm), 4)} %`;

function goodText({ durations, noError, within, isNegated }: GoodCondition): string {
  const conditions = [
    ...durations.map(durationText),
    ...(noError ? ['no error'] : []),
    ...(within === null ? [] : [selectionText(within)]),
  ];
  return `good (${isNegated ? 'not: ' : ''}${conditions.join(' and ')})`;
}

const OPERATORS = { lt: '<', lte: '≤', gt: '>', gte: '≥' } as const;

function durationText({ tier, op, ns }: DurationCondition): string {
  const measure = tier === null ? 'duration' : `time in ${tier}`;
  return `${measure} ${OPERATORS[op]} ${nsText(BigInt(ns))}`;
}

function nsText(ns: bigint): string {
  return ns >= 1_000_000_000n ? `${unscaled(ns, 9)}s` : `${unscaled(ns, 6)}ms`;
}

function selectionText(selection: TraceSelection): string {
  const { services, operations, environments, locations, attributes, pathTiers, pathServices } = selection;
  const parts = [
    ...labelled('service', services, ' or '),
    ...labelled('operation', operations, ' or '),
    ...labelled('environment', environments, ' or '),
    ...labelled('location', locations, ' or '),
    ...attributes.flatMap(({ key, values }) => labelled(key, values, ' or ')),
    ...labelled('tier', pathTiers, ' and '),
    ...labelled('path service', pathServices, ' and '),
  ];
  return parts.length === 0 ? 'all traces' : `traces with ${parts.join(', ')}`;
}

const labelled = (label: string, values: readonly string[], joint: string): string[] =>
  values.length === 0 ? [] : [`${label} ${values.join(joint)}`];

function windowText(window: SloWindow): string {
  if (window.kind === 'rolling') return `${shorthandText(window.minutes)} rolling`;
  const { count, unit, start, timeZone } = window;
  const length = count === 1 ? `calendar ${unit}` : `${count} calendar ${unit}s`;
  return `${length} from ${start.replace('T', ' ')} ${timeZone}`;
}

function alertsText(alerts: readonly AlertRule[]): string {
  const conditions = alerts.flatMap(rule => rule.conditions);
  const webhooks = new Set(
    alerts.flatMap(rule => rule.targets.filter(({ url }) => url !== '').map(({ name }) => name)),
  );
  if (conditions.length === 0) return 'no alerts';
  const rates = conditions.map(
    ({ severity, factorPerMille, longMinutes, shortMinutes }) =>
      `${severity} ${unscaled(BigInt(factorPerMille), 3)} over ${shorthandText(longMinutes)}/${shorthandText(shortMinutes)}`,
  );
  const to = webhooks.size === 0 ? '' : ` to ${[...webhooks].join(', ')}`;
  return `alerts: ${rates.join(', ')}${to}`;
}
