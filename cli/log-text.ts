import { pino } from 'pino';

/** `10:31:02.123 WARN  ingest: refused spans reason="…"`; an error's stack below it. What is no such line stays as it is. */
export function readable(line: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line);
  } catch {
    return line;
  }
  const { level, time, role, msg, err, ...rest } = fields;
  const label = (pino.levels.labels[Number(level)] ?? '').toUpperCase().padEnd(5);
  const pairs = Object.entries(rest).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  const prefix = role === undefined ? '' : `${role}: `;
  return `${String(time).slice(11, 23)} ${label} ${prefix}${msg ?? ''}${pairs.join('')}\n${stackOf(err)}`;
}

function stackOf(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { stack, message } = err as { stack?: string; message?: string };
  return `  ${(stack ?? message ?? '').replaceAll('\n', '\n  ')}\n`;
}
