/**
 * What must go together in a document, and what excludes each other. These rules look at the document as it was written,
 * so that they find what they can in one that has other faults, too.
 */

import { calendarFindings } from './calendar-rules.js';
import type { SloDocumentKind } from './documents.js';
import { findingsOf, valueAt } from './explain.js';
import { groupByList, isThroughline, type MetricRole, readMetricSpec } from './metric-spec.js';
import type { Finding, Path } from './problems.js';

type Tree = Readonly<Record<string, unknown>>;

/** A value of the document and where it stands. */
interface At {
  readonly value: unknown;
  readonly path: Path;
}

const child = ({ value, path }: At, ...keys: Path): At => ({ value: valueAt(value, keys), path: [...path, ...keys] });
const items = (at: At): At[] =>
  Array.isArray(at.value) ? at.value.map((value, index) => ({ value, path: [...at.path, index] })) : [];
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
const has = (at: At, key: string): boolean => valueAt(at.value, [key]) !== undefined;

export function ruleFindings(kind: SloDocumentKind, value: unknown): Finding[] {
  const spec: At = { value: valueAt(value, ['spec']), path: ['spec'] };
  if (!isTree(spec.value)) return [];
  if (kind === 'SLO') return sloFindings(spec);
  if (kind === 'SLI') return sliFindings(spec);
  return kind === 'AlertPolicy' ? policyFindings(spec) : [];
}

function sloFindings(spec: At): Finding[] {
  const objectives = items(child(spec, 'objectives'));
  const isComposite = objectives.some(objective => has(objective, 'indicator') || has(objective, 'indicatorRef'));
  const holders = isComposite ? objectives : [spec];
  const superfluous = isComposite ? ['indicator', 'indicatorRef'].filter(key => has(spec, key)) : [];
  return [
    ...holders.flatMap(holder => exactlyOne(holder, ['indicator', 'indicatorRef'])),
    ...superfluous.map(key => ({
      path: [...spec.path, key],
      message: 'does not go with indicators of the objectives: leave one of them out',
    })),
    ...[spec, ...objectives].flatMap(holder => inlineSliFindings(child(holder, 'indicator', 'spec'))),
    ...windowFindings(child(spec, 'timeWindow')),
    ...objectives.flatMap(objective => objectiveFindings(spec, objective)),
    ...items(child(spec, 'alertPolicies')).flatMap(policy => [
      ...referenceOrInline(policy, 'alertPolicyRef'),
      ...policyFindings(child(policy, 'spec')),
    ]),
    ...(has(spec, 'groupBy')
      ? findingsOf(groupByList(), valueAt(spec.value, ['groupBy']), [...spec.path, 'groupBy'])
      : []),
  ];
}

function exactlyOne(holder: At, keys: readonly [string, string]): Finding[] {
  if (!isTree(holder.value)) return [];
  const given = keys.filter(key => has(holder, key));
  if (given.length === 1) return [];
  const [first, second] = keys;
  if (given.length === 0)
    return [{ path: holder.path, message: `has neither ${first} nor ${second}: give one of them` }];
  return [{ path: [...holder.path, second], message: `does not go with ${first}: leave one of them out` }];
}

/** The parts in line with what a reference would lead to. */
function referenceOrInline(holder: At, reference: string): Finding[] {
  if (!isTree(holder.value)) return [];
  const inline = ['kind', 'metadata', 'spec'].filter(key => has(holder, key));
  if (has(holder, reference)) {
    return inline.map(key => ({
      path: [...holder.path, key],
      message: `does not go with ${reference}: leave one of them out`,
    }));
  }
  if (inline.length === 3) return [];
  if (inline.length === 0)
    return [{ path: holder.path, message: `is empty: give ${reference}, or kind, metadata and spec` }];
  return ['kind', 'metadata', 'spec']
    .filter(key => !has(holder, key))
    .map(key => ({
      path: [...holder.path, key],
      message: `is missing: give kind, metadata and spec, or ${reference}`,
    }));
}

const inlineSliFindings = (spec: At): Finding[] => (isTree(spec.value) ? sliFindings(spec) : []);

function sliFindings(spec: At): Finding[] {
  const ratio = child(spec, 'ratioMetric');
  return [
    ...exactlyOne(spec, ['thresholdMetric', 'ratioMetric']),
    ...(isTree(ratio.value) ? ratioFindings(ratio) : []),
    ...metricFindings(child(spec, 'thresholdMetric'), 'threshold'),
    ...(['good', 'bad', 'total', 'raw'] as const).flatMap(role => metricFindings(child(ratio, role), role)),
  ];
}

