/** Documents that are valid by themselves → SLOs as the program works with them, each with why not where it is not. */
import { resolveAlerts } from './alerts.js';
import type { GroupDimension, SloDefinition } from './definition.js';
import type { Metadata, SloDocumentOf, SloSpec } from './documents.js';
import { type Indicator, resolveIndicator } from './indicators.js';
import { reportComposite, resolveObjectives } from './objectives.js';
import type { SloProblem } from './problems.js';
import type { SloSource } from './read.js';
import { DocumentIndex, inside, type Located, Report } from './report.js';
import { DEFAULT_WINDOW, resolveWindow } from './windows.js';

/**
 * `unsupported`: good OpenSLO that asks for what this program does not do, such as another data source; no fault of the
 * document.
 */
export type SloOutcome = 'resolved' | 'unsupported' | 'invalid';

export interface SloResolution {
  readonly name: string;
  readonly source: SloSource;
  readonly outcome: SloOutcome;
  /** null where it is not resolved. */
  readonly definition: SloDefinition | null;
  /** Why it is not resolved. */
  readonly reasons: readonly SloProblem[];
  readonly warnings: readonly SloProblem[];
}

export interface SloResolutions {
  readonly slos: readonly SloResolution[];
  /** Of documents that are no SLOs: names given twice. */
  readonly problems: readonly SloProblem[];
  /** Of documents that are no SLOs: references that lead nowhere, which may be in another file. */
  readonly warnings: readonly SloProblem[];
}

/** In order of the sources. Never throws. */
export function resolveSloDocuments(sources: readonly SloSource[]): SloResolutions {
  const index = new DocumentIndex(sources);
  const others = new Report();
  const duplicates = new Set(index.duplicates);
  const slos: SloResolution[] = [];
  for (const source of sources) {
    const report = source.document.kind === 'SLO' ? new Report() : others;
    if (duplicates.has(source)) reportDuplicate(source, index, report);
    if (source.document.kind === 'SLO') slos.push(resolveSlo(source, source.document, index, report));
    if (source.document.kind === 'AlertPolicy') checkPolicy(source, source.document, index, others);
  }
  return { slos, problems: others.problems, warnings: others.warnings };
}

function resolveSlo(
  source: SloSource,
  document: SloDocumentOf<'SLO'>,
  index: DocumentIndex,
  report: Report,
): SloResolution {
  const { metadata } = document;
  const spec = { value: document.spec, place: { source, path: ['spec'] } };
  const definition = definitionOf(spec, metadata, index, report);
  const { problems, unsupported, warnings } = report;
  const base = { name: metadata.name, source };
  if (unsupported.length > 0) {
    // What else is wrong with it matters only to a program that supports it.
    return {
      ...base,
      outcome: 'unsupported',
      definition: null,
      reasons: unsupported,
      warnings: [...warnings, ...problems],
    };
  }
  if (problems.length > 0 || definition === null) {
    return { ...base, outcome: 'invalid', definition: null, reasons: problems, warnings };
  }
  return { ...base, outcome: 'resolved', definition, reasons: [], warnings };
}

function definitionOf(
  spec: Located<SloSpec>,
  metadata: Metadata,
  index: DocumentIndex,
  report: Report,
): SloDefinition | null {
  const { value, place } = spec;
  const { name, displayName = name } = metadata;
  reportComposite(spec, report);
  if (index.find('Service', value.service) === undefined) {
    report.add('warning', inside(place, 'service'), 'names no Service document; it is a name only', value.service);
  }
  const indicator = resolveIndicator(spec, index, report);
  const window = resolveWindow({ value: value.timeWindow, place: inside(place, 'timeWindow') }, report);
  const alerts = resolveAlerts(spec, metadata, window ?? DEFAULT_WINDOW, index, report);
  if (indicator === null || window === null) return null;
  return {
    name,
    displayName,
    description: value.description ?? '',
    service: value.service,
    labels: labelsOf(metadata),
    selection: indicator.selection,
    groupBy: groupByOf(spec, indicator, report),
    unknown: indicator.unknown,
    window,
    budgetingMethod: value.budgetingMethod,
    objectives: resolveObjectives(spec, indicator, window, report),
    alerts,
  };
}

/** It may stand in the SLO and in its indicator, but must say the same. */
function groupByOf(
  { value, place }: Located<SloSpec>,
  indicator: Indicator,
  report: Report,
): readonly GroupDimension[] {
  const own = value.groupBy as readonly GroupDimension[] | undefined;
  const shared = indicator.groupBy?.value;
  if (own !== undefined && shared !== undefined && own.join() !== shared.join()) {
    report.add(
      'problem',
      inside(place, 'groupBy'),
      `differs from that of the indicator (${shared.join(', ')}): give one of them`,
      own,
    );
  }
  return own ?? shared ?? [];
}

function labelsOf({ labels = {} }: Metadata): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key, typeof value === 'string' ? [value] : value]),
  );
}

function reportDuplicate(source: SloSource, index: DocumentIndex, report: Report): void {
  const { kind, metadata } = source.document;
  const first = index.find(kind, metadata.name)?.place.source;
  const where = first === undefined ? '' : ` (${first.file}, document ${first.position})`;
  const message = `is the name of another ${kind}${where}: give each a name of its own`;
  report.add('problem', { source, path: ['metadata', 'name'] }, message, metadata.name);
}

/** A policy that no SLO here uses may refer to what is in another file. */
function checkPolicy(
  source: SloSource,
  { spec }: SloDocumentOf<'AlertPolicy'>,
  index: DocumentIndex,
  report: Report,
): void {
  const place = { source, path: ['spec'] };
  const check = (
    kind: 'AlertCondition' | 'AlertNotificationTarget',
    list: string,
    key: string,
    names: (string | undefined)[],
  ) => {
    for (const [position, name] of names.entries()) {
      if (name === undefined || index.find(kind, name) !== undefined) continue;
      report.add('warning', inside(place, list, position, key), `names no ${kind} of these documents`, name);
    }
  };
  const { conditions = [], notificationTargets = [] } = spec;
  check(
    'AlertCondition',
    'conditions',
    'conditionRef',
    conditions.map(condition => condition.conditionRef),
  );
  check(
    'AlertNotificationTarget',
    'notificationTargets',
    'targetRef',
    notificationTargets.map(target => target.targetRef),
  );
}
