/** `throughline slo validate`: every document with what is wrong with it, every SLO with what it comes to. */
import {
  countingHash,
  definitionHash,
  resolveSloDocuments,
  type SloDefinition,
  type SloOutcome,
  type SloProblem,
  sloFindingText,
  summarizeSlo,
} from '../schemas/index.js';
import { readSloFiles, type SloFile } from './slo-files.js';

/** One document, as `--json` prints it. */
interface Verdict {
  readonly file: string;
  readonly document: number;
  readonly kind: string;
  readonly name: string;
  /** Of documents that are no SLOs `valid` or `invalid`. */
  readonly outcome: SloOutcome | 'valid';
  readonly problems: readonly SloProblem[];
  readonly warnings: readonly SloProblem[];
  /** Why it is unsupported. */
  readonly unsupported: readonly SloProblem[];
  readonly summary: string | null;
  readonly counting_hash: string | null;
  readonly definition_hash: string | null;
  readonly definition: SloDefinition | null;
}

/** Prints the verdicts; true if nothing is invalid. */
export async function validateSlos(paths: readonly string[], asJson: boolean): Promise<boolean> {
  const verdicts = verdictsOf(await readSloFiles(paths));
  const isValid = verdicts.every(({ outcome }) => outcome !== 'invalid');
  process.stdout.write(
    asJson ? `${JSON.stringify({ valid: isValid, documents: verdicts }, null, 2)}\n` : textOf(verdicts),
  );
  return isValid;
}

function verdictsOf(files: readonly SloFile[]): Verdict[] {
  const readings = files.flatMap(({ file, readings }) => readings.map(reading => ({ file, ...reading })));
  const sources = readings.flatMap(({ source }) => (source === null ? [] : [source]));
  const { slos, problems, warnings } = resolveSloDocuments(sources);
  return readings.map(({ file, position, kind, name, source, problems: own }) => {
    const slo = slos.find(candidate => candidate.source === source);
    const isHere = (problem: SloProblem) => problem.file === file && problem.document === position;
    const reasons = slo?.reasons ?? [];
    const found = [...own, ...problems.filter(isHere), ...(slo?.outcome === 'invalid' ? reasons : [])];
    const definition = slo?.definition ?? null;
    return {
      file,
      document: position,
      kind,
      name,
      outcome: found.length > 0 ? 'invalid' : (slo?.outcome ?? 'valid'),
      problems: found,
      warnings: [...warnings.filter(isHere), ...(slo?.warnings ?? [])],
      unsupported: slo?.outcome === 'unsupported' ? reasons : [],
      summary: definition && summarizeSlo(definition),
      counting_hash: definition && countingHash(definition),
      definition_hash: definition && definitionHash(definition),
      definition,
    };
  });
}

function textOf(verdicts: readonly Verdict[]): string {
  const files = [...new Set(verdicts.map(({ file }) => file))];
  const lines = files.flatMap(file => [file, ...verdicts.filter(verdict => verdict.file === file).flatMap(linesOf)]);
  return `${[...lines, totalOf(verdicts)].join('\n')}\n`;
}

const OUTCOMES: Readonly<Record<Verdict['outcome'], string>> = {
  valid: 'ok',
  resolved: 'ok',
  unsupported: 'unsupported',
  invalid: 'invalid',
};

function linesOf(verdict: Verdict): string[] {
  const { file, document, kind, name, outcome, problems, warnings, unsupported, summary } = verdict;
  const told = (label: string, list: readonly SloProblem[]) =>
    list.map(problem => `    ${label}${placeOf(problem, file)}: ${sloFindingText(problem)}`);
  return [
    `  ${[`${document}.`, kind, name].filter(part => part !== '').join(' ')}: ${OUTCOMES[outcome]}`,
    ...(summary === null ? [] : [`    ${summary}`]),
    ...told('error', problems),
    ...told('unsupported', unsupported),
    ...told('warning', warnings),
  ];
}

/** What an SLO refers to may stand in another file. */
function placeOf({ file, line }: SloProblem, here: string): string {
  const place = [...(file === here ? [] : [file]), ...(line === null ? [] : [`line ${line}`])];
  return place.length === 0 ? '' : ` (${place.join(', ')})`;
}

function totalOf(verdicts: readonly Verdict[]): string {
  const count = (outcome: Verdict['outcome']) => verdicts.filter(verdict => verdict.outcome === outcome).length;
  const warnings = verdicts.reduce((sum, verdict) => sum + verdict.warnings.length, 0);
  const documents = verdicts.length === 1 ? '1 document' : `${verdicts.length} documents`;
  return `${documents}: ${count('resolved')} SLOs to be counted, ${count('unsupported')} unsupported, ${count('invalid')} invalid; ${warnings} warnings`;
}
