/** The configuration: flags over environment over file over defaults; parsed once, frozen. */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Config, configOf, conflictsOf, describeSettings, Settings } from '../schemas/index.js';

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
  const problems = applyEnvironment(raw, env);
  for (const [key, value] of Object.entries(flags)) put(raw, key.split('.'), value);
  const parsed = Settings.safeParse(raw);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(issue => explain(issue, raw)));
  else problems.push(...conflictsOf(parsed.data).map(({ key, message }) => `${key} ${message}`));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return freeze(configOf(parsed.data));
}

type Tree = { [key: string]: unknown };

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
  if (typeof value !== 'object' || Array.isArray(value) || value === null) {
    throw new ConfigError([`${file}: give settings as "key: value" lines`]);
  }
  return value as Tree;
}

/** Puts every THROUGHLINE_ variable in its place; returns what is wrong with the others. */
function applyEnvironment(raw: Tree, env: ConfigSources['env']): string[] {
  const settings = describeSettings();
  const byVariable = new Map(settings.map(({ variable, key }) => [variable, key]));
  const problems: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    // Variables of the benchmarks are not settings.
    if (!name.startsWith(PREFIX) || name.startsWith(`${PREFIX}BENCH_`) || value === undefined) continue;
    const key = byVariable.get(name);
    if (key !== undefined) put(raw, key.split('.'), value);
    else problems.push(`${name} is not a setting${suggestion(name, [...byVariable.keys()])}`);
  }
  return problems;
}

function put(tree: Tree, keys: readonly string[], value: string): void {
  const [key, ...rest] = keys;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const child = tree[key];
  const section: Tree = typeof child === 'object' && child !== null ? (child as Tree) : {};
  tree[key] = section;
  put(section, rest, value);
}

function explain(issue: z.core.$ZodIssue, raw: Tree): string[] {
  const path = issue.path.map(String);
  const at = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => {
      const full = [...path, key].join('.');
      return `${full} is not a setting${suggestion(full, knownKeys())}`;
    });
  }
  const value = path.reduce<unknown>((tree, key) => (tree as Tree | undefined)?.[key], raw);
  return [`${at}${value === undefined ? ' is missing' : ` is ${JSON.stringify(value)}`}: ${issue.message}`];
}

function knownKeys(): string[] {
  const keys = new Set<string>();
  for (const { key } of describeSettings()) {
    const parts = key.split('.');
    for (let length = 1; length <= parts.length; length++) keys.add(parts.slice(0, length).join('.'));
  }
  return [...keys];
}

function suggestion(name: string, known: readonly string[]): string {
  let nearest = '';
  let least = Math.max(3, name.length / 3);
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest === '' ? '; throughline.example.yaml lists them all' : `; did you mean ${nearest}?`;
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1] + Number(a[i - 1] !== b[j - 1]);
      current.push(Math.min(previous[j] + 1, current[j - 1] + 1, substituted));
    }
    previous = current;
  }
  return previous[b.length];
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
