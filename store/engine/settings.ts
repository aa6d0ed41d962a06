/** What a Session is told before its query: database, role, settings, parameters. */
import { BAD_ARGUMENTS, UNKNOWN_SETTING } from './exceptions.js';

/** What a whole result may take in memory, where it cannot be sent in pieces. */
const MAX_RESULT_BYTES = 1 << 30;

const DEFAULTS: readonly (readonly [string, string])[] = [['max_result_bytes', String(MAX_RESULT_BYTES)]];

export const PARAMETER = 'param_';

/** What a query is run under. */
export interface Terms {
  readonly database: string;
  readonly role: string | undefined;
  /** `param_…` among them. */
  readonly settings: ReadonlyMap<string, string>;
}

/** Statements for everything but parameters. `readonly` of 1 is not among them: nothing can be set after it. */
export function terms({ database, role, settings }: Terms): string {
  if (!/^\w+$/.test(database)) throw BAD_ARGUMENTS(`Not the name of a database: ${database}`);
  if (role !== undefined && !/^\w+$/.test(role)) throw BAD_ARGUMENTS(`Not the name of a role: ${role}`);
  const own = [...settings].filter(([name]) => name !== 'readonly' && !isParameter(name));
  const all = new Map([...DEFAULTS, ...own]);
  return `USE ${database}; ${role === undefined ? '' : `SET ROLE ${role}; `}SET ${[...all].map(assignment).join(', ')};`;
}

/** `statements`, those for the parameters, and `readonly` last; '' where there is nothing to say. */
export function withParameters(statements: string, { settings }: Terms): string {
  const last = [...settings].filter(([name]) => isParameter(name));
  if (isReadonly(settings)) last.push(['readonly', settings.get('readonly') ?? '0']);
  return last.length === 0 ? statements : `${statements} SET ${last.map(assignment).join(', ')};`;
}

export function parameterNames({ settings }: Terms): string {
  return [...settings.keys()].filter(isParameter).join();
}

export function isParameter(name: string): boolean {
  return name.startsWith(PARAMETER);
}

export function isReadonly(settings: ReadonlyMap<string, string>): boolean {
  return (settings.get('readonly') ?? '0') !== '0';
}

function assignment([name, value]: readonly [string, string]): string {
  if (!/^\w+$/.test(name)) throw UNKNOWN_SETTING(`Unknown setting '${name}'`);
  return `${name} = ${quote(value)}`;
}

export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
