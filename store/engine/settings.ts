/** What a Session is told before its query: database, settings, parameters. */
import { BAD_ARGUMENTS, UNKNOWN_SETTING } from './exceptions.js';

/**
 * chDB gives queries ids of its own. Ours goes along as the setting `log_comment`, which a query may be found by (and
 * killed): this is the expression of it in `system.processes`.
 */
export const QUERY_ID = "Settings['log_comment']";

/** What a whole result may take in memory, where it cannot be sent in pieces. */
const MAX_RESULT_BYTES = 1 << 30;

const DEFAULTS: readonly (readonly [string, string])[] = [['max_result_bytes', String(MAX_RESULT_BYTES)]];

/** One text of statements; `readonly` comes last, because nothing can be set after it. */
export function preamble({ database, role, settings, queryId }: Terms): string {
  if (!/^\w+$/.test(database)) throw BAD_ARGUMENTS(`Not the name of a database: ${database}`);
  if (role !== undefined && !/^\w+$/.test(role)) throw BAD_ARGUMENTS(`Not the name of a role: ${role}`);
  const all = new Map([...DEFAULTS, ...settings, ['log_comment', queryId] as const]);
  const readonly = all.get('readonly') ?? '0';
  all.delete('readonly');
  if (readonly !== '0') all.set('readonly', readonly);
  return `USE ${database}; ${role === undefined ? '' : `SET ROLE ${role}; `}SET ${[...all].map(assignment).join(', ')};`;
}

/** What a query is run under. */
export interface Terms {
  readonly database: string;
  readonly role: string | undefined;
  readonly settings: ReadonlyMap<string, string>;
  readonly queryId: string;
}

function assignment([name, value]: readonly [string, string]): string {
  if (!/^\w+$/.test(name)) throw UNKNOWN_SETTING(`Unknown setting '${name}'`);
  return `${name} = ${quote(value)}`;
}

export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