function ratioFindings(ratio: At): Finding[] {
  const findings = exactlyOne(ratio, ['total', 'raw']);
  if (has(ratio, 'total')) {
    findings.push(...exactlyOne(ratio, ['good', 'bad']));
    if (has(ratio, 'rawType'))
      findings.push({ path: [...ratio.path, 'rawType'], message: 'goes with raw only: leave it out' });
    return findings;
  }
  if (!has(ratio, 'raw')) return findings;
  for (const key of ['good', 'bad'].filter(name => has(ratio, name))) {
    findings.push({ path: [...ratio.path, key], message: 'does not go with raw: leave one of them out' });
  }
  if (!has(ratio, 'rawType')) {
    findings.push({ path: [...ratio.path, 'rawType'], message: 'is missing: give one of success, failure' });
  }
  return findings;
}

function metricFindings(metric: At, role: MetricRole): Finding[] {
  const source = child(metric, 'metricSource');
  if (!isTree(source.value)) return [];
  const type = source.value.type;
  if (type === undefined && !has(source, 'metricSourceRef')) {
    return [
      { path: [...source.path, 'type'], message: 'is missing: give the type, or a metricSourceRef that leads to it' },
    ];
  }
  const spec = child(source, 'spec');
  if (typeof type !== 'string' || !isThroughline(type) || !isTree(spec.value)) return [];
  return [...readMetricSpec(role, spec.value, spec.path).findings];
}

function windowFindings(timeWindow: At): Finding[] {
  const windows = items(timeWindow);
  const findings = windows.flatMap(oneWindowFindings);
  if (Array.isArray(timeWindow.value) && windows.length !== 1) {
    findings.push({ path: timeWindow.path, message: `has ${windows.length} windows: give exactly one` });
  }
  return findings;
}

function oneWindowFindings(window: At): Finding[] {
  if (!isTree(window.value)) return [];
  const isRolling = window.value.isRolling === true;
  const calendar = child(window, 'calendar');
  if (isRolling && calendar.value !== undefined) {
    return [{ path: calendar.path, message: 'does not go with isRolling: true; leave one of them out' }];
  }
  if (!isRolling && calendar.value === undefined) {
    return [
      { path: window.path, message: 'is of no kind: give isRolling: true, or a calendar with startTime and timeZone' },
    ];
  }
  return isTree(calendar.value) ? calendarFindings(calendar.value, calendar.path) : [];
}

function objectiveFindings(spec: At, objective: At): Finding[] {
  if (!isTree(objective.value)) return [];
  const method = valueAt(spec.value, ['budgetingMethod']);
  const indicator = has(objective, 'indicator') ? objective : spec;
  const isThreshold = isTree(valueAt(indicator.value, ['indicator', 'spec', 'thresholdMetric']));
  const needs = (key: string, valid: string): Finding[] =>
    has(objective, key) ? [] : [{ path: [...objective.path, key], message: `is missing: ${valid}` }];
  return [
    ...exactlyOne(objective, ['target', 'targetPercent']),
    ...(isThreshold ? needs('op', 'a thresholdMetric needs one of lt, lte, gt, gte') : []),
    ...(isThreshold ? needs('value', 'a thresholdMetric needs a number to compare with') : []),
    ...(method === 'Timeslices' ? needs('timeSliceTarget', 'Timeslices need a share such as 0.95') : []),
    ...(method === 'Timeslices' || method === 'RatioTimeslices'
      ? needs('timeSliceWindow', `${method} need whole minutes such as 1m`)
      : []),
  ];
}

function policyFindings(spec: At): Finding[] {
  if (!isTree(spec.value)) return [];
  const [conditions, targets] = [child(spec, 'conditions'), child(spec, 'notificationTargets')];
  const findings = [
    ...items(conditions).flatMap(condition => referenceOrInline(condition, 'conditionRef')),
    ...items(targets).flatMap(target => referenceOrInline(target, 'targetRef')),
  ];
  const count = items(conditions).length;
  if (conditions.value === undefined || (Array.isArray(conditions.value) && count !== 1)) {
    const message =
      count > 1 ? `has ${count}: give one, and a policy for each other` : 'is missing: give one condition';
    findings.push({ path: conditions.path, message });
  }
  if (targets.value === undefined || (Array.isArray(targets.value) && targets.value.length === 0)) {
    findings.push({ path: targets.path, message: 'is missing: give at least one target' });
  }
  return findings;
}
