/** Documents that tests begin with, as plain values, and what becomes of them. */
import { stringify } from 'yaml';
import {
  readSloDocuments,
  resolveSloDocuments,
  type SloDefinition,
  type SloResolution,
  type SloSource,
} from '../../../schemas/index.js';

export type Tree = { [key: string]: unknown };

const source = (spec: Tree): Tree => ({ metricSource: { type: 'throughline', spec } });

export const ratioSli = (good: Tree, total: Tree): Tree => ({
  ratioMetric: { good: source(good), total: source(total) },
});
export const badSli = (bad: Tree, total: Tree): Tree => ({ ratioMetric: { bad: source(bad), total: source(total) } });
export const rawSli = (rawType: string, raw: Tree): Tree => ({ ratioMetric: { rawType, raw: source(raw) } });
export const thresholdSli = (spec: Tree): Tree => ({ thresholdMetric: source(spec) });

export function sloDocument(spec: Tree = {}, metadata: Tree = {}): Tree {
  return {
    apiVersion: 'openslo/v1',
    kind: 'SLO',
    metadata: { name: 'transfers', ...metadata },
    spec: {
      service: 'bank',
      indicator: { metadata: { name: 'fast' }, spec: ratioSli({ maxDuration: '300ms' }, { service: 'edge' }) },
      budgetingMethod: 'Occurrences',
      objectives: [{ target: 0.995 }],
      ...spec,
    },
  };
}

export const withSli = (spec: Tree, more: Tree = {}): Tree =>
  sloDocument({ indicator: { metadata: { name: 'sli' }, spec }, ...more });

export const kindOf = (kind: string, name: string, spec: Tree, metadata: Tree = {}): Tree => ({
  apiVersion: 'openslo/v1',
  kind,
  metadata: { name, ...metadata },
  spec,
});

export const bank = kindOf('Service', 'bank', {});

export const textOf = (...documents: readonly Tree[]): string =>
  documents.map(document => stringify(document)).join('---\n');

export function sourcesOf(...documents: readonly Tree[]): SloSource[] {
  return readSloDocuments(textOf(...documents), 'slo.yaml').map(({ source: read, problems }) => {
    if (read === null) throw new Error(`refused: ${JSON.stringify(problems)}`);
    return read;
  });
}

/** Of the one SLO among them. */
export function resolved(...documents: readonly Tree[]): SloResolution {
  const { slos } = resolveSloDocuments(sourcesOf(...documents));
  if (slos.length !== 1) throw new Error(`${slos.length} SLOs`);
  return slos[0];
}

export function definitionOf(...documents: readonly Tree[]): SloDefinition {
  const { definition, reasons } = resolved(...documents);
  if (definition === null) throw new Error(`not resolved: ${JSON.stringify(reasons)}`);
  return definition;
}

/** `path is value: message` of each problem, or of each reason where the document alone is valid. */
export function refusals(...documents: readonly Tree[]): { path: string; value: string; message: string }[] {
  const readings = readSloDocuments(textOf(...documents), 'slo.yaml');
  const problems = readings.flatMap(reading => reading.problems);
  const found =
    problems.length > 0
      ? problems
      : resolveSloDocuments(readings.map(reading => reading.source!)).slos.flatMap(({ reasons }) => reasons);
  return found.map(({ path, value, message }) => ({ path, value, message }));
}
