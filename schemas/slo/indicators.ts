/** The indicator of an SLO: which traces count, how they are grouped, and what makes one good. */
import { ratioCondition, thresholdCondition } from './conditions.js';
import type { GoodCondition, GroupDimension, TraceSelection, UnknownPolicy } from './definition.js';
import type { Metric, Objective, RatioMetric, SliSpec, SloSpec } from './documents.js';
import { isThroughline, type MetricRole, type MetricSpecOf, readMetricSpec, SOURCE_TYPE } from './metric-spec.js';
import { locate } from './read.js';
import { type DocumentIndex, inside, type Located, type Report } from './report.js';
import { areDisjoint, narrowing, selectionOf } from './selection.js';

export interface Indicator {
  readonly selection: TraceSelection;
  readonly groupBy: Located<readonly GroupDimension[]> | null;
  readonly unknown: UnknownPolicy;
  readonly isThreshold: boolean;
  /** null: it has been reported why not. */
  good(objective: Located<Objective>, report: Report): GoodCondition | null;
}

/** null: it has been reported why not. */
export function resolveIndicator(slo: Located<SloSpec>, index: DocumentIndex, report: Report): Indicator | null {
  const sli = sliOf(slo, index, report);
  if (sli === undefined) return null;
  const { thresholdMetric, ratioMetric } = sli.value;
  if (ratioMetric !== undefined) {
    return ratioIndicator({ value: ratioMetric, place: inside(sli.place, 'ratioMetric') }, index, report);
  }
  if (thresholdMetric === undefined) return null;
  const metric = { value: thresholdMetric, place: inside(sli.place, 'thresholdMetric') };
  const spec = specOf('threshold', metric, index, report);
  return spec === null ? null : thresholdIndicator(spec);
}

function sliOf({ value, place }: Located<SloSpec>, index: DocumentIndex, report: Report): Located<SliSpec> | undefined {
  if (value.indicator !== undefined) return { value: value.indicator.spec, place: inside(place, 'indicator', 'spec') };
  if (value.indicatorRef === undefined) return undefined;
  const sli = index.follow('SLI', value.indicatorRef, inside(place, 'indicatorRef'), report);
  return sli === undefined ? undefined : { value: sli.value.spec, place: inside(sli.place, 'spec') };
}

function thresholdIndicator(spec: Located<MetricSpecOf<'threshold'>>): Indicator {
  return {
    ...countingOf(spec),
    isThreshold: true,
    good: (objective, report) => thresholdCondition(spec.value, objective, report),
  };
}

function ratioIndicator(
  { value: ratio, place }: Located<RatioMetric>,
  index: DocumentIndex,
  report: Report,
): Indicator | null {
  const read = <Role extends MetricRole>(role: Role, metric: Metric) =>
    specOf(role, { value: metric, place: inside(place, role) }, index, report);
  const says = (ratio.rawType ?? (ratio.good === undefined ? 'failure' : 'success')) === 'success' ? 'good' : 'bad';
  if (ratio.raw !== undefined) {
    const raw = read('raw', ratio.raw);
    if (raw === null) return null;
    return fixed(countingOf(raw), ratioCondition(says, raw, null, report));
  }
  const numerator = ratio.good ?? ratio.bad;
  if (ratio.total === undefined || numerator === undefined) return null;
  const part = read(says, numerator);
  const total = read('total', ratio.total);
  if (part === null || total === null) return null;
  const [whole, selected] = [selectionOf(total.value), selectionOf(part.value)];
  if (areDisjoint(whole, selected)) report.add('warning', part.place, `selects nothing of total: no trace is ${says}`);
  return fixed(countingOf(total), ratioCondition(says, part, narrowing(whole, selected), report));
}

type Counting = Pick<Indicator, 'selection' | 'groupBy' | 'unknown'>;

function countingOf({ value: spec, place }: Located<MetricSpecOf<'total'>>): Counting {
  return {
    selection: selectionOf(spec),
    groupBy: spec.groupBy === undefined ? null : { value: spec.groupBy, place: inside(place, 'groupBy') },
    unknown: spec.unknown ?? 'excluded',
  };
}

/** The same for every objective. */
function fixed(counting: Counting, good: GoodCondition | null): Indicator | null {
  return good === null ? null : { ...counting, isThreshold: false, good: () => good };
}

function specOf<Role extends MetricRole>(
  role: Role,
  { value: metric, place }: Located<Metric>,
  index: DocumentIndex,
  report: Report,
): Located<MetricSpecOf<Role>> | null {
  const source = { value: metric.metricSource, place: inside(place, 'metricSource') };
  const type = typeOf(source, index, report);
  if (type === undefined) return null;
  if (!isThroughline(type)) {
    const message = `Throughline counts the traces that it stitches and reads no other data source, so it cannot measure this: give type: ${SOURCE_TYPE} and a spec that selects traces`;
    report.add('unsupported', inside(source.place, 'type'), message, type);
    return null;
  }
  const at = inside(source.place, 'spec');
  const { spec, findings } = readMetricSpec(role, source.value.spec, at.path);
  // Those of a document that names its type have been told before.
  report.problems.push(...findings.map(finding => locate(finding, at.source)));
  return spec === null ? null : { value: spec, place: at };
}

/** Its own type, else that of the DataSource it refers to. */
function typeOf(
  { value: source, place }: Located<Metric['metricSource']>,
  index: DocumentIndex,
  report: Report,
): string | undefined {
  const { type, metricSourceRef } = source;
  if (metricSourceRef === undefined) return type;
  const at = inside(place, 'metricSourceRef');
  if (type === undefined) return index.follow('DataSource', metricSourceRef, at, report)?.value.spec.type;
  const referred = index.find('DataSource', metricSourceRef)?.value.spec.type;
  if (referred === undefined) {
    if (isThroughline(type)) report.add('warning', at, 'names no DataSource; the type is enough', metricSourceRef);
  } else if (referred.toLowerCase() !== type.toLowerCase()) {
    report.add('warning', at, `is a DataSource of type ${referred}; type: ${type} holds`, metricSourceRef);
  }
  return type;
}
