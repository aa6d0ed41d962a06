/** The configuration: flags over environment over file over defaults; parsed once, frozen. */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import {
  type Config,
  configOf,
  conflictsOf,
  describeSettings,
  listFromText,
  Settings,
  SHORT_KEYS,
  variableOf,
} from '../schemas/index.js';
import { suggestion } from './suggestion.js';

/** Says for each wrong setting its key, its value and what would be valid. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export interface ConfigSources {
  /** A YAML file; none is needed. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Settings of the command line, by key: `dataDir`. */
  readonly flags?: Readonly<Record<string, string>>;
}

const PREFIX = 'THROUGHLINE_';

export function loadConfig({ file, env, flags = {} }: ConfigSources): Config {
  const raw = file === undefined ? {} : readFile(file);
  for (const [short, key] of SHORT_KEYS) {
    if (typeof raw[short] !== 'object' || Array.isArray(raw[short])) rename(raw, short, key);
  }
  const { problems, variables } = applyEnvironment(raw, env);
  for (const [key, value] of Object.entries(flags)) put(raw, key.split('.'), value);
  const parsed = Settings.safeParse(raw);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap(issue => explain(issue, raw, variables)));
    problems.push(...conflictsOfTheRest(raw, parsed.error.issues));
  } else {
    problems.push(...conflictsOf(parsed.data).map(({ keys, message }) => `${keys[0]} ${message}`));
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return freeze(configOf(parsed.data));
}

type Tree = { [key: string]: unknown };

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

function readFile(file: string): Tree {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`--config ${file} cannot be read: ${error instanceof Error ? error.message : error}`]);
  }
  const document = parseDocument(source);
  if (document.errors.length > 0) throw new ConfigError(document.errors.map(error => `${file}: ${error.message}`));
  const value: unknown = document.toJS() ?? {};
  if (!isTree(value)) throw new ConfigError([`${file}: give settings as "key: value" lines`]);
  return withoutEmptySections(value, []);
}

/** A section whose lines are all commented out reads as null; it says nothing. A setting without a value stays wrong. */
function withoutEmptySections(tree: Tree, path: readonly string[]): Tree {
  const kept: Tree = {};
  for (const [key, value] of Object.entries(tree)) {
    const full = [...path, key];
    if (isTree(value)) kept[key] = withoutEmptySections(value, full);
    else if (value !== null || !isSection(full.join('.'))) kept[key] = value;
  }
  return kept;
}

const isSection = (key: string) => describeSettings().some(setting => setting.key.startsWith(`${key}.`));

function rename(raw: Tree, short: string, key: string): void {
  const value = raw[short];
  if (value === undefined) return;
  delete raw[short];
  put(raw, key.split('.'), value);
}

/** Puts every THROUGHLINE_ variable in its place; answers what is wrong with the others, and which key has its value from which. */
function applyEnvironment(
  raw: Tree,
  env: ConfigSources['env'],
): { problems: string[]; variables: ReadonlyMap<string, string> } {
  const byVariable = new Map(describeSettings().map(({ variable, key }) => [variable, key]));
  for (const [short, key] of SHORT_KEYS) byVariable.set(variableOf([short]), key);
  const problems: string[] = [];
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    // Variables of the benchmarks are not settings.
    if (!name.startsWith(PREFIX) || name.startsWith(`${PREFIX}BENCH_`) || value === undefined) continue;
    const key = byVariable.get(name);
    if (key === undefined) problems.push(`${name} is not a setting${suggestion(name, [...byVariable.keys()])}`);
    else if (put(raw, key.split('.'), value)) variables.set(key, name);
  }
  return { problems, variables };
}

/** False where the file has something else than a section on the way: that is reported as it stands there. */
function put(tree: Tree, keys: readonly string[], value: unknown): boolean {
  const [key, ...rest] = keys;
  if (rest.length === 0) {
    tree[key] = value;
    return true;
  }
  tree[key] ??= {};
  const section = tree[key];
  return isTree(section) && put(section, rest, value);
}

function explain(issue: z.core.$ZodIssue, raw: Tree, variables: ReadonlyMap<string, string>): string[] {
  const path = issue.path.map(String);
  const at = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => {
      const full = [...path, key].join('.');
      return `${full} is not a setting${suggestion(full, knownKeys())}`;
    });
  }
  const source = [...variables].find(([key]) => at === key || at.startsWith(`${key}.`));
  const from = source === undefined ? '' : ` (${source[1]})`;
  return [`${at}${from}${whatItIs(valueAt(raw, path), at)}: ${issue.message}`];
}

/** Tokens and passwords must not end up in a log. */
const SECRET = /^(ingest|analytics)\.auth\.tokens|^client\.token$|password$/;

function whatItIs(value: unknown, at: string): string {
  if (value === undefined) return ' is missing';
  return SECRET.test(at) ? ' cannot be used (its value is not shown)' : ` is ${JSON.stringify(value)}`;
}

function valueAt(raw: Tree, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    // In a variable a list is text.
    const inner = typeof value === 'string' ? listFromText(value) : value;
    return typeof inner === 'object' && inner !== null ? (inner as Tree)[key] : undefined;
  }, raw);
}

/** Combinations of the settings that are valid by themselves, so that one run shows everything there is to mend. */
function conflictsOfTheRest(raw: Tree, issues: readonly z.core.$ZodIssue[]): string[] {
  const rest = structuredClone(raw);
  const wrong = issues.flatMap(({ path, ...issue }) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...path.map(String), key]) : [path.map(String)],
  );
  for (const path of wrong) remove(rest, path);
  const parsed = Settings.safeParse(rest);
  if (!parsed.success) return [];
  const isKnown = (key: string) => !wrong.some(path => key.startsWith(path.join('.')));
  return conflictsOf(parsed.data)
    .filter(({ keys }) => keys.every(isKnown))
    .map(({ keys, message }) => `${keys[0]} ${message}`);
}

/** Takes out the setting that a path leads to or into. */
function remove(tree: Tree, [key, ...rest]: readonly string[]): void {
  const inner = tree[key];
  if (rest.length > 0 && isTree(inner)) remove(inner, rest);
  else delete tree[key];
}

function knownKeys(): string[] {
  const keys = new Set<string>();
  for (const { key } of describeSettings()) {
    const parts = key.split('.');
    for (let length = 1; length <= parts.length; length++) keys.add(parts.slice(0, length).join('.'));
  }
  return [...keys];
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
